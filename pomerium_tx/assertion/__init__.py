"""
What an application is told about the person: the signed identity assertion and the claim headers.
"""
