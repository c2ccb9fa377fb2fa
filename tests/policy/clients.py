"""
Policies, asked for tests that do not care about the request.
"""

from __future__ import annotations

from dataclasses import replace

from pomerium_tx.config.policy.rules import rules
from pomerium_tx.http11.canonical import Canonical, canonical_path
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy.client import Client
from pomerium_tx.policy.decision import Decision, Policy
from pomerium_tx.policy.language import compiled
from pomerium_tx.sessions.session import Session

CLIENT = Client(address="192.0.2.1")
HEAD = RequestHead(
    method=b"GET",
    target=b"/",
    minor=1,
    fields=[],
    host=b"app.example.com",
    content_length=None,
    chunked=False,
    keep_alive=True,
    upgrade=None,
    expect_continue=False,
    connection=frozenset(),
)
CANONICAL = Canonical(host="app.example.com", port=None, path=b"/", query=None, authority=b"app.example.com")


def decided(policy: Policy, session: Session | None) -> Decision:
    """
    What *policy* says about a request for the first page, with *session*.
    """
    return policy(session, HEAD, CANONICAL, CLIENT)


def a_head(method: str = "GET", **fields: str) -> RequestHead:
    """
    A request's head, with fields named as in Python.
    """
    lines = [(name.replace("_", "-").encode(), b":", value.encode()) for name, value in fields.items()]
    return replace(HEAD, method=method.encode(), fields=lines)


def for_path(path: str) -> Canonical:
    """
    What a request for *path* is about.
    """
    return replace(CANONICAL, path=canonical_path(path.encode()))


def policy(value: object) -> Policy:
    """
    The policy that is written as *value*.
    """
    return compiled(rules(value))
