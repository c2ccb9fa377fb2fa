"""
What sign-out can do at each OP, what OPs have asked for, and a fire drill: the pages that ``pomerium-tx doctor`` reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.logout.heard import LastHeard
from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.metadata import ProviderMetadata
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.oidc.registered_uris import RegisteredUris
from pomerium_tx.operations.drill_report import DrillFailed, DrillReport
from pomerium_tx.operations.listing import LOOKED_AT, in_turns
from pomerium_tx.operations.selection import parameters
from pomerium_tx.sessions.bearers import is_bearer
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause, StoreUnavailable
from pomerium_tx.web.answers import Answer, HttpProblem, json_answer
from pomerium_tx.web.page_request import PageRequest
from pomerium_tx.web.resource import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """
    What the doctor looks at.
    """

    registry: SessionRegistry
    providers: Mapping[str, Provider]
    """
    Those in force, by id; a reload changes them.
    """
    heard: LastHeard
    uris: Callable[[Provider], RegisteredUris]
    """
    What has to be registered at an OP.
    """
    drill: Callable[[], Awaitable[DrillReport]] | None
    """
    None where there is no network to hold one on.
    """
    clock: IReactorTime


class ProvidersPage(Page):
    """
    What is known of every OP.
    """

    def __init__(self, examined: Examined) -> None:
        super().__init__()
        self._examined = examined

    async def answer(self, request: PageRequest) -> Answer:
        """
        One entry for each, the metadata asked for if need be.
        """
        parameters(request, ())
        about = self._examined
        signed_in: Counter[str] = Counter()
        with_sid: Counter[str] = Counter()

        def look(session: Session) -> None:
            if is_bearer(session.id):
                # Nobody has signed in: it says nothing of what the OP puts into ID Tokens.
                return
            signed_in[session.idp_id] += 1
            with_sid[session.idp_id] += bool(session.sids)

        await in_turns(about.clock, list(about.registry.sessions()), look, LOOKED_AT)
        return json_answer(
            {
                "providers": [
                    {
                        **await self._provider(provider),
                        "sessions": signed_in[provider.idp_id],
                        "sessions_with_sid": with_sid[provider.idp_id],
                    }
                    for provider in list(about.providers.values())
                ]
            }
        )

    async def _provider(self, provider: Provider) -> dict[str, object]:
        about, settings = self._examined, provider.settings
        try:
            known: ProviderMetadata | None = await provider.metadata()
        except ProviderUnavailable:
            known = None
        heard = {}
        for channel in (Cause.FRONT_CHANNEL, Cause.BACK_CHANNEL):
            believed = about.heard.believed(settings.issuer, channel)
            refused = about.heard.refused(settings.issuer, channel)
            heard[channel.value] = {
                "believed": None if believed is None else believed.as_json(),
                "refused": None if refused is None else refused.as_json(),
            }
        return {
            "id": provider.idp_id,
            "iss": settings.issuer,
            "client_id": settings.client_id,
            "answers": known is not None,
            "can": None if known is None else _abilities(known),
            "heard": heard,
            "allow_missing_exp": settings.backchannel_logout_allow_missing_exp,
            "register": about.uris(provider).as_json(),
        }


class DrillPage(Page):
    """
    A fire drill.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("POST",)

    def __init__(self, examined: Examined) -> None:
        super().__init__()
        self._drill = examined.drill
        self._is_on = False

    async def answer(self, request: PageRequest) -> Answer:
        """
        Hold it, one at a time.
        """
        parameters(request, ())
        if self._drill is None:
            raise HttpProblem(501, "There is no network here to hold a drill on.")
        if self._is_on:
            raise HttpProblem(409, "A drill is being held just now.")
        self._is_on = True
        try:
            report = await self._drill()
        except DrillFailed as problem:
            raise HttpProblem(503, str(problem)) from None
        except StoreUnavailable:
            raise HttpProblem(503, "The drill's session cannot be recorded, nor could anybody's end be now.") from None
        finally:
            self._is_on = False
        return json_answer(report.as_json())


def _abilities(known: ProviderMetadata) -> dict[str, bool]:
    return {
        "end_session": known.end_session_endpoint is not None,
        "revocation": known.revocation_endpoint is not None,
        "front_channel": known.frontchannel_logout_supported,
        "back_channel": known.backchannel_logout_supported,
        "back_channel_with_sid": known.backchannel_logout_session_supported,
    }
