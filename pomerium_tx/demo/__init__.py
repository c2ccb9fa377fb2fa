"""
What ``make demo`` shows: a development OpenID Provider and two sample applications, on loopback only.

The provider is also the double that the tests of the relying party use.
"""
