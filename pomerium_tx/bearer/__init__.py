"""
Tokens that programs present: believed once, then known by their digest.
"""
