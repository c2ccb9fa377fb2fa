"""
What single keys may hold: what stood in the file in, the value that is used out.
"""
