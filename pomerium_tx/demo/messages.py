"""
What arrives at an endpoint of the development OP, and what leaves it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

NO_STORE = ("Cache-Control", "no-store")
_PAGE_HEADERS = (
    NO_STORE,
    ("Content-Type", "text/html; charset=utf-8"),
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
)
# No form-action: browsers apply it to the redirect that answers a form as well.
_POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """
    A request that an endpoint received; what it carries is kept out of its ``repr``.
    """

    endpoint: str
    method: str
    query: str = field(default="", repr=False)
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """
    Those of the query for GET, those of the form for POST.
    """
    authorization: str | None = field(default=None, repr=False)
    session_handle: str | None = field(default=None, repr=False)
    is_ours: bool = True
    """
    Whether a page of the OP itself, or nobody's page, sent it.
    """

    def parameter(self, name: str) -> str | None:
        """
        The first value of the parameter *name*.
        """
        return next((value for key, value in self.parameters if key == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    The response of an endpoint.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    silent: bool = False
    """
    Nothing is answered, ever.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    What an endpoint answers instead of doing what it is for.
    """

    status: int = 500
    body: bytes = b""
    content_type: str = "text/plain"
    headers: tuple[tuple[str, str], ...] = ()
    silent: bool = False

    def answer(self) -> Answer:
        """
        The response that this fault is.
        """
        headers = (("Content-Type", self.content_type), *self.headers)
        return Answer(status=self.status, headers=headers, body=self.body, silent=self.silent)


Misbehaviour = Fault | Callable[[Received], Fault | None]
"""
A fault, or what decides for each request whether there is one.
"""


def json_answer(document: object, *, status: int = 200, headers: tuple[tuple[str, str], ...] = (NO_STORE,)) -> Answer:
    """
    *document* as JSON.
    """
    body = json.dumps(document).encode("ascii")
    return Answer(status=status, headers=(("Content-Type", "application/json"), *headers), body=body)


def page_answer(
    body: bytes, *, status: int = 200, headers: tuple[tuple[str, str], ...] = (), frames: Sequence[str] = ()
) -> Answer:
    """
    A page for the person, which nobody may frame.

    :param frames: The origins of what the page frames; they learn whose page it is, as relying parties may ask.
    """
    policy = f"{_POLICY}; frame-src {' '.join(frames)}" if frames else _POLICY
    own = (
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "strict-origin" if frames else "same-origin"),
    )
    return Answer(status=status, headers=(*_PAGE_HEADERS, *own, *headers), body=body)


def see_other(location: str, *, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """
    The user agent goes on to *location*, by GET.
    """
    return Answer(status=303, headers=(NO_STORE, ("Location", location), *headers))
