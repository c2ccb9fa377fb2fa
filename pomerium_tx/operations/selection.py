"""
Which sessions an administrator means, as the parameters of a request say it.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pomerium_tx.config.forms import values
from pomerium_tx.logout.lost_sign_ins import Name
from pomerium_tx.logs import REDACTED
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.answers import HttpProblem
from pomerium_tx.web.page_request import BadParameter, PageRequest

FILTERS = ("user", "iss", "sid", "sub", "route", "issued_before")
LONGEST_VALUE = 1024

_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_SECONDS = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?", re.ASCII)
# RFC 3339 section 5.6, with the space that it allows for readability.
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)


class WrongParameter(HttpProblem):
    """
    A parameter is there that should not be, or says nothing that can be understood.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(400, f"The parameter {name[:64]} {problem}.")


def parameters(request: PageRequest, known: Container[str]) -> dict[str, str]:
    """
    The parameters of a request, each of them known, given once, and saying something.

    What is not understood is never passed over: it may have been meant to name fewer sessions.

    :raises HttpProblem: Which names the parameter.
    """
    found: dict[str, str] = {}
    for name, value in request.query:
        if name not in known:
            raise WrongParameter(name, "is not known here")
        if name in found:
            raise BadParameter(name)
        if not value.strip():
            raise WrongParameter(name, "is empty")
        if len(value) > LONGEST_VALUE:
            raise WrongParameter(name, f"is longer than {LONGEST_VALUE} characters")
        if "\ufffd" in value:
            raise WrongParameter(name, "is not UTF-8")
        found[name] = value
    return found


def truth(given: Mapping[str, str], name: str) -> bool:
    """
    Whether a parameter is given and true.

    :raises WrongParameter: If it is neither true nor false.
    """
    value = given.get(name)
    if value is None:
        return False
    if value.lower() not in _TRUTHS:
        raise WrongParameter(name, "must be true or false")
    return _TRUTHS[value.lower()]


def moment(given: Mapping[str, str], name: str) -> float | None:
    """
    A point in time, in seconds.

    :raises WrongParameter: If it is neither seconds nor a time by RFC 3339.
    """
    value = given.get(name)
    if value is None:
        return None
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        if _TIME.fullmatch(value):
            return datetime.fromisoformat(value.upper()).timestamp()
    except (ValueError, OverflowError):
        pass
    raise WrongParameter(name, "must be a time such as 2026-11-25T10:00:00Z (with + written as %2B), or seconds")


def whole_number(given: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    """
    A number from 1 to *most*.

    :raises WrongParameter: If it is none.
    """
    value = given.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and 0 < int(value[:10]) <= most):
        raise WrongParameter(name, f"must be a number from 1 to {most}")
    return int(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """
    Those sessions to which everything applies that is given.
    """

    user: str | None = None
    """
    A user id, or an e-mail address in any case.
    """
    iss: str | None = None
    sid: str | None = None
    sub: str | None = None
    route: str | None = None
    """
    A route's name, id or external origin.
    """
    issued_before: float | None = None
    """
    The sessions that began before.
    """
    route_ids: frozenset[str] = frozenset()
    """
    The routes that *route* names, as configured now.
    """
    origin: str | None = None
    """
    The origin that *route* names, if it is one: also that of a route which is gone.
    """

    @classmethod
    def of(cls, given: Mapping[str, str], routes: Iterable[Route]) -> Selection:
        """
        What some parameters select.

        :raises WrongParameter: If one cannot be understood.
        """
        route = given.get("route")
        origin = None if route is None else _origin(route)
        named = () if route is None else (each for each in routes if _is_called(each, route, origin))
        return cls(
            user=given.get("user"),
            iss=given.get("iss"),
            sid=given.get("sid"),
            sub=given.get("sub"),
            route=route,
            issued_before=moment(given, "issued_before"),
            route_ids=frozenset(each.id for each in named),
            origin=origin,
        )

    @property
    def is_everything(self) -> bool:
        """
        Whether nothing is given, so that every session is meant.
        """
        return all(getattr(self, name) is None for name in FILTERS)

    def matches(self, session: Session) -> bool:
        """
        Whether a session is meant.
        """
        return (
            (self.iss is None or session.iss == self.iss)
            and (self.sub is None or session.sub == self.sub)
            and (self.sid is None or self.sid in session.sids)
            and (self.user is None or self._is_user(session))
            and (self.issued_before is None or session.began < self.issued_before)
            and (self.route is None or self._is_used(session))
        )

    def candidates(self, registry: SessionRegistry) -> tuple[Session, ...]:
        """
        Few sessions, if that is possible without a look at each, among which are all that match.
        """
        if self.iss is not None and self.sid is not None:
            found = registry.by_sid(self.iss, self.sid)
        elif self.iss is not None and self.sub is not None:
            found = registry.by_sub(self.iss, self.sub)
        else:
            return tuple(registry.sessions())
        known = (registry.known(name) for name in sorted(found))
        return tuple(session for session in known if session is not None)

    def names(self) -> tuple[Name, ...]:
        """
        Whom it names for all their sessions, so that a sign-in under way must lose too.
        """
        if self.iss is None or (self.user, self.route, self.issued_before) != (None, None, None):
            return ()
        if self.sid is not None:
            return (("sid", self.iss, self.sid),)
        return () if self.sub is None else (("sub", self.iss, self.sub),)

    def as_fields(self) -> dict[str, object]:
        """
        What is given, for a log line. Whoever knows a ``sid`` can end its session: it is not written.
        """
        given = {name: getattr(self, name) for name in FILTERS if getattr(self, name) is not None}
        return given if self.sid is None else {**given, "sid": REDACTED}

    def _is_user(self, session: Session) -> bool:
        assert self.user is not None
        return session.user_id == self.user or session.email.casefold() == self.user.casefold()

    def _is_used(self, session: Session) -> bool:
        return any(
            name in self.route_ids or name == self.route or use.origin == self.origin
            for name, use in session.uses.items()
        )


def _origin(route: str) -> str | None:
    try:
        return str(values.origin(route))
    except ValueError:
        return None


def _is_called(route: Route, name: str, origin: str | None) -> bool:
    return name in (route.id, route.name) or (origin is not None and route.origin() == origin)
