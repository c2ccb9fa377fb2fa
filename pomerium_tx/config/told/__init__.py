"""
What is told of keys: those that there are, those that are not supported, and how they are written.
"""
