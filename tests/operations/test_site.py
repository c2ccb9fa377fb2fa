"""
Tests of `pomerium_tx.operations.site`: through the connections of the proxy, as the service serves them.
"""

from __future__ import annotations

import json
from typing import Any

from pomerium_tx.authorize.verdict import Action
from pomerium_tx.config.forms.values import AdminAddress
from pomerium_tx.http11.canonical import Canonical, canonicalise
from pomerium_tx.http11.heads import HeadLimits, RequestHead
from pomerium_tx.http11.reader import RequestReader
from pomerium_tx.operations.site import Gate, admin_site, check, decide
from pomerium_tx.web.resource import LocalRequest
from tests.doubles.channel import MemoryChannel
from tests.doubles.peers import request
from tests.operations.administered import SOCKET, AdministeredCase
from tests.policy.clients import CLIENT

LOOPBACK = AdminAddress(host="127.0.0.1", port=9443)
TOKEN = "a-token-of-more-than-32-characters-0123456789"


class SiteCase(AdministeredCase):
    """
    Asks the site, its gate included.
    """

    address = SOCKET
    token: str | None = None

    def setUp(self) -> None:
        super().setUp()
        self.site = admin_site(self.administered, self.address, self.token)

    def send(
        self,
        *fields: tuple[str, str],
        method: str = "GET",
        target: str = "/sessions",
        host: str | None = "localhost",
        content: bytes = b"",
    ) -> tuple[int, dict[str, Any]]:
        """
        The status and the JSON of the answer.
        """
        channel = MemoryChannel(self.site)
        asked = LocalRequest(channel)
        if host is not None:
            asked.requestHeaders.addRawHeader("Host", host)
        for name, value in fields:
            asked.requestHeaders.addRawHeader(name, value)
        asked.gotLength(len(content))
        asked.handleContentChunk(content)
        asked.requestReceived(method.encode(), target.encode(), b"HTTP/1.1")
        assert channel.status is not None
        self.fields = dict(channel.fields)
        return channel.status, json.loads(b"".join(channel.written))

    def status(self, *fields: tuple[str, str], **how: Any) -> int:
        """
        The status of the answer.
        """
        return self.send(*fields, **how)[0]


class SocketTests(SiteCase):
    """
    On a UNIX socket.
    """

    def test_pages(self) -> None:
        """
        Each page is there, whatever host is asked for; nothing else is.
        """
        for target in ("/sessions", "/revocations", "/notices"):
            for host in ("localhost", "anything.example.com:1", "", None):
                with self.subTest(target, host=host):
                    self.assertEqual(self.status(target=target, host=host), 200)
        for target in ("/", "/ping", "/.pomerium", "/session", "/sessions/x", "/sessions/x/y", "*"):
            with self.subTest(target):
                self.assertEqual(self.status(target=target), 404)

    def test_always_json(self) -> None:
        """
        Answers and errors are JSON, whatever is accepted, and are kept nowhere.
        """
        for target, status in (("/sessions", 200), ("/sessions?x=1", 400), ("/nothing", 404)):
            found, _ = self.send(("Accept", "text/html"), target=target)
            self.assertEqual((found, self.fields["content-type"]), (status, "application/json"))
            self.assertEqual(self.fields["cache-control"], "no-store")

    def test_web_pages(self) -> None:
        """
        Nothing that a browser sends for a page is answered, wherever it comes from, and it ends nothing.
        """
        self.begin("alice-1")
        for field in (
            ("Origin", "null"),
            ("Origin", "http://localhost"),
            ("origin", ""),
            ("Sec-Fetch-Site", "none"),
            ("Sec-Fetch-Site", "same-origin"),
            ("Sec-Fetch-Site", "cross-site"),
        ):
            with self.subTest(field):
                self.assertEqual(self.status(field, method="DELETE", target="/sessions?user=alice"), 403)
                self.assertEqual(self.status(field, target="/nothing"), 403)
        self.assertEqual(self.live(), ["alice-1"])

    def test_no_content(self) -> None:
        """
        What is said in the content would be passed over: it is refused instead.
        """
        self.begin("alice-1")
        status, answer = self.send(method="DELETE", target="/sessions?user=alice", content=b"route=app")
        self.assertEqual(status, 400)
        self.assertIn("query", answer["error"])
        self.assertEqual(self.live(), ["alice-1"])

    def test_needs_no_token(self) -> None:
        """
        Whoever can connect to the socket is the administrator; a token that is sent nevertheless does no harm.
        """
        self.assertEqual(self.status(("Authorization", "Bearer x")), 200)
        self.site = admin_site(self.administered, SOCKET, TOKEN)
        self.assertEqual(self.status(), 200)


class LoopbackTests(SiteCase):
    """
    On an address of this machine.
    """

    address = LOOPBACK
    token = TOKEN

    def test_token(self) -> None:
        """
        Only the token is let in, and no answer repeats what was shown.
        """
        self.assertEqual(self.status(("Authorization", f"Bearer {TOKEN}")), 200)
        self.assertEqual(self.status(("Authorization", f"bearer   {TOKEN}")), 200)
        for shown in (
            None,
            "",
            "Bearer",
            "Bearer ",
            TOKEN,
            f"Basic {TOKEN}",
            f"Bearer {TOKEN[:-1]}",
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN.upper()}",
            "Bearer \u00e9",
        ):
            with self.subTest(shown):
                fields = [] if shown is None else [("Authorization", shown)]
                status, answer = self.send(*fields)
                self.assertEqual((status, self.fields["www-authenticate"]), (401, "Bearer"))
                self.assertNotIn(TOKEN[:-1], str(answer))

    def test_two_tokens(self) -> None:
        """
        Of several tokens, none counts.
        """
        shown = ("Authorization", f"Bearer {TOKEN}")
        self.assertEqual(self.status(shown, shown), 401)
        self.assertEqual(self.status(("Authorization", "Bearer x"), shown), 401)

    def test_host(self) -> None:
        """
        Only this machine's names are answered: a name that somebody else has pointed here is not ours.
        """
        shown = ("Authorization", f"Bearer {TOKEN}")
        for host in ("127.0.0.1:9443", "localhost:9443", "LOCALHOST", "[::1]:9443", "[0:0::1]", "localhost."):
            with self.subTest(host):
                self.assertEqual(self.status(shown, host=host), 200)
        for host in (
            "evil.example.com",
            "evil.example.com:9443",
            "localhost.evil.example.com",
            "evil.localhost",
            "127.0.0.1.evil.example.com",
            "127.0.0.2",
            "",
            None,
            "local host",
            "localhost@evil.example.com",
        ):
            with self.subTest(host):
                self.assertEqual(self.status(shown, host=host), 403)
        self.assertEqual(self.status(shown, ("Host", "localhost"), host="localhost"), 403)

    def test_web_pages(self) -> None:
        """
        The token does not make a web page welcome.
        """
        shown = ("Authorization", f"Bearer {TOKEN}")
        for field in (("Origin", "http://127.0.0.1:9443"), ("Sec-Fetch-Site", "same-origin")):
            self.assertEqual(self.status(shown, field, host="127.0.0.1:9443"), 403)

    def test_refusals_come_first(self) -> None:
        """
        Who may not ask does not learn what there is.
        """
        for target in ("/sessions", "/nothing", "/receipts/x"):
            self.assertEqual(self.status(target=target), 401)
            self.assertEqual(self.status(target=target, method="POST", content=b"x"), 401)


class GateTests(AdministeredCase):
    """
    Making a gate.
    """

    def test_never_without_token(self) -> None:
        """
        There is no gate for a TCP address that needs no token.
        """
        for token in (None, ""):
            self.assertRaises(ValueError, Gate, LOOPBACK, token)

    def test_other_loopback(self) -> None:
        """
        An address is its own name too.
        """
        for host, shown in (
            ("127.0.0.2", "127.0.0.2:9443"),
            ("::1", "[::1]:9443"),
            ("admin.localhost", "Admin.localhost"),
        ):
            with self.subTest(host):
                gate = Gate(AdminAddress(host=host, port=9443), TOKEN)
                asked = LocalRequest(MemoryChannel(admin_site(self.administered, SOCKET, None)))
                asked.requestHeaders.addRawHeader("Host", shown)
                asked.requestHeaders.addRawHeader("Authorization", f"Bearer {TOKEN}")
                self.assertIsNone(gate.problem(asked))

    def test_token_is_kept_to_itself(self) -> None:
        """
        No representation shows the token.
        """
        self.assertNotIn(TOKEN, repr(Gate(LOOPBACK, TOKEN)))


class QuestionTests(AdministeredCase):
    """
    What the data path is told.
    """

    def test_every_request(self) -> None:
        """
        Whatever is asked, a page of ours answers, as nobody's, and no application is reached.
        """
        for target, host in (("/sessions", "localhost"), ("/app", "app.example.com"), ("/", "x")):
            head = RequestReader(HeadLimits()).feed(request("GET", target, host))[0]
            assert isinstance(head, RequestHead)
            canonical: Canonical = canonicalise(head)
            for verdict in (decide(head, canonical, CLIENT), check(head, canonical, CLIENT, "request-1")):
                self.assertIs(verdict.action, Action.OWN_PATH)
                self.assertEqual((verdict.session, verdict.live, verdict.route), (None, (), None))
