"""
What the operator sees: the access log and the audit log.
"""
