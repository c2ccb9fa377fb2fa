"""
The confirmation: it ends nothing; confirming ends what the person was asked about, once.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP

SIGN_OUT = "/.pomerium/sign_out"


class ConfirmationTests(TrafficTestCase):
    """
    A link on another site's page, and what follows.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.both()

    def test_page_ends_nothing(self) -> None:
        """
        The page ends nothing, cuts nothing, changes no session cookie, and the session id is not in its URL.
        """
        agent, _ = self.download(self.alice)
        session = next(iter(self.house.registry.sessions()))
        cookies = {key: value for key, value in self.alice.jar.items() if key[1].startswith("_pomerium")}
        page = self.alice.get(APP + SIGN_OUT, site="cross-site")
        self.assertEqual((page.status, urlsplit(page.url).netloc), (200, urlsplit(AUTHENTICATE).netloc))
        for url in (*page.trail, page.url):
            self.assertNotIn(session.id, url)
            self.assertNotIn(self.handle_of(self.alice, APP), url)
        self.assertIsNone(agent.lost)
        self.assertEqual(self.receipts(), [])
        for key, value in cookies.items():
            if key[1] != "_pomerium_csrf":
                self.assertEqual(self.alice.jar[key], value)
        self.assertEqual(self.alice.get(CHAT + "/").status, 200)

    def test_confirmed(self) -> None:
        """
        Its button ends the route's session and all else of that browser, and goes on to the OP.
        """
        agent, _ = self.download(self.alice)
        page = self.alice.click(self.alice.get(APP + SIGN_OUT, site="cross-site"), "Sign out")
        self.assertIn("signed out everywhere", page.text)
        self.assertTrue([url for url in page.trail if url.startswith(OP + "/end-session")])
        self.assert_broken_off(agent)
        (receipt,) = self.receipts()
        self.assertEqual((receipt["cause"], receipt["sessions_ended"]), ("user_authenticate", 1))

    def test_route_session_that_a_does_not_know(self) -> None:
        """
        Confirming ends the session of the route's cookie and the one in A's cookie, also if they are two.
        """
        bob = self.both("bob")
        mixed = self.browser()
        mixed.jar = {
            **{key: value for key, value in self.alice.jar.items() if key[0] == "app.example.com"},
            **{key: value for key, value in bob.jar.items() if key[0] == "authenticate.example.com"},
        }
        page = mixed.get(APP + SIGN_OUT, site="cross-site")
        self.assertEqual(self.house.registry.count, 2)
        mixed.click(page, "Sign out")
        self.assertEqual(self.house.registry.count, 0)

    def test_without_a_cookie_of_a(self) -> None:
        """
        The route's cookie alone is enough for the confirmation to end it.
        """
        self.alice.jar = {key: value for key, value in self.alice.jar.items() if key[0] == "app.example.com"}
        self.alice.click(self.alice.get(APP + SIGN_OUT, site="cross-site"), "Sign out")
        self.assertEqual(self.house.registry.count, 0)

    def test_reference_is_used_once(self) -> None:
        """
        The reference works once: replayed by anybody else it ends nothing that has begun since.
        """
        page = self.alice.get(APP + SIGN_OUT, site="cross-site")
        url, fields = page.form(0, "Sign out")
        self.alice.post(url, fields)
        self.sign_in(self.alice)
        bob = self.both("bob")
        again = self.alice.post(url, fields, follow=False)
        self.assertIn(again.status, (200, 303))
        stranger = bob.get(page.url, site="cross-site")
        self.assertEqual(self.house.registry.count, 2)
        bob.click(stranger, "Sign out")
        self.assertEqual([session.email for session in self.house.registry.sessions()], ["alice@example.com"])

    def test_strangers_reference(self) -> None:
        """
        A confirmation URL that a stranger has made with their own session asks first; opened by alice it ends nothing.
        """
        mallory = self.both("bob")
        url = mallory.get(APP + SIGN_OUT, site="cross-site", follow=False).get("Location") or ""
        page = self.alice.get(url, site="cross-site")
        self.assertEqual((page.status, self.house.registry.count), (200, 2))

    def test_old_reference(self) -> None:
        """
        After ten minutes the reference stands for nothing.
        """
        self.alice.jar = {key: value for key, value in self.alice.jar.items() if key[0] == "app.example.com"}
        page = self.alice.get(APP + SIGN_OUT, site="cross-site")
        self.advance(601.0, step=60.0)
        self.alice.click(page, "Sign out")
        self.assertEqual(self.house.registry.count, 1)

    def test_button_needs_its_token(self) -> None:
        """
        The button's POST needs the token of this browser, and no cross-site or same-site page can send it.
        """
        page = self.alice.get(APP + SIGN_OUT, site="cross-site")
        url, fields = page.form(0, "Sign out")
        without = {name: value for name, value in fields.items() if name != "_pomerium_csrf"}
        self.alice.post(url, without, follow=False)
        self.alice.post(url, fields, site="cross-site", follow=False)
        self.alice.post(url, fields, site="same-site", follow=False)
        self.browser().post(url, fields, follow=False)
        self.assertEqual(self.house.registry.count, 1)
        self.alice.post(url, fields, follow=False)
        self.assertEqual(self.house.registry.count, 0)

    def test_doubled_parameters(self) -> None:
        """
        Parameters that come twice are an attempt at something, and end nothing.
        """
        page = self.alice.get(APP + SIGN_OUT, site="cross-site")
        url, fields = page.form(0, "Sign out")
        for name, value in fields.items():
            with self.subTest(name):
                query = urlencode([(name, value), (name, value)])
                answer = self.alice.post(f"{url}?{query}", {}, follow=False)
                self.assertIn(answer.status, (200, 400))
                self.assertEqual(self.house.registry.count, 1)
        reference = parse_qs(urlsplit(page.url).query)["pomerium_confirm"][0]
        for query in ([("pomerium_confirm", reference)] * 2, [("pomerium_ended", "x")] * 2):
            answer = self.alice.get(f"{url}?{urlencode(query)}", follow=False)
            self.assertIn(answer.status, (200, 400))
        self.assertEqual(self.house.registry.count, 1)

    def test_target_comes_along(self) -> None:
        """
        Where the person wanted to land goes through the confirmation, under the same rule.
        """
        for wanted, lands in ((CHAT + "/bye", CHAT + "/bye"), ("https://evil.example/", AUTHENTICATE + "/")):
            with self.subTest(wanted):
                alice = self.both()
                url = f"{APP}{SIGN_OUT}?pomerium_redirect_uri={wanted}"
                page = alice.click(alice.get(url, site="cross-site"), "Sign out")
                self.assertTrue(any(one.startswith(lands) for one in (*page.trail, page.url)), page.url)
                self.assertFalse([one for one in (*page.trail, page.url) if "evil" in urlsplit(one).netloc])

    def test_double_click(self) -> None:
        """
        A second click before the first is answered gets the same answer: the way to the OP, and no second end.
        """
        page = self.alice.get(APP + SIGN_OUT, site="cross-site")
        url, fields = page.form(0, "Sign out")
        before = dict(self.alice.jar)
        first = self.alice.post(url, fields, follow=False)
        self.alice.jar = before
        second = self.alice.post(url, fields, follow=False)
        self.assertEqual(len(self.receipts()), 1)
        states = [parse_qs(urlsplit(one.get("Location") or "").query).get("state") for one in (first, second)]
        self.assertIsNotNone(states[0])
        self.assertEqual(states[0], states[1])


class SignedUrlTests(TrafficTestCase):
    """
    A signed sign-out URL gives no authority over anybody's session.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.both()

    def test_strangers_signed_url(self) -> None:
        """
        A signed URL that a stranger got for themselves ends nothing when alice opens it; she is asked about hers.
        """
        mallory = self.both("bob")
        nobody = self.browser()
        with_reference = self.sign_out(mallory).get("Location") or ""
        without = nobody.get(APP + SIGN_OUT, follow=False).get("Location") or ""
        for url in (with_reference, without, with_reference.replace("pomerium_ended", "pomerium_endes")):
            for site in ("none", "same-site", "cross-site", "same-origin"):
                with self.subTest(url=url, site=site):
                    page = self.alice.get(url, site=site, follow=False)
                    self.assertEqual(page.status, 200)
                    self.assertIn("Sign out?", page.text)
                    self.assertEqual([field for field in page.get_all("Set-Cookie") if "_hold" in field], [])
                    self.assertEqual(self.house.registry.count, 1)
                    self.assertEqual(self.alice.get(APP + "/").status, 200)

    def test_her_click(self) -> None:
        """
        Her click there ends hers.
        """
        mallory = self.both("bob")
        url = self.sign_out(mallory).get("Location") or ""
        page = self.alice.click(self.alice.get(url, site="cross-site"), "Sign out")
        self.assertIn("signed out everywhere", page.text)
        self.assertEqual(self.house.registry.count, 0)

    def test_repeated(self) -> None:
        """
        Repeating the URL within its life repeats the answer; tampered with or after its life it has no effect.
        """
        url = self.sign_out(self.alice).get("Location") or ""
        first = self.alice.get(url, follow=False)
        self.assertEqual(first.status, 302)
        for _ in range(3):
            self.advance(60.0, step=10.0)
            self.assertEqual(self.alice.get(url, follow=False).get("Location"), first.get("Location"))
        for tampered in (url + "&x=y", url.replace("pomerium_ended=", "pomerium_ended=0"), url[:-4]):
            self.assertNotIn(OP, self.alice.get(tampered, follow=False).get("Location") or "")
        self.advance(430.0, step=10.0)
        self.assertNotIn(OP, self.alice.get(url, follow=False).get("Location") or "")

    def test_posted(self) -> None:
        """
        A POST of the signed URL goes on with 303.
        """
        url = self.sign_out(self.alice).get("Location") or ""
        answer = self.alice.post(url, {}, follow=False)
        self.assertEqual(answer.status, 303)
        self.assertTrue((answer.get("Location") or "").startswith(OP + "/end-session?"))

    def test_prefetched(self) -> None:
        """
        A prefetch of the signed URL is refused too, and ends or uses up nothing.
        """
        url = self.sign_out(self.alice).get("Location") or ""
        self.assertEqual(self.alice.once("GET", url, {"Sec-Purpose": "prefetch"}).status, 503)
        self.assertEqual(self.alice.get(url, follow=False).status, 302)

    def test_nothing_of_the_session_in_it(self) -> None:
        """
        Neither id token, client, target nor the session's id are in the signed URL.
        """
        (session,) = self.house.registry.sessions()
        url = f"{APP}{SIGN_OUT}?pomerium_redirect_uri={CHAT}/secret-place"
        location = self.alice.get(url, site="same-origin", follow=False).get("Location") or ""
        for secret in (session.id, session.tokens.id_token, "secret-place", self.receipts()[0]["id"]):
            self.assertNotIn(secret, location)
