"""
How the tests of this room ask the question.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.check import Authorizer
from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy.criteria import from_legacy
from pomerium_tx.routing.route import Route
from pomerium_tx.routing.table import RouteTable
from pomerium_tx.sessions.handle import Handles
from pomerium_tx.sessions.session import Session
from tests.policy.clients import CLIENT
from tests.policy.people import alice
from tests.routing.routes import a_route

KEY = b"k" * 32
ALICE = alice()
BOB = alice(id="session-of-bob", user_id="bob", email="bob@corp.test")
PUBLIC = from_legacy(public=True)
AUTHENTICATE = "https://auth.example.com"
NAVIGATION = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}
HANDSHAKE = {"Upgrade": "websocket", "Connection": "Upgrade"}


class Known:
    """
    The sessions that are live.
    """

    def __init__(self, *sessions: Session) -> None:
        self.live = {session.id: session for session in sessions}
        self.asked = 0

    def find(self, session_id: str) -> Session | None:
        """
        The session, if it is still there.
        """
        self.asked += 1
        return self.live.get(session_id)


class CheckTestCase(SynchronousTestCase):
    """
    An authorizer over a few routes, and the means to ask it.
    """

    def setUp(self) -> None:
        """
        Alice and Bob are signed in.
        """
        self.handles = Handles(KEY, "_pomerium")
        self.known = Known(ALICE, BOB)
        self.make(
            a_route("https://app.example.com"),
            a_route("https://chat.example.com", allow_websockets=True),
            a_route("https://bob.example.com", policy=from_legacy(users=["bob"])),
            a_route("https://closed.example.com", policy=from_legacy()),
            a_route("https://public.example.com", policy=PUBLIC),
            a_route("https://deep.example.com", prefix="/deep"),
        )

    def make(self, *routes: Route, authenticate_origin: str = AUTHENTICATE, **settings: Any) -> None:
        """
        An authorizer over *routes*.
        """
        settings.setdefault("idp_id_of", lambda route: "idp")
        self.authorizer = Authorizer(
            RouteTable(routes), self.known, self.handles, authenticate_origin=authenticate_origin, **settings
        )

    def handle(self, session: Session, **claims: Any) -> str:
        """
        A valid handle that names *session*.
        """
        values: dict[str, Any] = {
            "user_id": session.user_id,
            "issuer": "auth.example.com",
            "audience": ("auth.example.com",),
            "idp_id": session.idp_id,
            "now": 0.0,
            **claims,
        }
        return self.handles.mint(session.id, **values)

    def cookie(self, *sessions: Session) -> dict[str, str]:
        """
        The cookies that name *sessions*.
        """
        return {"Cookie": "; ".join(f"_pomerium={self.handle(session)}" for session in sessions)}

    def ask(
        self,
        url: str,
        headers: Mapping[str, str] | list[tuple[str, str]] = NAVIGATION,
        method: bytes = b"GET",
        *,
        forward_auth: bool = False,
    ) -> Verdict:
        """
        The verdict on a request for *url*, written ``host[:port]/path[?query]``.
        """
        authority, slash, target = url.partition("/")
        host, _, port = authority.partition(":")
        path, question, query = (slash + target).partition("?")
        pairs = list(headers.items()) if isinstance(headers, Mapping) else headers
        fields = [(name.lower().encode(), name.encode(), value.encode()) for name, value in pairs]
        upgrade = dict(pairs).get("Upgrade")
        head = RequestHead(
            method=method,
            target=(slash + target).encode(),
            minor=1,
            fields=fields,
            host=authority.encode(),
            content_length=None,
            chunked=False,
            keep_alive=True,
            upgrade=upgrade.encode() if upgrade else None,
            expect_continue=False,
            connection=frozenset(),
        )
        self.head = head
        canonical = Canonical(
            host=host,
            port=int(port) if port else None,
            path=path.encode() or b"/",
            query=query.encode() if question else None,
            authority=authority.encode(),
        )
        # Left out where nobody says it, as the data path does.
        said = {"forward_auth": True} if forward_auth else {}
        return self.authorizer.check(head, canonical, CLIENT, "request-1", **said)

    def assert_action(self, verdict: Verdict, action: Action, status: int) -> None:
        """
        What is done, and with which status.
        """
        self.assertEqual((verdict.action, verdict.status), (action, status))
