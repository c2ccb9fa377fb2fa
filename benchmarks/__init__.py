"""
Measurements, not tests: they say how fast, on which machine, and nothing fails because of it.
"""
