"""
What the room of the OpenID Provider knows: what it publishes, what it answers, what its tokens say.
"""
