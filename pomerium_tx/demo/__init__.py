"""
What ``make demo`` shows: a development OpenID Provider, two sample applications behind the proxy and one beside it,
on loopback only.

The provider is also the double that the tests of the relying party use.
"""
