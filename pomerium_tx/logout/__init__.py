"""
Ending sessions: one door, what it owes afterwards, and the way to the OpenID Provider's own logout.
"""
