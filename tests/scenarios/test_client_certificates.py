"""
Client certificates: who has none is told so, what is open is cut when the one that was shown is good no more, and
signing out needs none. What is shown is said by the test; the handshakes are in `tests.tls` and `tests.process`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.protocol import Factory

from pomerium_tx.house import House
from pomerium_tx.tls.client_certificate import ClientCertificate, Names, Shown
from tests.config.material import key_pair
from tests.doubles.peers import UserAgent, request
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, CONFIG, OPEN, WorldTestCase
from tests.tls.clients import authority

LAPTOP = "192.0.2.10"
"""
Where the browser with a certificate is.
"""
ELSEWHERE = "192.0.2.20"
CERTIFICATE = ClientCertificate(der=b"", fingerprint="f" * 64, spki_hash="", names=Names())
REVOKED = replace(CERTIFICATE, problem="it is revoked")
TEXT = "a valid client certificate is required to access this page"


@dataclass
class Handshakes:
    """
    What TLS would say of the user agents at each address.
    """

    shown: dict[str, Shown | None]

    def of(self, address: str) -> Shown | None:
        """
        What was shown from there.
        """
        return self.shown.get(address, Shown(certificate=None, is_welcome=True))

    def trusts(self, address: str, certificate: ClientCertificate | None) -> None:
        """
        From now on *certificate* is what is thought of who is there.
        """
        self.shown[address] = Shown(certificate=certificate, is_welcome=True)


class _AfterHandshake(Factory):
    """
    Connections that have shaken hands.
    """

    noisy = False

    def __init__(self, factory: Any, handshakes: Handshakes) -> None:
        self._factory = factory
        self._handshakes = handshakes

    def buildProtocol(self, addr: Any) -> Any:
        protocol = self._factory.buildProtocol(addr)
        connect = protocol.makeConnection

        def connected(transport: Any) -> None:
            transport.shown = lambda: self._handshakes.of(addr.host)
            connect(transport)
            protocol.handshakeCompleted()

        protocol.makeConnection = connected
        return protocol


class CertificateCase(WorldTestCase):
    """
    A house that asks for certificates, a laptop that has one, and other machines.
    """

    enforcement = "policy_with_default_deny"
    routes: list[dict[str, Any]] = CONFIG["routes"]

    def setUp(self) -> None:
        self.handshakes = Handshakes({})
        self.handshakes.trusts(LAPTOP, CERTIFICATE)
        super().setUp()

    @property
    def settings(self) -> Mapping[str, Any]:  # type: ignore[override] # made for each test
        """
        With certificates of our own and an authority for others.
        """
        certificate, key = key_pair()
        return {
            "insecure_server": None,
            "certificate": certificate.decode(),
            "certificate_key": key.decode(),
            "downstream_mtls": {"ca": authority("root").pem.decode(), "enforcement": self.enforcement},
            "routes": self.routes,
        }

    def build_house(self, address: str = "proxy") -> House:
        """
        A house behind TLS.
        """
        house = super().build_house(address)
        self.network.close(address, 443)
        self.network.listen(address, 443, _AfterHandshake(house.factory, self.handshakes))
        return house

    def ask(self, url: str, address: str, **fields: str) -> Any:
        """
        What is answered to a browser at *address* that has been nowhere.
        """
        return self.browser(address=address).once("GET", url, {key.replace("_", "-"): v for key, v in fields.items()})


class DefaultDenyTests(CertificateCase):
    """
    ``policy_with_default_deny``.
    """

    def test_without(self) -> None:
        """
        Every route answers 495, a public one too, and nobody is sent to sign in for it; our own pages need none.
        """
        for url in (APP + "/", OPEN + "/"):
            answer = self.ask(url, ELSEWHERE)
            self.assertEqual((answer.status, answer.get("Connection")), (495, "close"))
            self.assertIn("A valid client certificate is required", answer.text)
        for url in (
            APP + "/.pomerium/",
            APP + "/ping",
            APP + "/.well-known/pomerium",
            AUTHENTICATE + "/.pomerium/signed_out",
        ):
            self.assertEqual(self.ask(url, ELSEWHERE).status, 200, url)

    def test_json(self) -> None:
        """
        A program is told in its own language, in Pomerium's words.
        """
        answer = self.ask(APP + "/", ELSEWHERE, Accept="application/json")
        self.assertEqual((answer.status, json.loads(answer.text)["error"]), (495, TEXT))

    def test_robots(self) -> None:
        """
        Robots are kept away as from everything that is refused.
        """
        self.assertEqual(self.ask(OPEN + "/robots.txt", ELSEWHERE).status, 200)

    def test_untrusted(self) -> None:
        """
        A certificate that is not trusted is as good as none, and the log says which of the two it was.
        """
        self.handshakes.trusts(ELSEWHERE, REVOKED)
        self.assertEqual(self.ask(OPEN + "/", ELSEWHERE).status, 495)
        denials = [event["deny_why_true"] for event in self.events if event.get("deny_why_true")]
        self.assertEqual(denials, [("invalid-client-certificate",)])

    def test_with(self) -> None:
        """
        Who has one uses everything as ever: it does not take the place of the person.
        """
        browser = self.browser(address=LAPTOP)
        self.assertEqual(browser.once("GET", APP + "/").status, 302)
        self.assertEqual(self.sign_in(browser).status, 200)
        self.assertEqual(self.ask(OPEN + "/", LAPTOP).status, 200)

    def test_stolen_cookie(self) -> None:
        """
        The handle of a session is worth nothing on a machine without a certificate, and the other way round what was
        refused there does not keep anybody out.
        """
        browser = self.browser(address=LAPTOP)
        self.sign_in(browser)
        cookie = f"_pomerium={self.handle_of(browser, APP)}"
        for address, status in ((LAPTOP, 200), (ELSEWHERE, 495), (LAPTOP, 200), (ELSEWHERE, 495)):
            self.assertEqual(self.ask(APP + "/", address, Cookie=cookie).status, status)

    def test_portal(self) -> None:
        """
        The routes portal lists what would answer on the very connection that asks for it.
        """
        browser = self.browser(address=LAPTOP)
        self.sign_in(browser)
        cookie = f"_pomerium={self.handle_of(browser, APP)}"
        for address, is_listed in ((LAPTOP, True), (ELSEWHERE, False)):
            answer = self.ask(APP + "/.pomerium/api/v1/routes", address, Cookie=cookie, Accept="application/json")
            self.assertEqual(APP in [route["from"] for route in json.loads(answer.text)["routes"]], is_listed)

    def test_sign_out(self) -> None:
        """
        Signing out needs no certificate, and ends the session everywhere.
        """
        browser = self.browser(address=LAPTOP)
        self.sign_in(browser)
        self.handshakes.trusts(LAPTOP, REVOKED)
        self.assertEqual(browser.once("GET", APP + "/").status, 495)
        browser.get(APP + "/.pomerium/sign_out")
        self.assertEqual([receipt["cause"] for receipt in self.receipts()], ["user_route"])
        self.handshakes.trusts(LAPTOP, CERTIFICATE)
        self.assertEqual(browser.once("GET", APP + "/").status, 302)


class NoLongerGoodTests(CertificateCase):
    """
    A certificate that was good when the connection began.
    """

    def open_connections(self) -> tuple[UserAgent, UserAgent, UserAgent]:
        """
        One on which alice waits for an answer, one on which anybody does, and an idle one.
        """
        browser = self.browser(address=LAPTOP)
        self.sign_in(browser)
        cookie = f"Cookie: _pomerium={self.handle_of(browser, APP)}"
        for name in ("app", "open"):
            self.applications[name].answer = None
        agents = []
        for host, fields in (("app", (cookie,)), ("open", ()), ("app", None)):
            agent = UserAgent.connect(self.network, "proxy", 443, peer=LAPTOP)
            if fields is not None:
                agent.say(request("GET", "/slow", f"{host}.example.com", *fields))
            agents.append(agent)
        self.settle()
        for name in ("app", "open"):
            latest = self.applications[name].latest
            assert latest is not None
            latest.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
        self.settle()
        one, two, idle = agents
        self.assertIn(b" 200 ", idle.ask(request("GET", "/ping", "app.example.com")))
        self.assertTrue(all(agent.take().endswith(b"some") for agent in (one, two)))
        return one, two, idle

    def test_reload(self) -> None:
        """
        On a reload every certificate is judged again: what it does not admit any more is cut, and the next request on
        the same connection is refused.
        """
        one, two, idle = self.open_connections()
        self.handshakes.trusts(LAPTOP, REVOKED)
        self.house.reload(self.read())
        self.settle()
        self.assertIsNotNone(one.lost)
        self.assertIsNotNone(two.lost)
        self.assertIn(b" 495 ", idle.ask(request("GET", "/", "open.example.com")))
        self.assertIsNotNone(idle.lost)
        self.assertEqual(self.receipts(), [])

    def test_still_good(self) -> None:
        """
        Where nothing has changed for a certificate nothing is cut.
        """
        one, two, idle = self.open_connections()
        self.house.reload(self.read())
        self.settle()
        self.assertEqual((one.lost, two.lost, idle.lost), (None, None, None))

    def test_expired(self) -> None:
        """
        When a certificate expires, what is open on its connections is cut, without anybody asking.
        """
        self.handshakes.trusts(LAPTOP, replace(CERTIFICATE, judged_until=self.clock.seconds() + 60.0))
        one, two, idle = self.open_connections()
        self.advance(30)
        self.assertEqual((one.lost, two.lost), (None, None))
        self.handshakes.trusts(LAPTOP, replace(CERTIFICATE, problem="certificate has expired"))
        self.advance(32)
        self.assertIsNotNone(one.lost)
        self.assertIsNotNone(two.lost)
        self.assertIn(b" 495 ", idle.ask(request("GET", "/", "open.example.com")))

    def test_switched_on(self) -> None:
        """
        Who connected before certificates were asked for has shown none, and must connect anew.
        """
        self.handshakes.shown[LAPTOP] = None
        self.house.reload(self.read(downstream_mtls=None))
        one, two, _ = self.open_connections()
        self.handshakes.shown[LAPTOP] = Shown(certificate=None, is_welcome=True)
        self.house.reload(self.read())
        self.settle()
        self.assertIsNotNone(one.lost)
        self.assertIsNotNone(two.lost)

    def test_switched_off(self) -> None:
        """
        When nobody is asked any more nobody is refused for it.
        """
        agent = UserAgent.connect(self.network, "proxy", 443, peer=ELSEWHERE)
        self.handshakes.shown[ELSEWHERE] = None
        self.house.reload(self.read(downstream_mtls=None))
        self.assertIn(b" 200 ", agent.ask(request("GET", "/", "open.example.com")))

    def test_no_longer_welcome(self) -> None:
        """
        Where connections are rejected, those that would be now are ended, idle ones too.
        """
        one, two, idle = self.open_connections()
        self.handshakes.shown[LAPTOP] = Shown(certificate=REVOKED, is_welcome=False)
        self.house.reload(self.read())
        self.settle()
        for agent in (one, two, idle):
            self.assertIsNotNone(agent.lost)

    def test_nothing_is_left(self) -> None:
        """
        A connection that is gone is not thought of any more.
        """
        self.handshakes.trusts(LAPTOP, replace(CERTIFICATE, judged_until=self.clock.seconds() + 3600.0))
        before = len(self.clock.getDelayedCalls())
        agent = UserAgent.connect(self.network, "proxy", 443, peer=LAPTOP)
        self.assertEqual(len(self.clock.getDelayedCalls()), before + 1)
        agent.transport.loseConnection()
        self.settle()
        self.assertEqual(len(self.clock.getDelayedCalls()), before)


class PolicyTests(CertificateCase):
    """
    ``policy``: only those routes need a certificate whose policy says so.
    """

    enforcement = "policy"
    routes = [
        {
            "from": APP,
            "to": "http://app.internal:8080",
            "policy": [
                {"allow": {"or": [{"authenticated_user": True}]}},
                {"deny": {"or": [{"invalid_client_certificate": True}]}},
            ],
        },
        {
            "from": CHAT,
            "to": "http://chat.internal:8080",
            "policy": [{"allow": {"or": [{"client_certificate": {"fingerprint": "f" * 64}}]}}],
        },
        {"from": OPEN, "to": "http://open.internal:8080", "allow_public_unauthenticated_access": True},
    ]

    def test_only_some(self) -> None:
        """
        A route that says nothing needs none; one that denies is 495, one whose certificates are others is 403.
        """
        for url, with_none, with_one in ((APP, 495, 302), (CHAT, 403, 200), (OPEN, 200, 200)):
            statuses = [self.ask(url + "/", address).status for address in (ELSEWHERE, LAPTOP)]
            self.assertEqual(statuses, [with_none, with_one], url)


class RejectTests(CertificateCase):
    """
    ``reject_connection``.
    """

    enforcement = "reject_connection"

    def test_not_spoken_with(self) -> None:
        """
        Should a handshake ever go well that should not have, nothing is said all the same.
        """
        self.handshakes.shown[ELSEWHERE] = Shown(certificate=None, is_welcome=False)
        agent = UserAgent.connect(self.network, "proxy", 443, peer=ELSEWHERE)
        agent.say(request("GET", "/ping", "app.example.com"))
        self.settle()
        self.assertEqual(agent.take(), b"")
        self.assertIsNotNone(agent.lost)
        self.assertEqual(self.ask(OPEN + "/", LAPTOP).status, 200)
