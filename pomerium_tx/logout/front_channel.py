"""
What an OP says in a frame, by ``GET /.pomerium/sign_out``: OpenID Connect Front-Channel Logout 1.0, section 3.

User agents send no cookies along and take none, so what counts is ``iss`` and ``sid``. Anybody can say them; whoever
knows an End-User's ``sid`` can sign them out, and nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final
from urllib.parse import unquote_to_bytes

from twisted.logger import Logger
from twisted.web.template import tags

from pomerium_tx.logout.ending import Ending
from pomerium_tx.logout.sign_out_request import nothing_to_see
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import Cause, StoreUnavailable
from pomerium_tx.web.fetch_metadata import is_prefetch
from pomerium_tx.web.page_frame import fragment
from pomerium_tx.web.redirect_target import origin_of
from pomerium_tx.web.resource import Answer, PageRequest, html_answer

log = Logger()

_LONGEST: Final = 1024
_NAMES: Final = (b"iss", b"sid", b"pomerium_idp")
# Some OPs add "?iss=" to a URI that has a query already, and write an issuer with a question mark as it is.
_SEPARATOR: Final = re.compile(rb"&|\?(?=(?:iss|sid|pomerium_idp)=)")
_NOT_NOW: Final = fragment(tags.title("Not recorded"), tags.p("The sign-out could not be recorded."))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """
    What a query says: of each parameter every distinct value, and each value in every way to read it.
    """

    iss: tuple[tuple[str, ...], ...] = field(repr=False)
    sid: tuple[tuple[str, ...], ...] = field(repr=False)
    idp: tuple[tuple[str, ...], ...] = field(repr=False)

    @property
    def names_one(self) -> bool:
        """
        Whether it can be about one session only, and says which.
        """
        values = (*self.iss, *self.sid, *self.idp)
        return max(len(self.iss), len(self.sid), len(self.idp)) == 1 and () not in values and ("",) not in self.sid


class FrontChannel:
    """
    Listens to OPs.
    """

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        providers: Mapping[str, Provider],
        ending: Ending,
    ) -> None:
        """
        :param providers: By id; read anew each time, since a reload changes it.
        """
        self._registry = registry
        self._providers = providers
        self._ending = ending

    async def answer(self, request: PageRequest, session_ids: Callable[[PageRequest], Sequence[str]]) -> Answer | None:
        """
        The answer, if it is an OP that speaks; None if the request is a person's.

        :param session_ids: The sessions that the request's cookies name; looked at only where no ``sid`` is said.
        """
        if request.method != "GET":
            return None
        said = _read(request.raw_query or b"")
        try:
            if said.sid:
                await self._end_named(said, request)
            elif is_prefetch(request.header):
                # It names nobody; what is answered to anybody's prefetch is for the caller to say.
                return None
            elif not await self._end_shown(request, session_ids) and not said.iss:
                return None
        except StoreUnavailable:
            log.error("A front-channel logout could not be recorded")
            return html_answer(_NOT_NOW, status=503, headers=[("Retry-After", "5")], frameable=True)
        return nothing_to_see()

    async def _end_named(self, said: _Said, request: PageRequest) -> None:
        iss = self._issuer(said) if said.names_one else None
        if iss is None:
            log.info("A front-channel logout names no configured OP, or two different things; nothing was ended")
            return
        logout = self._logout(iss, said.sid[0])
        receipt = await self._ending.end_by_provider(logout, Cause.FRONT_CHANNEL)
        count = receipt.sessions_ended
        sidless = [name for name in said.sid[0] for name in self._sidless(iss, name, request.client_address)]
        if sidless:
            count += (await self._ending.end(sidless, Cause.FRONT_CHANNEL)).sessions_ended
        log.info("The OP {iss} ended {count} sessions by the front channel", iss=iss, count=count)

    def _issuer(self, said: _Said) -> str | None:
        known = {provider.settings.issuer for provider in self._providers.values()}
        if said.iss:
            return next((iss for iss in said.iss[0] if iss in known), None)
        if said.idp:
            named = {
                provider.settings.issuer
                for provider in self._providers.values()
                if not ({provider.settings.name, provider.idp_id} - {""}).isdisjoint(said.idp[0])
            }
            return named.pop() if len(named) == 1 else None
        return known.pop() if len(known) == 1 else None

    def _logout(self, iss: str, readings: Sequence[str]) -> ProviderLogout:
        # Nothing says when it was said, by a clock that may be another than ours: all that the sid names is meant.
        found = [ProviderLogout(iss=iss, sid=sid, sub=None, issued=inf) for sid in readings]
        return next((logout for logout in found if self._registry.named_by(logout)), found[0])

    def _sidless(self, iss: str, sub: str, address: str) -> Iterator[str]:
        """
        The sessions of an End-User at an OP that calls ``sid`` what is their ``sub``, as far as it can mean them.
        """
        speakers = {
            provider.idp_id
            for provider in self._providers.values()
            if provider.settings.frontchannel_sid_is_sub and provider.settings.issuer == iss
        }
        # A sub is no secret, so that it must come from where its owner is.
        if not speakers or not address:
            return
        for name in sorted(self._registry.by_sub(iss, sub)):
            session = self._registry.known(name)
            if session is None or session.sids or session.idp_id not in speakers:
                continue
            if self._registry.last_address(name) == address:
                yield name

    async def _end_shown(self, request: PageRequest, session_ids: Callable[[PageRequest], Sequence[str]]) -> bool:
        """
        Whether the request comes from a frame in an OP's page; then that OP's session of the cookie has ended.
        """
        if request.header("Sec-Fetch-Dest") != "iframe":
            return False
        framing = origin_of(request.header("Referer") or "")
        speakers = [] if framing is None else [p for p in self._providers.values() if framing in _origins(p)]
        if not speakers:
            return False
        spoken = {provider.idp_id for provider in speakers}
        names = [
            session.id
            for name in session_ids(request)
            if (session := self._registry.find(name)) is not None and session.idp_id in spoken
        ]
        if names:
            receipt = await self._ending.end(names, Cause.FRONT_CHANNEL)
            log.info(
                "The OP {iss} ended {count} sessions by a frame of its own",
                iss=speakers[0].settings.issuer,
                count=receipt.sessions_ended,
            )
        return True


def _origins(provider: Provider) -> frozenset[str | None]:
    """
    Where a provider's own pages may be.
    """
    metadata = provider.known_metadata
    urls = [provider.settings.issuer]
    if metadata is not None:
        urls += [metadata.authorization_endpoint, metadata.end_session_endpoint or metadata.authorization_endpoint]
    return frozenset(origin_of(url) for url in urls)


def _read(query: bytes) -> _Said:
    found: dict[bytes, list[tuple[str, ...]]] = {name: [] for name in _NAMES}
    for pair in _SEPARATOR.split(query):
        raw_name, _, raw_value = pair.partition(b"=")
        values = found.get(unquote_to_bytes(raw_name))
        if values is not None:
            readings = _readings(raw_value)
            if readings not in values:
                values.append(readings)
    iss, sid, idp = (tuple(found[name]) for name in _NAMES)
    return _Said(iss=iss, sid=sid, idp=idp)


def _readings(value: bytes) -> tuple[str, ...]:
    """
    A value as it was encoded, or, where that makes a difference, as if it was not; none if it is too long.
    """
    as_encoded, as_written = unquote_to_bytes(value.replace(b"+", b" ")), unquote_to_bytes(value)
    if len(as_encoded) > _LONGEST:
        return ()
    return tuple(dict.fromkeys(octets.decode("utf-8", "replace") for octets in (as_encoded, as_written)))
