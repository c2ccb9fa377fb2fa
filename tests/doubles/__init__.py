"""
Doubles that work: each does what the real thing does, over memory.
"""
