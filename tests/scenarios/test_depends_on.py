"""
``depends_on``: one sign-in gives the cookies of several hosts.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tests.scenarios.browser import Browser
from tests.scenarios.world import APP, CHAT, CONFIG, OPEN, WorldTestCase


def _routes(**depends_on: Any) -> list[dict[str, Any]]:
    return [{**route, "depends_on": depends_on.get(route["name"], [])} for route in CONFIG["routes"]]


class DependsOnTests(WorldTestCase):
    """
    The application needs the chat and the open one.
    """

    settings = {"routes": _routes(app=["chat.example.com", "https://open.example.com", "app.example.com"])}

    def test_chain(self) -> None:
        """
        One sign-in ends where the person wanted to be, with a cookie of the same session at each host.
        """
        alice = self.browser()
        landed = self.sign_in(alice, APP + "/wanted?x=%2F")
        self.assertEqual((landed.url, landed.text), (APP + "/wanted?x=%2F", "ok"))
        handles = {self.handle_of(alice, origin) for origin in (APP, CHAT, OPEN)}
        self.assertEqual(len(handles), 1)
        self.assertEqual(alice.get(CHAT + "/", follow=False).text, "ok")
        self.assertLess(len(landed.trail), 16)

    def test_signs_out_everywhere(self) -> None:
        """
        The sign-out at one of them ends what the others have.
        """
        alice = self.browser()
        self.sign_in(alice)
        self.assertEqual(alice.get(CHAT + "/", follow=False).text, "ok")
        alice.get(APP + "/.pomerium/sign_out", follow=False)
        self.assertEqual(alice.get(CHAT + "/", follow=False).status, 302)

    def test_other_hosts_do_not_chain(self) -> None:
        """
        A host that depends on none signs in alone.
        """
        alice = self.browser()
        self.sign_in(alice, CHAT + "/")
        self.assertIsNone(alice.cookie("app.example.com", "_pomerium"))

    def chained(self, alice: Browser) -> str:
        """
        The link that would sign alice in at the chat, which she has not followed.
        """
        page = alice.get(APP + "/")
        action, fields = page.form(button="Sign in as Alice")
        url, answer = "", alice.post(action, fields, follow=False)
        while not url.startswith(CHAT + "/.pomerium/callback/?"):
            url = answer.get("Location") or ""
            if not url.startswith(CHAT + "/.pomerium/callback/?"):
                answer = alice.get(url, follow=False)
        return url

    def test_planted(self) -> None:
        """
        Who is given another's link on the way is not signed in as them, and only led on.
        """
        url = self.chained(self.browser())
        bob = self.browser(address="192.0.2.2")
        bob.get(CHAT + "/", follow=False)
        answer = bob.get(url, follow=False)
        self.assertEqual(answer.status, 302)
        self.assertIsNone(bob.cookie("chat.example.com", "_pomerium"))

    def test_once(self) -> None:
        """
        Each link of the chain gives its cookie once.
        """
        alice = self.browser()
        url = self.chained(alice)
        self.assertTrue(alice.get(url, follow=False).get_all("Set-Cookie"))
        again = alice.get(url, follow=False)
        self.assertEqual((again.status, again.get_all("Set-Cookie")), (302, []))

    def test_altered(self) -> None:
        """
        Nobody can have themselves sent elsewhere, or a host left out, by altering a link.
        """
        alice = self.browser()
        url = self.chained(alice)
        for old, new in (("app.example.com", "evil.example"), ("open.example.com", "evil.example")):
            self.assertEqual(alice.get(url.replace(old, new), follow=False).status, 400)

    def test_without_cookies(self) -> None:
        """
        A browser that refuses a further host's cookie is still signed in where the person wanted to be.
        """
        alice = self.browser()
        keep = alice.keep
        alice.keep = lambda url, field: None if urlsplit(url).netloc == "chat.example.com" else keep(url, field)  # type: ignore[method-assign]
        self.assertEqual(self.sign_in(alice).text, "ok")
        self.assertIsNone(alice.cookie("chat.example.com", "_pomerium"))


class StrictCookieTests(WorldTestCase):
    """
    With ``cookie_same_site: strict``.
    """

    settings = {"routes": _routes(app=["chat.example.com"]), "cookie_same_site": "strict"}

    def test_chain(self) -> None:
        """
        The page that breaks the chain of redirects stands at its very end.
        """
        alice = self.browser()
        page = self.sign_in(alice)
        self.assertTrue(page.url.startswith(CHAT + "/.pomerium/callback/?"))
        self.assertIn(APP + "/", page.text)
        self.assertEqual(self.handle_of(alice, APP), self.handle_of(alice, CHAT))


class MostHostsTests(WorldTestCase):
    """
    As many hosts as there may be.
    """

    hosts = [f"h{number}.example.com" for number in range(5)]
    settings = {
        "routes": [
            {**CONFIG["routes"][0], "depends_on": hosts},
            *(
                {"from": f"https://{host}", "to": "http://open.internal:8080", "allow_any_authenticated_user": True}
                for host in hosts
            ),
        ]
    }

    def test_user_agents_follow(self) -> None:
        """
        Five further hosts, after the OP has asked: so few redirects that every browser follows them.
        """
        alice = self.browser()
        page = alice.get(APP + "/")
        action, fields = page.form(button="Sign in as Alice")
        answer = alice.post(action, fields, follow=False)
        count = 0
        while answer.get("Location"):
            answer = alice.get(answer.get("Location") or "", follow=False)
            count += 1
        self.assertEqual(answer.text, "ok")
        self.assertLessEqual(count, 16)
        self.assertEqual(len({self.handle_of(alice, f"https://{host}") for host in self.hosts}), 1)
