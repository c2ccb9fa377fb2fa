"""
What the room of signed tokens knows: taking them apart, keys, signing.
"""
