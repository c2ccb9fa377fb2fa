"""
What a session is, and the one registry in which sessions begin and end.
"""
