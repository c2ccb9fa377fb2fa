"""
Logouts that an OP, or anybody, only pretends to tell end nothing, by whichever channel they come.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from pomerium_tx import paths
from pomerium_tx.demo.messages import Fault
from pomerium_tx.oidc.logout_token import EVENT
from tests.conformance import adversarial_answers as answers
from tests.conformance import adversarial_logouts as logouts
from tests.conformance.adversarial_provider import PAGE, AdversarialTestCase, Mint
from tests.conformance.case import fields_of
from tests.scenarios.browser import Response, read
from tests.scenarios.secrets import shows
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP

FRAME = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}


class LogoutTestCase(AdversarialTestCase):
    """
    Alice is signed in on two devices.
    """

    def setUp(self) -> None:
        super().setUp()
        self.devices = [self.visitor(), self.visitor()]
        for device in self.devices:
            self.assertEqual(device.get(PAGE).status, 200)
        self.sids = [session.sids[0] for session in self.house.registry.sessions()]
        self.watch()

    def good(self) -> Mint:
        """
        What makes tokens that end everything of Alice.
        """
        now = int(self.clock.seconds())
        claims: dict[str, Any] = {
            "iss": OP,
            "aud": "rp1",
            "iat": now,
            "exp": now + 120,
            "jti": f"number {len(self.events)} at {now}",
            "sub": self.provider.users["alice"].sub,
            "events": {EVENT: {}},
        }
        return Mint(claims=claims, access_token="", now=now, kid=self.signer.kid)

    def send(self, posted: logouts.Posted, host: str = AUTHENTICATE) -> Response:
        """
        What the back channel answers.
        """
        what, content_type, content = posted
        method, _, more = what.partition(" ")
        fields = {"Content-Type": content_type} if content_type else {}
        if more == "gzip":
            fields["Content-Encoding"] = "gzip"
        url = host + paths.BACKCHANNEL_LOGOUT + (more if more.startswith("?") else "")
        # The cookies that come along count for nothing.
        return self.devices[0].once(method, url, fields, content)

    def post(self, token: str, host: str = AUTHENTICATE) -> Response:
        """
        What the back channel answers to a token.
        """
        return self.send(("POST", logouts.FORM, urlencode({"logout_token": token}).encode()), host)

    def assert_nothing_ended(self, answer: Response, *tokens: str) -> None:
        """
        Both devices are signed in as before, and nothing is told.
        """
        self.assertIn("no-store", answer.get("Cache-Control") or "")
        self.assertEqual(answer.get_all("Set-Cookie"), [])
        self.assertIsNone(answer.get("Location"))
        self.assertEqual({session.id for session in self.house.registry.sessions()}, self._live)
        self.assertEqual(self.receipts(), [])
        for device in self.devices:
            self.assertEqual(device.get(PAGE).status, 200)
        self.assert_nothing_told(answer)
        for token in tokens:
            if 40 < len(token) < 20_000:
                self.assertFalse(any(shows(str(event), token) for event in self.events))
                self.assertFalse(shows(answer.text, token))
        self.assert_nothing_broken()

    def assert_ends(self, answer: Response) -> None:
        """
        The right one ends both.
        """
        self.assertEqual((answer.status, answer.content), (200, b""), answer.text)
        self.assertEqual(answer.get("Cache-Control"), "no-store")
        self.assertEqual(self.house.registry.count, 0)
        for device in self.devices:
            self.assertEqual(device.get(PAGE, follow=False).status, 302)


class BackChannelTests(LogoutTestCase):
    """
    Logout tokens, and what is no such thing.
    """

    def test_tokens(self) -> None:
        """
        A wrong token is refused with 400 and JSON, on every host; a right one ends what it names, and then again.
        """

        def refused(token: str) -> None:
            for host in (AUTHENTICATE, APP):
                answer = self.post(token, host)
                self.assertEqual(answer.status, 413 if len(token) > 1 << 20 else 400)
                if answer.status == 400:
                    self.assertEqual(answer.get("Content-Type"), "application/json")
                    self.assertEqual(json.loads(answer.text)["error"], "invalid_request")
                self.assert_nothing_ended(answer, token)

        self.each(logouts.tokens(self.good()), refused)
        right = logouts.good(self.good())
        self.assert_ends(self.post(right, CHAT))
        self.assert_ends(self.post(right))

    def test_forms(self) -> None:
        """
        A token counts in a form, alone of its name.
        """
        token = logouts.good(self.good())

        def refused(posted: logouts.Posted) -> None:
            answer = self.send(posted)
            self.assertIn(answer.status, (400, 405, 411, 413, 415))
            if posted[0].startswith("POST"):
                self.assertNotEqual(answer.status, 405)
            self.assert_nothing_ended(answer, token)

        self.each(logouts.forms(token), refused)
        form = urlencode([("a", "b"), ("logout_token", token), ("c", "d"), ("c", "d")]).encode()
        self.assert_ends(self.send(("POST", logouts.FORM + "; charset=utf-8", form)))

    def test_other_tokens(self) -> None:
        """
        Neither an ID Token of the OP nor an assertion of ours signs anybody out.
        """
        self.devices[0].get(PAGE)
        [assertion] = fields_of(self.app.take())["x-pomerium-jwt-assertion"]
        for session in self.house.registry.sessions():
            for token in (session.tokens.id_token, session.tokens.access_token, assertion):
                answer = self.post(token)
                self.assertEqual(answer.status, 400)
                self.assert_nothing_ended(answer, token)

    def test_names(self) -> None:
        """
        Names that do not belong together, or to anybody, end nothing; that is a success.
        """
        mint = self.good()
        names: list[dict[str, Any]] = [
            {"sub": "nobody"},
            {"sub": self.provider.users["bob"].sub, "sid": self.sids[0]},
            {"sid": "nothing"},
            {"sub": self.sids[0]},
        ]
        for number, changes in enumerate(names):
            answer = self.post(mint.token({**changes, "jti": f"jti {number}"}))
            self.assertEqual((answer.status, answer.content), (200, b""))
            self.assert_nothing_ended(answer)

    def test_keys_are_not_to_be_had(self) -> None:
        """
        A key that nobody knows is waited for, in vain; while the OP is out of order those that are known still count.
        """
        answer = self.slow_post(self.good().token(header={"kid": "nope"}))
        self.assertEqual(answer.status, 400)
        self.assert_nothing_ended(answer)
        with self.misbehaving("jwks", logouts.OUTAGE):
            self.advance(10.0, step=5.0)
            answer = self.slow_post(self.good().token(header={"kid": "new"}))
            self.assertEqual(answer.status, 400)
            self.assert_nothing_ended(answer)
            self.assert_ends(self.post(logouts.good(self.good())))

    def test_revocation(self) -> None:
        """
        Whatever the OP answers when tokens are revoked, the end stays, and it is asked again where that helps.
        """

        def check(wrong: answers.Wrong) -> None:
            device = self.visitor()
            self.assertEqual(device.get(PAGE).status, 200)
            with self.misbehaving("revocation", wrong):
                answer = self.post(logouts.good(self.good()))
                self.advance(1.0)
            self.assertEqual((answer.status, answer.content), (200, b""))
            self.assertEqual(self.house.registry.count, 0)
            self.assert_nothing_told(answer)
            self.assert_nothing_broken()

        self.each([*answers.broken(), ("nothing", Fault(silent=True))], check)
        self.advance(600.0, step=20.0)
        # Those that the OP did not take at first.
        self.assertGreater(len(self.provider.revocations), 2)

    def slow_post(self, token: str) -> Response:
        """
        What is answered to a token that waits for its key.
        """
        content = urlencode({"logout_token": token})
        fields = (f"Content-Type: {logouts.FORM}", f"Content-Length: {len(content)}")
        url = AUTHENTICATE + paths.BACKCHANNEL_LOGOUT
        agent = self.browser().open("POST", url, *fields, content=content.encode())
        self.advance(11.0)
        return read(agent.take())


class FrontChannelTests(LogoutTestCase):
    """
    Frames in somebody's page.
    """

    def test_queries(self) -> None:
        """
        Only this very issuer with this very sid ends anything; the answer is the same page, and shows nothing of it.
        """

        def refused(query: str) -> None:
            for host in (AUTHENTICATE, APP):
                answer = self.browser().once("GET", f"{host}{paths.SIGN_OUT}?{query}", FRAME)
                self.assertIn(answer.status, (200, 400))
                self.assertNotIn("<script>alert", answer.text)
                self.assert_nothing_ended(answer)

        self.each(logouts.frames(self.sids[0]), refused)
        query = urlencode({"iss": OP, "sid": self.sids[0]})
        self.assertEqual(self.browser().once("GET", f"{APP}{paths.SIGN_OUT}?{query}", FRAME).status, 200)
        [left] = self.house.registry.sessions()
        self.assertEqual(left.sids, (self.sids[1],))
