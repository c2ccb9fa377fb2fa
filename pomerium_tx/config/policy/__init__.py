"""
The Pomerium Policy Language as it is written: rules, criteria and matchers.
"""
