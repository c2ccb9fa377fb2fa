"""
What the measurement must know of anything it measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

IS_FOR_ANYBODY = 200
"""
What an anonymous request gets from a proxy that asks for no session.
"""


class Missing(Exception):
    """
    A program that is not on this machine; the message is what to say of it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """
    One configuration under test.
    """

    name: str
    title: str
    pid: int
    port: int
    host: str = "app.localhost"
    is_tls: bool = False
    cookie: str = field(default="bench_session=of-nobody", repr=False)
    """
    The session's cookie; where no session is asked for, one that nobody looks at.
    """
    anonymous: int = IS_FOR_ANYBODY
    """
    The status of a request without a session that does not navigate.
    """
    identity: Mapping[str, str] = field(default_factory=dict)
    """
    What the application must be told of the person: the name of a field -> what is found in it.
    """

    @property
    def url(self) -> str:
        """
        Its root, by address.
        """
        return f"{'https' if self.is_tls else 'http'}://127.0.0.1:{self.port}"
