"""
The administrator's pages: whose sessions there are, and the end of those that are named.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.resource import IResource
from twisted.web.server import Request

from pomerium_tx.logout.ending import Ending
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.operations.doctor import Examined
from pomerium_tx.operations.listing import LOOKED_AT, WINDOW, Key, Window, in_turns, list_answer
from pomerium_tx.operations.selection import FILTERS, Selection, WrongParameter, parameters, truth
from pomerium_tx.operations.views import notice_view, reference, revocation_view, session_view
from pomerium_tx.routing.route import Route
from pomerium_tx.sessions.elsewhere import SeenExchange
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause, OwedNotice, OwedRevocation, StoreUnavailable
from pomerium_tx.web.answers import Answer, HttpProblem, json_answer
from pomerium_tx.web.page_request import PageRequest
from pomerium_tx.web.resource import Folder, Page

log = Logger()

ADMIN_ENDED = "admin_ended"
DRY_RUN = "dry_run"

Attempts = Callable[[str], int]
"""
How often this process has tried to do what is owed under an id.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Administered:
    """
    What the administrator's pages are about.
    """

    registry: SessionRegistry
    ending: Ending
    providers: Mapping[str, Provider]
    routes: Callable[[], Iterable[Route]]
    """
    Those in force; a reload changes them.
    """
    clock: IReactorTime
    revocation_attempts: Attempts
    notice_attempts: Attempts
    examined: Examined

    def route_names(self) -> dict[str, str]:
        """
        What the routes are called, by id.
        """
        return {route.id: route.name or route.origin() for route in self.routes()}


class SessionsPage(Page):
    """
    The sessions, and their end.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET", "DELETE")

    def __init__(self, administered: Administered) -> None:
        super().__init__()
        self._administered = administered

    async def answer(self, request: PageRequest) -> Answer:
        """
        A part of the list, or the receipt of an end.
        """
        given = parameters(request, (*FILTERS, *WINDOW, DRY_RUN))
        selection = Selection.of(given, self._administered.routes())
        is_trial = truth(given, DRY_RUN)
        window = Window.of(given)
        if request.method == "GET":
            return await self._listed(selection, window, {})
        if selection.is_everything:
            raise HttpProblem(400, f"Name the sessions that are to end by at least one of {', '.join(FILTERS)}.")
        if is_trial:
            return await self._listed(selection, window, {DRY_RUN: True})
        for name in WINDOW:
            if name in given:
                raise WrongParameter(name, "is for lists: an end is of all sessions that are named")
        return json_answer((await self._ended(selection, request)).as_json(with_routes=True))

    async def _listed(self, selection: Selection, window: Window, more: Mapping[str, object]) -> Answer:
        about = self._administered
        registry, names = about.registry, about.route_names()
        exchanges: dict[str, tuple[SeenExchange, ...]] = {}

        def key(session: Session) -> Key | None:
            return (session.began, reference(session.id)) if selection.matches(session) else None

        def show(session: Session) -> dict[str, object] | None:
            current = registry.known(session.id)
            if current is None:
                return None
            return session_view(current, registry, exchanges=exchanges.get(current.id, ()), route_names=names)

        async def prepare(part: Sequence[Session]) -> None:
            exchanges.update(await registry.exchanges_everywhere([session.id for session in part]))

        candidates = selection.candidates(registry)
        return await list_answer(
            "sessions", candidates, clock=about.clock, window=window, key=key, show=show, prepare=prepare, more=more
        )

    async def _ended(self, selection: Selection, request: PageRequest) -> Receipt:
        named = await self._named(selection)
        try:
            receipt = await self._administered.ending.end(named, Cause.ADMINISTRATOR, names=selection.names())
        except StoreUnavailable:
            raise HttpProblem(
                503,
                "The end cannot be recorded now: nothing has ended. Try the same request again in a moment.",
                headers=[("Retry-After", "5")],
            ) from None
        if receipt.sessions_ended:
            log.info(
                ADMIN_ENDED,
                service="admin",
                receipt_id=receipt.id,
                sessions_ended=receipt.sessions_ended,
                ip=request.client_address,
                **selection.as_fields(),
            )
        return receipt

    async def _named(self, selection: Selection) -> list[str]:
        """
        The sessions that match in the turn in which this returns, also those that began while others were looked at.
        """
        about = self._administered
        seen: dict[str, Session] = {}
        matching: set[str] = set()

        def look(session: Session) -> None:
            seen[session.id] = session
            if selection.matches(session):
                matching.add(session.id)

        await in_turns(about.clock, selection.candidates(about.registry), look, LOOKED_AT)
        # A session that has changed meanwhile is another object.
        return [
            session.id
            for session in selection.candidates(about.registry)
            if (session.id in matching if seen.get(session.id) is session else selection.matches(session))
        ]


class RevocationsPage(Page):
    """
    The tokens that OPs have yet to be told to forget.
    """

    def __init__(self, administered: Administered) -> None:
        super().__init__()
        self._administered = administered

    async def answer(self, request: PageRequest) -> Answer:
        """
        A part of the list.
        """
        about = self._administered

        def show(owed: OwedRevocation) -> dict[str, object]:
            provider = about.providers.get(owed.idp_id)
            iss = None if provider is None else provider.settings.issuer
            attempts = max(owed.attempts, about.revocation_attempts(owed.id))
            return revocation_view(owed, iss=iss, attempts=attempts)

        return await list_answer(
            "revocations",
            about.registry.owed(),
            clock=about.clock,
            window=Window.of(parameters(request, WINDOW)),
            # What has no time is last, in a form that the next part can be asked for by.
            key=lambda owed: (min(owed.not_before, sys.float_info.max), owed.id),
            show=show,
        )


class NoticesPage(Page):
    """
    The applications that have yet to be told of an end.
    """

    def __init__(self, administered: Administered) -> None:
        super().__init__()
        self._administered = administered

    async def answer(self, request: PageRequest) -> Answer:
        """
        A part of the list.
        """
        about = self._administered
        names = about.route_names()

        def show(owed: OwedNotice) -> dict[str, object]:
            return notice_view(owed, route_names=names, attempts=about.notice_attempts(owed.id))

        return await list_answer(
            "notices",
            about.registry.notices(),
            clock=about.clock,
            window=Window.of(parameters(request, WINDOW)),
            key=lambda owed: (owed.since, owed.id),
            show=show,
        )


class ReceiptsFolder(Folder):
    """
    What ends came to, each under the id of its receipt.
    """

    def __init__(self, registry: SessionRegistry) -> None:
        super().__init__()
        self._registry = registry

    def getChild(self, path: bytes, request: Request) -> IResource:
        """
        The page of one receipt.
        """
        return ReceiptPage(self._registry, path.decode("utf-8", "replace")) if path else super().getChild(path, request)


class ReceiptPage(Page):
    """
    What one end came to, as far as is known by now.
    """

    def __init__(self, registry: SessionRegistry, receipt_id: str) -> None:
        super().__init__()
        self._registry = registry
        self._receipt_id = receipt_id

    async def answer(self, request: PageRequest) -> Answer:
        """
        The receipt.
        """
        parameters(request, ())
        receipt = self._registry.receipt(self._receipt_id)
        if receipt is None:
            raise HttpProblem(404, "No receipt is known by this id; they are kept for a day or longer.")
        return json_answer(receipt.as_json(with_routes=True))
