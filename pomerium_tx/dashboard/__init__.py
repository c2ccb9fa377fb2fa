"""
What every route host answers itself: who am I, the end of a sign-in, sign-out, the published keys.
"""
