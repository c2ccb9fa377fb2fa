"""
A browser is one person: its sessions end together, and a new one takes the place of the old.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace

from twisted.internet.defer import Deferred

from pomerium_tx.sessions.handle import Handles
from pomerium_tx.sessions.session import new_session_id
from tests.scenarios.browser import Browser, read
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, CONFIG, OP

OWN_COOKIE = ("authenticate.example.com", "_pomerium_authenticate", "/")
NAVIGATED = {
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


class ReplacedTests(TrafficTestCase):
    """
    A second sign-in in the same browser.
    """

    def again(self, browser: Browser, person: str = "alice") -> None:
        """
        Sign in in a browser that has lost its session cookie on A.
        """
        browser.jar.pop(OWN_COOKIE)
        browser.jar.pop(("chat.example.com", "_pomerium", "/"))
        self.assertEqual(self.sign_in(browser, CHAT + "/", person).status, 200)

    def test_older_session_unusable(self) -> None:
        """
        A sign-in that completes ends the browser's earlier session: its cookies are dead on every route.
        """
        alice = self.both()
        old = [(origin, self.handle_of(alice, origin)) for origin in (APP, CHAT)]
        self.again(alice)
        self.assertEqual(self.house.registry.count, 1)
        for origin, handle in old:
            self.assertEqual(self.replay(handle, origin).status, 302)
        (receipt,) = self.receipts()
        self.assertEqual((receipt["cause"], receipt["sessions_ended"]), ("replaced", 1))
        self.assertEqual(alice.get(CHAT + "/").status, 200)
        page = alice.get(APP + "/")
        self.assertEqual((page.status, page.url), (200, APP + "/"))

    def test_exchanges_of_the_older_session(self) -> None:
        """
        What the earlier session had open is cut.
        """
        alice = self.both()
        agent, _ = self.download(alice)
        self.again(alice)
        self.assert_broken_off(agent)
        self.assertEqual(self.receipts()[0]["exchanges_cut"]["download"], 1)

    def test_another_person(self) -> None:
        """
        Bob signs in where alice was: hers is over, and nothing that was hers opens for him.
        """
        alice = self.both()
        hers = self.handle_of(alice, APP)
        alice.jar = {key: cookie for key, cookie in alice.jar.items() if key[0] != "op.example.com"}
        self.again(alice, "bob")
        self.assertEqual(self.replay(hers, APP).status, 302)
        self.assertEqual([session.email for session in self.house.registry.sessions()], ["bob@example.com"])
        self.app.take()
        self.assertEqual(alice.get(APP + "/").status, 200)

    def test_tokens_of_the_older_session(self) -> None:
        """
        Its tokens are not revoked: some OPs would take those of the new session back with them.
        """
        alice = self.both()
        self.again(alice)
        self.advance(300.0)
        self.assertEqual(self.provider.revocations, [])
        self.assertEqual(alice.get(CHAT + "/").status, 200)

    def test_parallel_tabs(self) -> None:
        """
        Two tabs that sign in at the same time both arrive, in whatever order, with one session in the end.
        """
        for first in (0, 1):
            with self.subTest(first=first):
                browser = self.browser()
                tabs = []
                for url in (APP + "/one", CHAT + "/two"):
                    for _ in range(2):
                        url = browser.get(url, follow=False).get("Location") or ""
                    tabs.append(browser.get(url))
                before = self.house.registry.count
                pages = [browser.click(tabs[place], "Sign in as Alice") for place in (first, 1 - first)]
                self.assertEqual({page.url for page in pages}, {APP + "/one", CHAT + "/two"})
                self.assertEqual([page.status for page in pages], [200, 200])
                self.assertEqual(self.house.registry.count, before + 1)
                for origin in (APP, CHAT):
                    page = browser.get(origin + "/")
                    self.assertEqual((page.status, page.url), (200, origin + "/"))
                self.assertEqual(self.house.registry.count, before + 1)

    def test_other_browser_stays(self) -> None:
        """
        The same person's sign-in in another browser replaces nothing.
        """
        one, other = self.both(), self.both()
        self.assertEqual(self.house.registry.count, 2)
        for browser in (one, other):
            self.assertEqual(browser.get(APP + "/").status, 200)
        self.assertEqual(self.receipts(), [])


class SignOutTests(TrafficTestCase):
    """
    The person's own sign-out.
    """

    def test_other_browser_stays(self) -> None:
        """
        Signing out in one browser leaves the same person's other browser alone, with all that it has open.
        """
        one, other = self.both(), self.both()
        agent, _ = self.download(other)
        self.sign_out(one, follow=True)
        self.assertIsNone(agent.lost)
        self.assertEqual(other.get(CHAT + "/").status, 200)
        self.assertEqual(self.house.registry.count, 1)

    def test_all_sessions_of_the_browser(self) -> None:
        """
        All sessions of the browser end, also one of another provider whose handle was not presented.
        """
        alice = self.both()
        (session,) = self.house.registry.sessions()
        second = replace(
            session, id=new_session_id(), idp_id="other", iss="https://other.example", sids=("x",), uses={}
        )
        begun = self.house.registry.begin(second, state_issued=self.clock.seconds())
        self.successResultOf(Deferred.fromCoroutine(begun))
        bobs = self.both("bob")
        self.sign_out(alice)
        self.assertIsNone(self.house.registry.find(second.id))
        self.assertEqual(self.receipts()[0]["sessions_ended"], 2)
        self.assertEqual(bobs.get(APP + "/").status, 200)

    def test_planted_cookie(self) -> None:
        """
        A cookie that a sibling host has planted does not keep the person from signing out: every handle counts.
        """
        for first in (True, False):
            with self.subTest(first=first):
                alice, mallory = self.both(), self.both("bob")
                hers, planted = self.handle_of(alice, APP), self.handle_of(mallory, APP)
                values = (planted, hers) if first else (hers, planted)
                cookie = "; ".join(f"_pomerium={value}" for value in values)
                answer = self.browser().once("GET", APP + "/.pomerium/sign_out", {"Cookie": cookie, **NAVIGATED})
                self.assertEqual(answer.status, 302)
                self.assertEqual(self.house.registry.count, 0)
                self.assertEqual(self.replay(hers, APP).status, 302)
                self.assertEqual(self.replay(planted, APP).status, 302)

    def test_more_planted_cookies_than_anybody_needs(self) -> None:
        """
        However many cookies are planted, valid ones or not, the person's own session ends, or they are not told so.
        """
        key = b64decode(CONFIG["shared_secret"])
        session_ids = [new_session_id() for _ in range(50)]
        handles = Handles(key, "_pomerium")
        valid = [
            handles.mint(name, user_id="m", issuer="i", audience=["app.example.com"], idp_id="", now=1.0)
            for name in session_ids
        ]
        for name, planted in (("valid", valid), ("invalid", [f"x{place}" for place in range(200)])):
            for first in (True, False):
                with self.subTest(name, first=first):
                    alice = self.both()
                    hers = self.handle_of(alice, APP)
                    values = [*planted, hers] if first else [hers, *planted]
                    cookie = "; ".join(f"_pomerium={value}" for value in values)
                    answer = self.browser().once("GET", APP + "/.pomerium/sign_out", {"Cookie": cookie, **NAVIGATED})
                    self.assertEqual(answer.status, 302)
                    self.assertIn("pomerium_ended=", answer.get("Location") or "")
                    self.assertEqual(self.replay(hers, APP).status, 302)

    def test_planted_cookies_and_public_route(self) -> None:
        """
        Nor do they keep an exchange on a public route from being cut with the session that it presented.
        """
        alice = self.both()
        values = [*(f"x{place}" for place in range(50)), self.handle_of(alice, APP)]
        cookie = "; ".join(f"_pomerium={value}" for value in values)
        agent, _ = self.download(self.browser(), "https://open.example.com/file", f"Cookie: {cookie}")
        self.sign_out(alice)
        self.assert_broken_off(agent)

    def test_cookie_beside_header_and_query(self) -> None:
        """
        Sessions named by cookie, header and query in one request all end.
        """
        browsers = [self.both(), self.both("bob"), self.both()]
        cookie, header, query = (self.handle_of(browser, APP) for browser in browsers)
        answer = self.browser().once(
            "GET",
            f"{APP}/.pomerium/sign_out?pomerium_session={query}",
            {"Cookie": f"_pomerium={cookie}", "Authorization": f"Pomerium {header}", **NAVIGATED},
        )
        self.assertEqual((answer.status, self.house.registry.count), (302, 0))

    def test_other_routes_handle(self) -> None:
        """
        The handle of another route names the same session: presented here it signs out there.
        """
        alice = self.both()
        chats = self.handle_of(alice, CHAT)
        self.browser().once("GET", APP + "/.pomerium/sign_out", {"Cookie": f"_pomerium={chats}", **NAVIGATED})
        self.assertEqual(self.house.registry.count, 0)

    def test_stale_route_cookie(self) -> None:
        """
        A route cookie of a session that was replaced ends nothing by itself: A asks about the session it knows.
        """
        alice = self.both()
        alice.jar.pop(OWN_COOKIE)
        alice.jar.pop(("chat.example.com", "_pomerium", "/"))
        self.sign_in(alice, CHAT + "/")
        page = self.sign_out(alice, follow=True)
        self.assertEqual((page.status, self.house.registry.count), (200, 1))
        self.assertTrue(page.url.startswith(AUTHENTICATE + "/.pomerium/sign_out"))
        alice.click(page, "Sign out")
        self.assertEqual(self.house.registry.count, 0)

    def test_idempotent(self) -> None:
        """
        Ending a session that has ended, or never was, gives the user the same answer as ending a live one.
        """
        alice = self.both()
        cookie = {"Cookie": f"_pomerium={self.handle_of(alice, APP)}", **NAVIGATED}
        url = APP + "/.pomerium/sign_out"
        answers = [self.browser().once("GET", url, cookie) for _ in range(3)]
        answers.append(self.browser().once("GET", url, NAVIGATED))
        answers.append(self.browser().once("GET", url, {"Cookie": "_pomerium=nonsense", **NAVIGATED}))
        for answer in answers:
            self.assertEqual(answer.status, 302)
            self.assertTrue((answer.get("Location") or "").startswith(AUTHENTICATE + "/.pomerium/sign_out"))
            (cleared,) = answer.get_all("Set-Cookie")
            self.assertEqual(cleared, answers[0].get("Set-Cookie"))
            self.assertIn("Max-Age=0", cleared)
            self.assertEqual(answer.get("Cache-Control"), "no-store")
        self.assertEqual(len(self.receipts()), 1)

    def test_cleared_like_set(self) -> None:
        """
        The route cookie is cleared with the name, path, domain and flags that it was set with.
        """
        alice = self.browser()
        page = self.sign_in(alice)
        callback = next(url for url in page.trail if "/.pomerium/callback/" in url)
        self.assertTrue(callback)
        fresh = self.browser()
        fresh.jar = dict(alice.jar)
        fresh.jar.pop(("app.example.com", "_pomerium", "/"))
        url = APP + "/"
        for _ in range(2):
            url = fresh.get(url, follow=False).get("Location") or ""
        given = next(field for field in fresh.get(url, follow=False).get_all("Set-Cookie") if "_pomerium=" in field)
        cleared = self.sign_out(alice).get("Set-Cookie") or ""

        def flags(field: str) -> set[str]:
            return {
                piece.strip() for piece in field.split(";")[1:] if not piece.strip().startswith(("Expires", "Max-Age"))
            }

        self.assertEqual((flags(cleared), cleared.partition(";")[0]), (flags(given), "_pomerium="))

    def test_op_of_the_presented_session(self) -> None:
        """
        The person is sent to the OP of the session whose handle was presented, with that session's client and hint.
        """
        alice = self.both()
        location = self.sign_out(alice, follow=False).get("Location") or ""
        onward = alice.get(location, follow=False)
        self.assertEqual(onward.status, 302)
        url = onward.get("Location") or ""
        self.assertTrue(url.startswith(OP + "/end-session?"))
        self.assertIn("client_id=rp1", url)
        self.assertNotIn("id_token_hint", location)

    def test_never_forwarded(self) -> None:
        """
        The sign-out is never forwarded, on any spelling of its path, with a session or without.
        """
        alice = self.both()
        self.app.take()
        for path in ("/sign_out", "//sign_out", "/x/../sign_out", "/%73ign_out", "/sign_out/"):
            with self.subTest(path):
                agent = alice.open("HEAD", APP + "/.pomerium" + path)
                self.assertGreaterEqual(read(agent.take(), "HEAD").status, 300)
        self.assertEqual(self.app.take(), b"")
        self.assertEqual(self.house.registry.count, 1)
