"""
Header fields that are made anew for every request: of its person's tokens, of their assertion, of other fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from pomerium_tx.config.forms.header_template import Reference, Template, header_of
from pomerium_tx.http11.fields import folded
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.http11.writer import Lines, Pair, field_lines
from pomerium_tx.policy.certificate_criteria import HEADER_TOKENS, header_value
from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.heads.forwarding import names_a_session
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.session import Session, Tokens
from pomerium_tx.web.cookies import is_reserved_cookie, without

SESSIONS_KEPT: Final = 1_024

_TOKEN = re.compile(r"[\x21-\x7e]*")
_TEXT = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_CREDENTIALS = frozenset((b"authorization", b"referer"))
_OURS = b"X_POMERIUM_"

Value = Callable[[Asked], bytes]


class Assertion(Protocol):
    """
    The signed assertion about a person, or nobody, for a host.
    """

    def __call__(self, session: Session | None, host: str, issuer_format: str | None = None) -> str: ...


class KeptTokens:
    """
    The tokens of the sessions that are asked for most: opened once for each session as it is.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Session, Tokens]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, session: Session) -> Tokens:
        """
        The tokens of *session*; a refreshed one is another.
        """
        kept = self._kept.get(session.id)
        if kept is not None and kept[0] is session:
            return kept[1]
        tokens = session.tokens
        if len(self._kept) >= SESSIONS_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[session.id] = session, tokens
        return tokens

    def forget(self, session_id: str) -> None:
        """
        The session has ended, or is another one now.
        """
        self._kept.pop(session_id, None)


class HeaderValues:
    """
    The fields of one route that are made anew for every request.
    """

    def __init__(
        self, route: Route, *, cookie_name: bytes, assertion: Assertion, tokens_of: Callable[[Session], Tokens]
    ) -> None:
        self._route = route
        self._cookie_name = cookie_name
        self._assertion = assertion
        self._tokens_of = tokens_of
        removed = {name.lower() for name in route.remove_request_headers}
        self._fields = [
            (name.encode("ascii"), self._value(template))
            for name, template in route.filled_request_headers
            if name.lower() not in removed
        ]
        self._kubernetes = route.kubernetes_token
        self._removed = removed

    @classmethod
    def wanted(cls, route: Route) -> bool:
        """
        Whether a route has any.
        """
        return bool(route.filled_request_headers) or route.kubernetes_token is not None

    def lines(self, asked: Asked) -> Lines:
        """
        Those of one request.
        """
        fields = [(name, value(asked)) for name, value in self._fields]
        if self._kubernetes is not None:
            fields += self._impersonation(asked.verdict.session, self._kubernetes)
        return field_lines(fields)

    def _impersonation(self, session: Session | None, token: str) -> list[Pair]:
        """
        What the Kubernetes API server is told: never the token alone, with which one would be its account.
        """
        user = "" if session is None else session.email or session.user_id
        if session is None or not _may_be_told(user):
            return []
        told = [("authorization", b"Authorization", f"Bearer {token}"), ("impersonate-user", b"Impersonate-User", user)]
        groups = [group for group in session.claims.get("groups", ()) if isinstance(group, str) and _may_be_told(group)]
        told += [("impersonate-group", b"Impersonate-Group", group) for group in groups]
        if "impersonate-user" in self._removed:
            return []
        return [(name, value.encode("utf-8")) for key, name, value in told if key not in self._removed]

    def _value(self, template: Template) -> Value:
        values = [part.encode("latin-1") if isinstance(part, str) else self._named(part) for part in template.parts]

        def value(asked: Asked) -> bytes:
            return b"".join([part if isinstance(part, bytes) else part(asked) for part in values]).strip(b" \t")

        return value

    def _named(self, reference: Reference) -> Value | bytes:
        header = header_of(reference)
        if header is not None:
            name = header.lower().encode("ascii", "replace")
            return lambda asked: self._shown(asked.head, name)
        known: dict[Reference, Value] = {
            ("pomerium", "access_token"): lambda asked: self._token(asked.verdict.session, "access_token"),
            ("pomerium", "id_token"): lambda asked: self._token(asked.verdict.session, "id_token"),
            ("pomerium", "jwt"): self._jwt,
            **{("pomerium", token): partial(_of_certificate, token) for token in HEADER_TOKENS},
        }
        return known.get(reference, b"")

    def _token(self, session: Session | None, name: str) -> bytes:
        if session is None:
            return b""
        token: str = getattr(self._tokens_of(session), name)
        return token.encode("ascii") if _TOKEN.fullmatch(token) else b""

    def _jwt(self, asked: Asked) -> bytes:
        host = asked.canonical.host
        return self._assertion(asked.verdict.session, host, self._route.jwt_issuer_format).encode("ascii")

    def _shown(self, head: RequestHead, name: bytes) -> bytes:
        """
        A field of the request as the application may see it: a session handle stays with us.
        """
        values = head.get_all(name)
        if not values or folded(name).startswith(_OURS):
            return b""
        if name == b"cookie":
            kept = (without(value, lambda each: is_reserved_cookie(each, self._cookie_name)) for value in values)
            return b"; ".join(value for value in kept if value)
        if name in _CREDENTIALS:
            values = [value for value in values if not names_a_session(name, value)]
        return b", ".join(value for value in values if _TEXT.fullmatch(value))


def _of_certificate(token: str, asked: Asked) -> bytes:
    return header_value(asked.client, token).encode("utf-8")


def _may_be_told(name: str) -> bool:
    """
    Whether Kubernetes may be told that somebody is, or belongs to, *name*: what begins with ``system:`` is its own
    (``system:masters`` may do everything), and no provider's to give.
    """
    return _is_text(name) and not name.lower().startswith("system:")


def _is_text(value: str) -> bool:
    return bool(value) and value.isprintable()
