"""
The authenticate host: signing in at an OpenID Provider, signing out, and keeping sessions fresh.
"""
