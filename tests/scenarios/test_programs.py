"""
A program gets a session handle, uses it, and loses it with the browser's sign-out.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from tests.scenarios.program import WAITS_AT, Program
from tests.scenarios.two_providers import TwoProvidersTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, WorldTestCase


class ProgramTests(WorldTestCase):
    """
    Pomerium's programmatic access, in Pomerium's own client flow.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice, self.program = self.browser(), Program(self)

    def test_round_trip(self) -> None:
        """
        The link, opened in a browser that was never here, brings the program a handle that works in every form.
        """
        handle = self.program.sign_in(self.alice)
        for name, value in (
            ("Authorization", f"Pomerium {handle}"),
            ("Authorization", f"Bearer Pomerium-{handle}"),
            ("X_Pomerium_Authorization", handle),
        ):
            with self.subTest(name, value=value[:20]):
                self.assertEqual(self.program.use(handle, **{name: value}).text, "ok")
                heard = self.app.take()
                self.assertNotIn(b"uthorization", heard)
                self.assertNotIn(handle.encode(), heard)
        self.assertEqual(self.program.ask(f"{APP}/?pomerium_session={handle}").text, "ok")
        self.assertNotIn(handle.encode(), self.app.take())

    def test_link(self) -> None:
        """
        The link is Pomerium's: signed, for the authenticate host, with all that it says.
        """
        parts = urlsplit(self.program.link())
        self.assertEqual(f"{parts.scheme}://{parts.netloc}{parts.path}", AUTHENTICATE + "/.pomerium/sign_in")
        callback = f"{APP}/.pomerium/callback/?pomerium_redirect_uri={quote(WAITS_AT, safe='')}"
        for pair in (
            f"pomerium_callback_uri={quote(callback, safe='')}",
            "pomerium_programmatic=true",
            f"pomerium_redirect_uri={quote(WAITS_AT, safe='')}",
            "pomerium_idp_id=",
            "pomerium_signature=",
        ):
            self.assertIn(pair, parts.query)

    def test_nothing_without_a_click(self) -> None:
        """
        A link that somebody sends gets no handle out of a person who is signed in: they are asked, and who asks.
        """
        self.sign_in(self.alice)
        page = self.program.page(self.alice)
        self.assertEqual(page.status, 200)
        for words in (WAITS_AT, APP, "alice@example.com", "Allow"):
            self.assertIn(words, page.text)
        self.assertEqual(page.get("X-Frame-Options"), "DENY")
        self.assertNotIn("localhost", " ".join(page.trail[1:]).split("pomerium_redirect_uri")[0])

    def test_signs_out_with_the_browser(self) -> None:
        """
        It is the browser's session: its sign-out cuts what the program has open, and the handle is good for nothing.
        """
        handle = self.program.sign_in(self.alice)
        self.app.answer = None
        agent = self.browser().open("GET", APP + "/stream", f"Authorization: Pomerium {handle}")
        self.app.connections[-1].say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        self.settle()
        self.assertIn(b"data: 1", agent.take())
        self.alice.get(APP + "/.pomerium/sign_out", follow=False)
        self.settle()
        self.assertIsNotNone(agent.lost, "the stream goes on")
        answer = self.program.use(handle)
        self.assertEqual((answer.status, answer.get("Location")), (401, None))
        self.assertEqual(self.receipts()[-1]["exchanges_cut"]["sse"], 1)

    def test_browser_is_signed_in_too(self) -> None:
        """
        The browser that has opened the link gets the route's cookie, since it came by way of the route.
        """
        handle = self.program.sign_in(self.alice)
        self.assertEqual(self.handle_of(self.alice, APP), handle)
        self.assertEqual(self.alice.get(APP + "/", follow=False).text, "ok")

    def test_program_signs_out(self) -> None:
        """
        A program may sign out, and the browser is signed out with it.
        """
        handle = self.program.sign_in(self.alice)
        answer = self.program.use(handle, "/.pomerium/sign_out")
        self.assertEqual((answer.status, answer.get("Content-Type")), (200, "application/json"))
        self.assertIn('"sessions_ended":1', answer.text)
        self.assertEqual(self.alice.get(APP + "/", follow=False).status, 302)

    def test_handle_is_nowhere_else(self) -> None:
        """
        Neither the log nor a Referer learns the handle, and nobody may cache the answer that has it.
        """
        page = self.program.page(self.alice)
        action, fields = page.form(button="Allow")
        answer = self.alice.get(self.alice.post(action, fields, follow=False).get("Location") or "", follow=False)
        self.assertEqual(answer.get("Referrer-Policy"), "no-referrer")
        self.assertEqual(answer.get("Cache-Control"), "no-store")
        handle = self.program.handle_from(answer.get("Location") or "")
        self.assertNotIn(handle, answer.text)
        self.program.use(handle)
        self.assertNotIn(handle, repr(self.events))

    def test_handover_works_once(self) -> None:
        """
        The link with which the handle is handed over gives it once, to the first who opens it.
        """
        action, fields = self.program.page(self.alice).form(button="Allow")
        url = self.alice.post(action, fields, follow=False).get("Location") or ""
        self.assertEqual(self.alice.get(url, follow=False).status, 302)
        self.assertEqual(self.alice.get(url, follow=False).status, 400)

    def test_planted_handover_signs_no_browser_in(self) -> None:
        """
        Whoever makes another's browser open their own handover does not get it signed in as them.
        """
        action, fields = self.program.page(self.alice).form(button="Allow")
        url = self.alice.post(action, fields, follow=False).get("Location") or ""
        bob = self.browser(address="192.0.2.2")
        answer = bob.get(url, follow=False)
        self.assertEqual(answer.status, 302)
        self.assertIsNone(bob.cookie("app.example.com", "_pomerium"))

    def test_signed_out_meanwhile(self) -> None:
        """
        Whoever signs out between question and answer has said no; their hold asks them to sign in again.
        """
        self.sign_in(self.alice)
        page = self.program.page(self.alice)
        self.alice.get(APP + "/.pomerium/sign_out", follow=False)
        action, fields = page.form(button="Allow")
        self.assertEqual(self.alice.post(action, fields, follow=False).status, 400)
        held = self.alice.get(self.program.link())
        self.assertIn("You signed out", held.text)
        page = self.alice.click(held, "Sign in")
        if "Sign in as" in page.text:
            page = self.alice.click(page, "Sign in as Alice")
        handle = self.program.handle_from(self.program.allowed(self.alice, page))
        self.assertEqual(self.program.use(handle).text, "ok")

    def test_other_routes(self) -> None:
        """
        The handle is that of the session, and good for each route that admits the person.
        """
        handle = self.program.sign_in(self.alice)
        self.assertEqual(self.program.ask(CHAT + "/", Authorization=f"Pomerium {handle}").text, "ok")


class UnaskedTests(WorldTestCase):
    """
    ``programmatic_login: now``.
    """

    settings = {"programmatic_login": "now", "programmatic_redirect_domain_whitelist": "localhost,tools.example.com"}

    def test_at_once(self) -> None:
        """
        Then it is as with Pomerium: the redirects alone lead from the link to the program.
        """
        alice = self.browser()
        self.sign_in(alice)
        for waits_at in (WAITS_AT + "/path?state=x&pomerium_jwt=old", "https://tools.example.com:8443/in"):
            program = Program(self, waits_at=waits_at)
            url, trail = program.link(), []
            while not url.startswith(waits_at.partition("?")[0]):
                trail.append(urlsplit(url).path)
                url = alice.get(url, follow=False).get("Location") or ""
            self.assertEqual(trail[-1], "/.pomerium/callback/")
            handle = program.handle_from(url) if "?" not in waits_at else url.rpartition("pomerium_jwt=")[2]
            self.assertEqual(program.use(handle).text, "ok")
        self.assertNotIn("old", url)


class SeveralProvidersTests(TwoProvidersTestCase):
    """
    A person who is signed in at several OPs.
    """

    def test_each(self) -> None:
        """
        A program gets the handle of the session that its route wants, whichever sign-in was the last.
        """
        alice = self.signed_in_at_both()
        for application in (APP, CHAT, APP):
            with self.subTest(application=application):
                program = Program(self, application=application)
                handle = program.sign_in(alice)
                self.assertEqual(program.use(handle).text, "ok")
        self.assertEqual(self.house.registry.count, 2)
