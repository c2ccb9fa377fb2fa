"""
What the tests of the back channel begin with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.oidc.logout_token import EVENT
from tests.doubles.channel import Asked, ask
from tests.logout.user_agent import UserAgent
from tests.logout.world import A, World

PATH = "/.pomerium/backchannel_logout"


class BackChannelCase(SynchronousTestCase):
    """
    A world in which alice has a session, and what its OP may post.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.session = UserAgent(self.world).sign_in()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """
        What a good token says.
        """
        now = int(self.world.clock.seconds())
        claims: dict[str, Any] = {
            "iss": self.world.op.issuer,
            "aud": "rp1",
            "iat": now,
            "exp": now + 120,
            "jti": "jti-1",
            "events": {EVENT: {}},
            "sub": self.session.sub,
            "sid": self.session.sids[0],
        }
        return {**claims, **changes}

    def token(self, **changes: Any) -> str:
        """
        A good token, with some claims changed.
        """
        return self.world.op.sign(self.claims(**changes), "logout+jwt")

    def post(
        self,
        token: str | None = None,
        *,
        at: str = A,
        form: Any = None,
        path: str = PATH,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Asked:
        """
        What an OP does.
        """
        root = self.world.authenticate if at == A else self.world.routes
        sent = list((headers or {}).items())
        if form is None and "content" not in more:
            form = [("logout_token", token)]
        return ask(root, path, method=more.pop("method", "POST"), headers=sent, form=form, origin=at, **more)

    def assert_done(self, answer: Asked, live: int = 0) -> None:
        """
        It was acted on.
        """
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.header("cache-control"), "no-store")
        self.assertEqual(self.world.registry.count, live)

    def assert_refused(self, answer: Asked, status: int = 400) -> str:
        """
        Nothing has ended; why.
        """
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.header("cache-control"), "no-store")
        self.assertEqual(answer.header("content-type"), "application/json")
        self.assertEqual(self.world.registry.count, 1)
        document = json.loads(answer.body)
        self.assertEqual(document["error"], "invalid_request" if status < 500 else "temporarily_unavailable")
        reason = document["error_description"]
        self.assertRegex(reason, r"\A[ !#-\[\]-~]+\Z")
        self.assertIsInstance(reason, str)
        return str(reason)
