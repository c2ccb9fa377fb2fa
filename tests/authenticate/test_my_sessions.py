"""
Tests for `pomerium_tx.authenticate.my_sessions`.
"""

from __future__ import annotations

import json
import re
from html import unescape

from twisted.internet.defer import Deferred

from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause
from tests.authenticate.cases import AuthenticateCase
from tests.doubles.channel import Asked
from tests.doubles.exchanges import MemoryExchange
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_OWN_PAGE, R2, SCRIPT, A, R, World, form_of

PAGE = A + "/.pomerium/"
SESSIONS = A + "/.pomerium/sessions"
SIGN_OUT = A + "/.pomerium/sign_out"
JSON = {**SCRIPT, "Accept": "application/json"}
LATE = 301.0


def pressed(page: Asked, button: str, index: int = 0) -> tuple[str, dict[str, str]]:
    """
    Where a button on a page leads, and what it brings along.
    """
    forms = re.findall(r'<form method="post" action="([^"]*)">(.*?)</form>', page.text)
    matching = [(action, inside) for action, inside in forms if f">{button}</button>" in inside]
    action, inside = matching[index]
    return A + unescape(action), form_of(inside)


class MySessionsCase(AuthenticateCase):
    """
    Alice in two browsers, and bob.
    """

    def setUp(self) -> None:
        super().setUp()
        self.session = self.alice.sign_in()
        self.phone = UserAgent(self.world)
        self.on_phone = self.phone.sign_in(R2 + "/")
        self.bob = UserAgent(self.world, "bob")
        self.bobs = self.bob.sign_in()
        for session, route_id, origin in ((self.session, "app", R), (self.on_phone, "chat", R2), (self.bobs, "app", R)):
            self.successResultOf(Deferred.fromCoroutine(self.world.registry.use_route(session.id, route_id, origin)))

    def press(self, button: str, index: int = 0, alice: UserAgent | None = None) -> Asked:
        """
        Press a button on the page.
        """
        alice = alice or self.alice
        return alice.post(*pressed(alice.get(PAGE), button, index))

    def lives(self, *sessions: Session) -> list[bool]:
        """
        Which of these live.
        """
        return [self.world.registry.find(session.id) is not None for session in sessions]

    def listed(self, alice: UserAgent | None = None) -> list[dict[str, object]]:
        """
        The sessions as a script gets them.
        """
        answer = (alice or self.alice).get(PAGE, JSON)
        self.assertEqual((answer.status, answer.header("content-type")), (200, "application/json"))
        sessions: list[dict[str, object]] = json.loads(answer.body)["sessions"]
        return sessions


class MySessionsPageTests(MySessionsCase):
    """
    ``/.pomerium/`` of the authenticate host.
    """

    def test_page(self) -> None:
        """
        The person sees who they are, all their sessions, this browser's first, and nobody else's; the page listens.
        """
        page = self.alice.get(PAGE)
        self.assertEqual(page.status, 200)
        for text in ("Alice Liddell", "alice@example.com", R, R2):
            self.assertIn(text, page.text)
        self.assertEqual(page.text.count("<section"), 2)
        self.assertNotIn("bob", page.text.lower())
        self.assertEqual(page.header("x-frame-options"), "DENY")
        self.assertIn("connect-src 'self'", page.header("content-security-policy") or "")
        here, there = page.text.index("This browser:"), page.text.index("Another browser:")
        self.assertLess(here, page.text.index(f"<div>{R}</div>"))
        self.assertLess(page.text.index(f"<div>{R}</div>"), there)
        self.assertLess(there, page.text.index(f"<div>{R2}</div>"))

    def test_no_secrets(self) -> None:
        """
        Neither page nor JSON names a session, and a reference is another one in another browser.
        """
        for body in (self.alice.get(PAGE).text, self.alice.get(PAGE, JSON).text):
            for session in (self.session, self.on_phone):
                for secret in (session.id, session.browser, *session.sids, session.tokens.access_token):
                    self.assertNotIn(secret, body)
        references = {one["session"] for one in self.listed()}
        self.assertEqual(len(references), 2)
        self.assertFalse(references & {one["session"] for one in self.listed(self.phone)})

    def test_json(self) -> None:
        """
        A script of this host gets the same.
        """
        self.world.clock.advance(60.0)
        self.world.registry.touch(self.on_phone.id, "198.51.100.7")
        here, there = self.listed()
        self.assertEqual((here["this_browser"], there["this_browser"]), (True, False))
        self.assertEqual((here["routes"], there["routes"]), ([R], [R2]))
        began, now = "2023-11-14T22:13:20.000Z", "2023-11-14T22:14:20.000Z"
        self.assertEqual((here["started"], here["last_seen"]), (began, now))
        self.assertEqual((there["started"], there["last_seen"]), (began, now))
        self.assertEqual((there["address"], there["last_address"]), ("192.0.2.1", "198.51.100.7"))

    def test_open_exchanges(self) -> None:
        """
        What is open is shown with its kind, route, age and bytes.
        """
        exchange = MemoryExchange(kind="websocket", route_id="chat", age=60.0)
        self.world.registry.attach(self.on_phone.id, exchange)
        unknown = MemoryExchange(kind="download", route_id="elsewhere", age=60.0)
        self.world.registry.attach(self.on_phone.id, unknown)
        _, there = self.listed()
        self.assertEqual(
            there["exchanges"],
            [
                {"kind": "websocket", "route": R2, "age": 60.0, "bytes_in": 0, "bytes_out": 0},
                {"kind": "download", "route": "", "age": 60.0, "bytes_in": 0, "bytes_out": 0},
            ],
        )
        self.assertIn(f"WebSocket on {R2} for 1 minute", self.alice.get(PAGE).text)

    def test_looking_is_use(self) -> None:
        """
        Looking at the page is use of this browser's session, and of none of the others that it shows.
        """
        self.world.clock.advance(60.0)
        self.alice.get(PAGE)
        seen = [self.world.registry.last_seen(session.id) for session in (self.session, self.on_phone)]
        self.assertEqual(seen, [self.session.began + 60.0, self.on_phone.began])

    def test_sign_out(self) -> None:
        """
        The button of this browser signs out here, and here only.
        """
        self.world.clock.advance(LATE)
        answer = self.press("Sign out")
        self.assertEqual(answer.status, 303)
        self.assertTrue((answer.header("location") or "").startswith(self.world.op.issuer))
        self.assertEqual(self.lives(self.session, self.on_phone, self.bobs), [False, True, True])

    def test_sign_in(self) -> None:
        """
        Without a session it leads to the OP and back here; a script gets 401.
        """
        alice = UserAgent(self.world)
        self.assertEqual(alice.get(PAGE, SCRIPT).status, 401)
        self.assertEqual(alice.get(PAGE, JSON).status, 401)
        page = alice.follow(alice.get(PAGE))
        self.assertEqual(page.status, 200)
        self.assertIn("alice@example.com", page.text)

    def test_held(self) -> None:
        """
        After a sign-out it signs nobody in by itself; the click comes back here.
        """
        self.alice.get(R + "/.pomerium/sign_out", FROM_OWN_PAGE)
        held = self.alice.get(PAGE)
        self.assertIn("You signed out at", held.text)
        page = self.alice.follow(self.alice.post(A + "/.pomerium/sign_in", form_of(held.text)))
        self.assertIn("alice@example.com", page.text)

    def test_held_beside_a_session(self) -> None:
        """
        A live session that is older than the sign-out here, however it has come, is not shown.
        """
        self.world.clock.advance(1.0)
        self.press("Sign out")
        name = ("_pomerium_authenticate", "/")
        self.alice.jar["authenticate.example.com"][name] = self.phone.jar["authenticate.example.com"][name]
        self.assertEqual(self.alice.session(A), self.world.registry.find(self.on_phone.id))
        self.assertIn("You signed out at", self.alice.get(PAGE).text)


class EndSessionsTests(MySessionsCase):
    """
    ``/.pomerium/sessions``: the buttons that end sessions in other browsers.
    """

    def assert_shown(self, answer: Asked, text: str) -> None:
        """
        Back on the page, which says what has happened.
        """
        self.assertEqual(answer.status, 303, answer.text)
        page = self.alice.get(answer.header("location") or "")
        self.assertEqual(page.status, 200)
        self.assertIn(text, page.text)

    def test_end_one(self) -> None:
        """
        The session beside whose button it is ends, and no other; the page names the receipt.
        """
        third = UserAgent(self.world).sign_in()
        listed = [one for one in self.listed() if one["routes"] == [R2]]
        references = [one["session"] for one in self.listed()[1:]]
        index = references.index(listed[0]["session"])
        answer = self.press("End this session", index)
        self.assertEqual(self.lives(self.session, self.on_phone, third, self.bobs), [True, False, True, True])
        [receipt] = self.world.receipts
        self.assertEqual((receipt.cause, receipt.sessions_ended), (Cause.USER_AUTHENTICATE, 1))
        self.assert_shown(answer, f"1 session ended. Receipt {receipt.id}")

    def test_held_there(self) -> None:
        """
        The browser whose session has ended stays signed out until its person wants otherwise.
        """
        self.press("End this session")
        self.assertIs(self.world.receipts[-1].cause, Cause.USER_AUTHENTICATE)
        self.assertIn("You signed out at", self.phone.open(R2 + "/").text)

    def test_end_others(self) -> None:
        """
        All but this browser's end.
        """
        third = UserAgent(self.world).sign_in()
        answer = self.press("End the other sessions")
        self.assertEqual(self.lives(self.session, self.on_phone, third, self.bobs), [True, False, False, True])
        [receipt] = self.world.receipts
        self.assertEqual((receipt.cause, receipt.sessions_ended), (Cause.USER_EVERYWHERE, 2))
        self.assert_shown(answer, "2 sessions ended.")

    def test_ended_already(self) -> None:
        """
        A session that has ended meanwhile is ended; nothing else ends in its place.
        """
        action, fields = pressed(self.alice.get(PAGE), "End this session")
        self.press("Sign out", alice=self.phone)
        self.assert_shown(self.alice.post(action, fields), "Nothing was left to end there.")
        action, fields = A + "/.pomerium/sessions", {**fields, "action": "end_others"}
        self.assert_shown(self.alice.post(action, fields), "Nothing was left to end there.")
        self.assertEqual(self.lives(self.session, self.bobs), [True, True])

    def test_foreign_references(self) -> None:
        """
        A reference from elsewhere, another's, the session's own id or anything else ends nothing.
        """
        _, fields = pressed(self.alice.get(PAGE), "End this session")
        theirs = [one["session"] for one in self.listed(self.bob)]
        elsewhere = [one["session"] for one in self.listed(self.phone)]
        for reference in (*theirs, *elsewhere, self.on_phone.id, self.bobs.id, "", "\N{SNOWMAN}", "x" * 1000):
            with self.subTest(reference=reference):
                answer = self.alice.post(SESSIONS, {**fields, "session": str(reference)})
                self.assert_shown(answer, "Nothing was left to end there.")
        self.assertEqual(self.lives(self.session, self.on_phone, self.bobs), [True, True, True])

    def test_own_reference(self) -> None:
        """
        This browser's own session is not ended by the way: signing out is another button.
        """
        _, fields = pressed(self.alice.get(PAGE), "End this session")
        own = next(str(one["session"]) for one in self.listed() if one["this_browser"])
        answer = self.alice.post(SESSIONS, {**fields, "session": own})
        self.assertEqual(answer.status, 400)
        self.assertEqual(self.lives(self.session, self.on_phone), [True, True])

    def test_same_name_at_another_provider(self) -> None:
        """
        The same `sub` of another OP is another person.
        """
        self.world = World(second_provider=True)
        self.addCleanup(self.world.stop)
        self.alice, other = UserAgent(self.world), UserAgent(self.world)
        session, theirs = self.alice.sign_in(), other.sign_in(idp_id=self.world.provider2.idp_id)
        self.assertEqual(session.sub, theirs.sub)
        self.assertEqual(len(self.listed()), 1)
        fields = {**form_of(self.alice.get(PAGE).text), "action": "end_others"}
        self.assert_shown(self.alice.post(SESSIONS, fields), "Nothing was left to end there.")
        self.assertEqual(self.lives(session, theirs), [True, True])

    def test_late(self) -> None:
        """
        More than five minutes after the person said who they are, nothing ends; they sign in again, press again, done.
        """
        self.world.clock.advance(LATE)
        answer = self.press("End the other sessions")
        self.assertEqual(self.lives(self.session, self.on_phone), [True, True])
        page = self.alice.follow(answer)
        self.assertIn("You have signed in again. Please press the button again.", page.text)
        self.assertEqual(self.lives(self.on_phone), [True])
        again = self.alice.post(*pressed(page, "End the other sessions"))
        self.assert_shown(again, "1 session ended.")
        self.assertEqual(self.lives(self.on_phone, self.bobs), [False, True])

    def test_provider_does_not_ask(self) -> None:
        """
        An OP that does not ask again leads back to a page that says so, as often as the person presses.
        """
        self.world.clock.advance(LATE)
        old = self.session.authenticated
        self.world.op.alterations["id_token"] = lambda claims: {**claims, "auth_time": int(old)}
        for _ in range(2):
            page = self.alice.follow(self.press("End the other sessions"))
            self.assertEqual(page.status, 200)
            self.assertIn("your identity provider did not ask you to sign in again", page.text)
            self.assertNotIn("http-equiv", page.text)
        self.assertEqual(self.lives(self.on_phone), [True])

    def test_store_unavailable(self) -> None:
        """
        What cannot be recorded has not ended, and the page says so.
        """
        action, fields = pressed(self.alice.get(PAGE), "End the other sessions")
        self.world.store.break_down()
        answer = self.alice.post(action, fields)
        self.assertEqual(answer.status, 503)
        self.assertIn("Nothing was signed out", answer.text)
        self.assertEqual(self.lives(self.on_phone), [True])
        self.world.store.failure = None
        self.assert_shown(self.alice.post(action, fields), "1 session ended.")

    def test_script(self) -> None:
        """
        A script gets the receipt.
        """
        _, fields = pressed(self.alice.get(PAGE), "End the other sessions")
        answer = self.alice.post(SESSIONS, fields, JSON)
        self.assertEqual(answer.status, 200)
        receipt = json.loads(answer.body)
        self.assertEqual((receipt["sessions_ended"], receipt["routes"]), (1, [R2]))
        self.assertNotIn(self.on_phone.id, answer.text)

    def test_unknown_receipt(self) -> None:
        """
        A receipt that nobody knows is not shown.
        """
        page = self.alice.get(PAGE + "?pomerium_receipt=made-up")
        self.assertNotIn("made-up", page.text)

    def test_receipt_of_somebody_else(self) -> None:
        """
        Only what this very session's person has ended is told of: not by the bare id of an end, and not by what was
        made for another session, be it of the same person.
        """
        answer = self.press("End the other sessions")
        there = answer.header("location") or ""
        [receipt] = self.world.receipts
        self.assertNotIn(receipt.id, there)
        self.assertIn(receipt.id, self.alice.get(there).text)
        tablet = UserAgent(self.world)
        tablet.sign_in()
        for user_agent, url in (
            (self.bob, there),
            (tablet, there),
            (self.alice, f"{PAGE}?pomerium_receipt={receipt.id}"),
            (self.bob, f"{PAGE}?pomerium_receipt={receipt.id}"),
            (self.alice, there + "x"),
        ):
            with self.subTest(url=url, person=user_agent.person):
                page = user_agent.get(url)
                self.assertIn("Your sessions", page.text)
                self.assertNotIn("Receipt", page.text)
                self.assertNotIn("ended.", page.text)
