"""
What everybody may read: where everything is, and the keys that verify identity assertions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import ClassVar

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.web.resource import Answer, Page, PageRequest, json_answer, text_answer

_ANY_ORIGIN = ("Access-Control-Allow-Origin", "*")


class WellKnownPage(Page):
    """
    ``/.well-known/pomerium`` on a route host.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET",)

    def __init__(self, *, authenticate_origin: str) -> None:
        super().__init__()
        self._authenticate_origin = authenticate_origin

    async def answer(self, request: PageRequest) -> Answer:
        """
        The document, with this host's own addresses.
        """
        document = {
            "issuer": request.origin + "/",
            "authentication_callback_endpoint": self._authenticate_origin + paths.PROVIDER_CALLBACK,
            "jwks_uri": request.origin + paths.JWKS,
            "frontchannel_logout_uri": request.origin + paths.SIGN_OUT,
            "frontchannel_logout_session_supported": True,
            "backchannel_logout_uri": request.origin + paths.BACKCHANNEL_LOGOUT,
            "backchannel_logout_session_supported": True,
        }
        return json_answer(document, headers=[_ANY_ORIGIN])


class JwksPage(Page):
    """
    ``/.well-known/pomerium/jwks.json`` on every host: the JWK Set (RFC 7517).
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET", "HEAD", "OPTIONS")

    def __init__(
        self,
        keys: Sequence[Mapping[str, object]],
        *,
        retired: Sequence[tuple[Mapping[str, object], float]] = (),
        clock: IReactorTime,
    ) -> None:
        """
        :param keys: The public keys, the one that signs first.
        :param retired: Those that sign nothing any more, each with when nothing is valid any more that it has signed.
        """
        super().__init__()
        self._keys = tuple(keys)
        self._retired = tuple(retired)
        self._clock = clock

    async def answer(self, request: PageRequest) -> Answer:
        """
        The keys, or that they are still the same.
        """
        if request.method == "OPTIONS":
            methods = ("Access-Control-Allow-Methods", "GET, HEAD")
            return Answer(status=204, headers=(_ANY_ORIGIN, methods, ("Access-Control-Max-Age", "600")))
        body = self._body()
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = (_ANY_ORIGIN, ("Cache-Control", "max-age=60"), ("ETag", etag))
        if _is_known(etag, request.header("If-None-Match")):
            return Answer(status=304, headers=headers)
        return Answer(headers=(("Content-Type", "application/json"), *headers), body=body)

    def _body(self) -> bytes:
        now = self._clock.seconds()
        keys = [*self._keys, *(key for key, until in self._retired if now < until)]
        return json.dumps({"keys": keys}, separators=(",", ":")).encode()


def _is_known(etag: str, condition: str | None) -> bool:
    if condition is None:
        return False
    tags = {tag.strip(" \t").removeprefix("W/") for tag in condition.split(",")}
    return etag in tags or "*" in tags


class PingPage(Page):
    """
    ``/ping`` and ``/healthz``: somebody is here.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET", "HEAD")

    async def answer(self, request: PageRequest) -> Answer:
        """
        OK.
        """
        return text_answer("OK\n" if request.method == "GET" else "")
