"""
Which route a request is for, and under which external origin it was asked for.
"""
