"""
Who is at the other end of a connection, as far as a policy may ask.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """
    The user agent's end of one connection.
    """

    address: str
    """
    Its IP address.
    """
