"""
The connections to upstreams: how many, to which of several, and whether they are well.
"""
