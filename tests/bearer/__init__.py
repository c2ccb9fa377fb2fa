"""
Tests of `pomerium_tx.bearer`.
"""
