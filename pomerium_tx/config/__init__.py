"""
Configuration: Pomerium's keys with Pomerium's meanings, and a few of our own.
"""
