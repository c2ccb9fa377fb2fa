"""
Where people come from, when they come by way of another proxy.
"""

from __future__ import annotations

from typing import Any

from tests.scenarios.browser import Browser
from tests.scenarios.world import APP, WorldTestCase

FRONT = "10.0.0.1"
STRANGER = "203.0.113.9"
FORGED = "198.51.100.66"


class ProxyInFrontTestCase(WorldTestCase):
    """
    A world in which everybody but strangers comes by way of a proxy.
    """

    settings = {"trusted_proxies": ["10.0.0.0/8"]}

    def seen(self, browser: Browser, **fields: str) -> tuple[str, str]:
        """
        Whom the log names for a request, and what the application reads in X-Forwarded-For.
        """
        self.events.clear()
        self.app.take()
        browser.once("GET", APP + "/seen", {"X-Forwarded-For": "192.0.2.7", **fields})
        [line] = [event for event in self.events if event.get("service") == "proxy"]
        told = [line for line in self.app.take().split(b"\r\n") if line.lower().startswith(b"x-forwarded-for:")]
        return line["ip"], b"".join(told).decode()

    def signed_in(self, address: str) -> Browser:
        """
        A person, who comes from *address*.
        """
        browser = self.browser(address=address)
        self.sign_in(browser)
        return browser

    def carried(self, browser: Browser) -> dict[str, str]:
        """
        The field that names the session of *browser*.
        """
        return {"Cookie": f"_pomerium={self.handle_of(browser, APP)}"}


class TrustedTests(ProxyInFrontTestCase):
    """
    ``trusted_proxies``.
    """

    def test_client(self) -> None:
        """
        The log names the client, and the application learns of every hop.
        """
        fields = self.carried(self.signed_in(FRONT))
        self.assertEqual(
            self.seen(self.browser(address=FRONT), **fields), ("192.0.2.7", "X-Forwarded-For: 192.0.2.7, 10.0.0.1")
        )

    def test_forged_before(self) -> None:
        """
        What the client itself has written into the field changes nothing.
        """
        fields = self.carried(self.signed_in(FRONT))
        ip, told = self.seen(self.browser(address=FRONT), **{"X-Forwarded-For": f"{FORGED}, 192.0.2.7"}, **fields)
        self.assertEqual(ip, "192.0.2.7")
        self.assertEqual(told, f"X-Forwarded-For: {FORGED}, 192.0.2.7, 10.0.0.1")

    def test_stranger(self) -> None:
        """
        Who is no trusted proxy comes from where they come from, whatever they say.
        """
        fields = self.carried(self.signed_in(STRANGER))
        ip, told = self.seen(self.browser(address=STRANGER), **fields)
        self.assertEqual((ip, told), (STRANGER, "X-Forwarded-For: 192.0.2.7, 203.0.113.9"))

    def test_session(self) -> None:
        """
        A session is remembered as used from the client's address, not the proxy's.
        """
        browser = self.signed_in(FRONT)
        self.seen(self.browser(address=FRONT), **self.carried(browser))
        [session] = self.house.registry.sessions()
        self.assertEqual(self.house.registry.last_address(session.id), "192.0.2.7")

    def test_unreadable(self) -> None:
        """
        Where the proxy names nobody, the answer is 400, and the application hears nothing.
        """
        fields = self.carried(self.signed_in(FRONT))
        self.app.take()
        answer = self.browser(address=FRONT).once("GET", APP + "/", {"X-Forwarded-For": "unknown", **fields})
        self.assertEqual((answer.status, self.app.take()), (400, b""))

    def test_reload(self) -> None:
        """
        Who is trusted no longer is believed no longer, on connections that are open too.
        """
        fields = self.carried(self.signed_in(FRONT))
        browser = self.browser(address=FRONT)
        self.assertEqual(self.seen(browser, **fields)[0], "192.0.2.7")
        self.house.reload(self.read(trusted_proxies=["10.9.9.9"]))
        self.assertEqual(self.seen(browser, **fields)[0], FRONT)


class HopsTests(ProxyInFrontTestCase):
    """
    ``xff_num_trusted_hops``.
    """

    settings = {"xff_num_trusted_hops": 1}

    def test_client(self) -> None:
        """
        Alone, it means what it means in Pomerium: the address at that place from the right, whoever connects.
        """
        fields = self.carried(self.signed_in(STRANGER))
        ip, _ = self.seen(self.browser(address=STRANGER), **{"X-Forwarded-For": f"{FORGED}, 192.0.2.7"}, **fields)
        self.assertEqual(ip, "192.0.2.7")


class NeitherTests(ProxyInFrontTestCase):
    """
    Without either setting.
    """

    settings: dict[str, Any] = {}

    def test_client(self) -> None:
        """
        The client is whoever connects.
        """
        fields = self.carried(self.signed_in(FRONT))
        self.assertEqual(self.seen(self.browser(address=FRONT), **fields)[0], FRONT)
