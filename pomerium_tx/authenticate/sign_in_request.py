"""
What a link to the sign-in asks for, once its signature is known to be ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from pomerium_tx import paths
from pomerium_tx.logout.handover import (
    ADDITIONAL_HOSTS,
    ADDITIONAL_LOGINS,
    CALLBACK_URI,
    IDP_ID,
    LOGIN,
    PROGRAMMATIC,
    REDIRECT_URI,
)
from pomerium_tx.web.programmatic import ProgrammaticRedirects
from pomerium_tx.web.resource import HttpProblem, PageRequest

MOST_HOSTS = 5
"""
Further hosts of one sign-in: user agents do not follow redirects for ever.
"""
_NOT_FOR_PROGRAM = "This sign-in link is for a program that may not have one."
_ORIGIN = re.compile(r"(https?://[0-9A-Za-z._-]+(?::[0-9]{1,5})?|https?://\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?)[/?]")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRequest:
    """
    A sign-in that a route host asks for.
    """

    wanted: str = field(repr=False)
    """
    Where the person, or the program, wants to be.
    """
    origin: str
    """
    That of the route host.
    """
    idp_id: str | None
    login: str = field(repr=False)
    """
    A digest of the cookie that the route host gave to the user agent; empty if it has given none yet.
    """
    program: str | None = None
    """
    The origin at which a program waits for the handle, if one does.
    """
    own_query: Sequence[tuple[str, str]] = ()
    """
    What the program wants the callback to be called with.
    """
    further: tuple[str, ...] = ()
    """
    The origins of further hosts where the person is to be signed in on the way.
    """
    further_logins: tuple[str, ...] = field(repr=False, default=())
    """
    What *login* is for the first ones of those.
    """

    @property
    def unvisited(self) -> tuple[str, ...]:
        """
        The origins at which the user agent has yet to get a login cookie.
        """
        own = () if self.login or self.program is None else (self.origin,)
        return (*own, *self.further[len(self.further_logins) :])

    @property
    def others(self) -> tuple[tuple[str, str], ...]:
        """
        The further hosts, each with its login.
        """
        return tuple(zip(self.further, self.further_logins, strict=False))


class SignInRequests:
    """
    Reads them.
    """

    def __init__(
        self,
        *,
        serves_origin: Callable[[str], bool],
        origin_of_host: Callable[[str], str | None],
        redirects: ProgrammaticRedirects,
    ) -> None:
        """
        :param serves_origin: Whether a URL's origin is that of a configured route.
        :param origin_of_host: The external origin of a route host, which may be written with its port.
        """
        self._serves_origin = serves_origin
        self._origin_of_host = origin_of_host
        self._redirects = redirects

    def read(self, request: PageRequest) -> SignInRequest:
        """
        What *request* asks for.

        :raises HttpProblem: If the person would end where nobody is known.
        """
        wanted, login, idp_id = request.one(REDIRECT_URI), request.one(LOGIN) or "", request.one(IDP_ID)
        if request.one(PROGRAMMATIC) == "true":
            program = None if wanted is None else self._redirects.origin(wanted)
            base, _, query = (request.one(CALLBACK_URI) or "").partition("?")
            origin = self.route_origin(base)
            if wanted is None or program is None or origin is None or base != origin + paths.ROUTE_CALLBACK:
                raise HttpProblem(400, _NOT_FOR_PROGRAM)
            own_query = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
            return SignInRequest(
                wanted=wanted, origin=origin, idp_id=idp_id, login=login, program=program, own_query=own_query
            )
        found = None if wanted is None else self.route_origin(wanted)
        if wanted is None or found is None:
            raise HttpProblem(400, "This sign-in link leads to no application that is known here.")
        hosts = [host for host in (request.one(ADDITIONAL_HOSTS) or "").split(",") if host][:MOST_HOSTS]
        origins = dict.fromkeys(origin for host in hosts if (origin := self._origin_of_host(host)) is not None)
        logins = [value for value in (request.one(ADDITIONAL_LOGINS) or "").split(",") if value]
        return SignInRequest(
            wanted=wanted,
            origin=found,
            idp_id=idp_id,
            login=login,
            further=tuple(origin for origin in origins if origin != found),
            further_logins=tuple(logins),
        )

    def route_origin(self, url: str) -> str | None:
        """
        The origin of a URL, if it is that of a route.
        """
        match = _ORIGIN.match(url)
        return match[1] if match is not None and self._serves_origin(match[1] + "/") else None
