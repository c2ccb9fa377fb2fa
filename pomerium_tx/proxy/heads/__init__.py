"""
What an upstream is shown of a request, and a user agent of a response.
"""
