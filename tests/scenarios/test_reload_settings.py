"""
A configuration that is read again with other settings: whose session lives is kept, and can be ended, as before.
"""

from __future__ import annotations

import base64
import json

from cryptography.hazmat.primitives.asymmetric import ec

from tests.doubles.peers import UserAgent
from tests.scenarios.test_reload import ReloadTestCase
from tests.scenarios.world import APP, DENIED, OP
from tests.tls.authorities import key_pem


class SettingsTests(ReloadTestCase):
    """
    Other settings.
    """

    def test_idle_timeout(self) -> None:
        """
        A limit that is set now holds for sessions that began before, and one that is taken away holds no more.
        """
        alice = self.both()
        self.reload(session_idle_timeout="5m")
        self.advance(200.0, 50.0)
        self.assertEqual(alice.get(APP + "/").status, 200)
        self.reload()
        self.advance(400.0, 50.0)
        self.assertEqual(alice.get(APP + "/").status, 200)

    def test_heads(self) -> None:
        """
        How heads are read, and how large they may be, holds for the next one on connections that were open before, also
        for one of which half has come.
        """
        head = b"GET / HTTP/1.1\r\nHost: app.example.com\r\nX_Y: 1\r\n\r\n"
        for half in (0, 40):
            self.reload(headers_with_underscores_action="allow")
            agent = UserAgent.connect(self.network, "proxy", 443)
            agent.say(head)
            self.settle()
            self.assertIn(b" 302 ", agent.take()[:20])
            agent.say(head[:half])
            self.settle()
            self.reload()
            agent.say(head[half:])
            self.settle()
            self.assertIn(b" 400 ", agent.take()[:20])

    def test_names_of_cookies(self) -> None:
        """
        Another name for the cookies strands no session: its handle stays with us, and signing out ends it.
        """
        alice = self.both()
        handle = self.handle_of(alice, APP)
        self.reload(cookie_name="_new")
        self.app.take()
        self.assertEqual(alice.get(APP + "/").status, 200)
        self.assertNotIn(handle.encode(), self.app.take())
        self.sign_out(alice)
        self.assertEqual(self.replay(handle, APP).status, 302)

    def test_authenticate_host(self) -> None:
        """
        Another authenticate host waits for a restart: who signs out is sent to the OP, and is not signed in again.
        """
        alice = self.both()
        self.reload(authenticate_service_url="https://elsewhere.example.com")
        self.provider.always_confirm_logout = True
        page = self.sign_out(alice, follow=True)
        self.assertTrue(page.url.startswith(OP), page.url)
        self.assertIn("You signed out at", alice.get(APP + "/").text)

    def test_rules_for_a_request_on_its_way(self) -> None:
        """
        Whose request is not complete yet is answered by the rules that are in force when it is.
        """
        self.reload(sign_out_from_same_site="now")
        alice = self.both()
        fields = (
            "Sec-Fetch-Site: same-site",
            "Sec-Fetch-Mode: navigate",
            "Sec-Fetch-Dest: document",
            "Content-Type: application/x-www-form-urlencoded",
            "Content-Length: 3",
        )
        agent = alice.open("POST", APP + "/.pomerium/sign_out", *fields, content=b"a")
        self.reload(sign_out_from_same_site="confirm")
        agent.say(b"=1")
        self.settle()
        self.assertEqual(self.house.registry.count, 1)

    def test_signing_key(self) -> None:
        """
        A key that was replaced is published for ten minutes from its replacement, however often the file is read again.
        """
        self.reload(signing_key=_signing_key())
        self.advance(610.0, 10.0)
        old, newer = self.published(), _signing_key()
        for _ in range(2):
            self.reload(signing_key=newer)
            self.advance(290.0, 10.0)
        found = self.published()
        self.assertEqual((len(found), found[1]), (2, old[0]))
        self.advance(30.0, 10.0)
        self.assertEqual(self.published(), found[:1])
        self.reload(signing_key=newer)
        self.assertEqual(self.published(), found[:1])

    def published(self) -> list[str]:
        """
        The names of the keys that are published, the one that signs first.
        """
        document = self.browser().get(APP + "/.well-known/pomerium/jwks.json").content
        return [key["kid"] for key in json.loads(document)["keys"]]

    def test_signed_out_sessions_stay_so(self) -> None:
        """
        A reload brings nobody back.
        """
        alice = self.both()
        handle = self.handle_of(alice, APP)
        self.sign_out(alice)
        self.reload(cookie_expire="20h", routes=self.routes(denied=None))
        self.assertEqual(self.replay(handle, APP).status, 302)

    def test_sign_in_under_way(self) -> None:
        """
        A sign-in that is under way ends as it would have, and so does a sign-out.
        """
        alice = self.browser()
        page = alice.get(APP + "/")
        self.reload(routes=self.routes(denied=None))
        page = alice.click(page, "Sign in as Alice")
        self.assertEqual((page.url, page.status), (APP + "/", 200))
        left = self.sign_out(alice)
        self.reload()
        self.assertEqual(left.status, 302)
        page = alice.get(left.get("Location") or "")
        self.assertIn("You are signed out everywhere", page.text)

    def test_bad_layout(self) -> None:
        """
        What cannot be put in force changes nothing.
        """
        alice = self.both()
        agent, _ = self.download(alice)
        config = self.read(routes=self.routes(app=self.only_bob()))
        self.patch(type(self.house.layout), "proxy", _fail)
        self.assertRaises(ZeroDivisionError, self.house.reload, config)
        self.settle()
        self.assertIsNone(agent.lost)
        self.assertEqual(alice.get(APP + "/").status, 200)
        self.assertEqual(alice.get(DENIED + "/").status, 403)


def _signing_key() -> str:
    return base64.b64encode(key_pem(ec.generate_private_key(ec.SECP256R1()))).decode()


def _fail(*arguments: object) -> None:
    raise ZeroDivisionError
