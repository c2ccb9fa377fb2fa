"""
TLS on both sides: which certificate we show a user agent, and which certificates we believe an upstream.
"""
