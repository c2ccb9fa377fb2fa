"""
No stale window: from the turn in which the end is recorded no request gets through, wherever its bytes were waiting.
"""

from __future__ import annotations

import re

from twisted.internet.task import Clock

from pomerium_tx.jose.jwt import compact_hs256
from pomerium_tx.sessions.handle import Handles
from pomerium_tx.sessions.store import SessionStore
from tests.doubles.peers import UserAgent, request
from tests.doubles.stores import UnreliableStore
from tests.scenarios.browser import Browser
from tests.scenarios.traffic import HANDSHAKE, TrafficTestCase
from tests.scenarios.world import APP, CHAT, OPEN

METADATA = ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")


class PipelinedTests(TrafficTestCase):
    """
    Requests that wait behind the sign-out on its own connection.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.both()
        self.cookie = f"Cookie: _pomerium={self.handle_of(self.alice, APP)}"
        self.app.take()

    def statuses(self, answered: bytes) -> list[bytes]:
        """
        The statuses of the answers in order.
        """
        return re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", answered)

    def test_get_behind(self) -> None:
        """
        A GET in the same segment as the sign-out and after it is refused, and the application does not hear it.
        """
        agent = UserAgent.connect(self.network, "proxy", 443)
        answered = agent.ask(
            request("GET", "/.pomerium/sign_out", "app.example.com", self.cookie, *METADATA)
            + request("GET", "/secret", "app.example.com", self.cookie)
        )
        self.assertEqual(self.statuses(answered), [b"302", b"302"])
        self.assertIn(b"/.pomerium/sign_in?", answered)
        self.assertEqual(self.app.take(), b"")

    def test_other_kinds_behind(self) -> None:
        """
        So is whatever else waits behind it: a POST, an XHR, a WebSocket handshake; byte by byte as well.
        """
        behind = {
            "POST": (request("POST", "/", "app.example.com", self.cookie, content=b"x"), b"302"),
            "XHR": (request("GET", "/", "app.example.com", self.cookie, "X-Requested-With: x"), b"401"),
            "JSON": (request("GET", "/", "app.example.com", self.cookie, "Accept: application/json"), b"401"),
            "sse": (request("GET", "/", "app.example.com", self.cookie, "Accept: text/event-stream"), b"401"),
            "other host": (request("GET", "/", "chat.example.com", self.cookie), b"302"),
            # Refused in any case by this route; the answer is that of nobody.
            "other host, websocket": (
                request("GET", "/", "chat.example.com", self.cookie, "Origin: " + CHAT, *HANDSHAKE),
                b"401",
            ),
        }
        for at_once in (True, False):
            for name, (waiting, status) in behind.items():
                with self.subTest(name, at_once=at_once):
                    alice = self.both()
                    cookie = f"Cookie: _pomerium={self.handle_of(alice, APP)}"
                    waiting = waiting.replace(self.cookie.encode(), cookie.encode())
                    for application in self.applications.values():
                        application.take()
                    agent = UserAgent.connect(self.network, "proxy", 443)
                    sent = request("GET", "/.pomerium/sign_out", "app.example.com", cookie, *METADATA) + waiting
                    for piece in (sent,) if at_once else (sent[place : place + 1] for place in range(len(sent))):
                        agent.say(piece)
                        self.settle()
                    self.assertEqual(self.statuses(agent.take()), [b"302", status])
                    self.assertEqual([one.take() for one in self.applications.values()], [b""] * 4)

    def test_in_front(self) -> None:
        """
        What was decided before the sign-out on the same connection is answered, and the sign-out after it.
        """
        agent = UserAgent.connect(self.network, "proxy", 443)
        agent.say(
            request("GET", "/before", "app.example.com", self.cookie)
            + request("GET", "/.pomerium/sign_out", "app.example.com", self.cookie, *METADATA)
            + request("GET", "/after", "app.example.com", self.cookie)
        )
        # Nothing tells when the first answer is sent, but a look a moment later.
        self.advance(0.01)
        self.assertEqual(self.statuses(agent.take()), [b"200", b"302", b"302"])
        self.assertIn(b"GET /before ", self.app.heard)
        self.assertNotIn(b"/after", self.app.heard)

    def test_held_back_behind_slow_answer(self) -> None:
        """
        A request that waits on another connection behind a slow answer is decided after the end, and refused.
        """
        agent, upstream = self.begin(self.alice, "GET", APP + "/slow")
        agent.say(request("GET", "/secret", "app.example.com", self.cookie))
        self.settle()
        self.sign_out(self.alice)
        upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        self.settle()
        self.assertNotIn(b"200 OK", agent.take())
        self.assertNotIn(b"/secret", self.app.heard)

    def test_content_of_sign_out_outstanding(self) -> None:
        """
        A sign-out whose content is not complete ends nothing yet; what is pipelined behind it waits for the end.
        """
        agent = UserAgent.connect(self.network, "proxy", 443)
        agent.say(
            request("POST", "/.pomerium/sign_out", "app.example.com", self.cookie, *METADATA, "Content-Length: 1")
        )
        self.settle()
        self.assertEqual((agent.take(), self.house.registry.count), (b"", 1))
        self.app.take()
        agent.say(b"x" + request("GET", "/secret", "app.example.com", self.cookie))
        self.settle()
        self.assertEqual(self.statuses(agent.take()), [b"302", b"302"])
        self.assertEqual(self.app.take(), b"")


class SlowStoreTests(TrafficTestCase):
    """
    The end is recorded, and only then answered.
    """

    def make_store(self) -> SessionStore:
        self.slow = UnreliableStore()
        return self.slow

    def test_end_that_is_slow_to_record(self) -> None:
        """
        While the store is slow to record the end no byte of the answer is written, and what is pipelined waits.
        """
        alice = self.both()
        cookie = f"Cookie: _pomerium={self.handle_of(alice, APP)}"
        self.app.take()
        self.slow.hold()
        agent = UserAgent.connect(self.network, "proxy", 443)
        agent.say(
            request("GET", "/.pomerium/sign_out", "app.example.com", cookie, *METADATA)
            + request("GET", "/secret", "app.example.com", cookie)
        )
        self.settle()
        self.assertEqual((agent.take(), self.house.registry.count), (b"", 1))
        self.slow.release()
        self.settle()
        self.assertEqual(re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", agent.take()), [b"302", b"302"])
        self.assertNotIn(b"/secret", self.app.take())

    def test_opened_while_the_end_is_recorded(self) -> None:
        """
        What is decided while the end waits for the store gets through, and is cut when the end is recorded.
        """
        alice = self.both()
        self.slow.hold()
        out = alice.open("GET", APP + "/.pomerium/sign_out", *METADATA)
        download, _ = self.download(alice)
        waiting, _ = self.begin(alice, "GET", APP + "/slow")
        self.slow.release()
        self.settle()
        self.assertIn(b" 302 ", out.take()[:13])
        self.assert_broken_off(download)
        self.assert_answered(waiting, 302)
        self.assertEqual(self.receipts()[0]["exchanges_cut"]["download"], 2)

    def test_tab_closed(self) -> None:
        """
        A person who closes the tab before the answer has come is signed out nevertheless.
        """
        alice = self.both()
        handle = self.handle_of(alice, APP)
        for abort in (False, True):
            with self.subTest(abort=abort):
                self.slow.hold()
                out = alice.open("GET", APP + "/.pomerium/sign_out", *METADATA)
                if abort:
                    out.transport.abortConnection()
                else:
                    out.transport.loseConnection()
                self.settle()
                self.slow.release()
                self.settle()
                self.assertEqual(self.replay(handle, APP).status, 302)
                alice = self.both()
                handle = self.handle_of(alice, APP)


class EveryHandleTests(TrafficTestCase):
    """
    Every way to present a handle, on every route, on connections old and new.
    """

    def presentations(self, browser: Browser) -> dict[str, bytes]:
        """
        Requests that got through while the session lived.
        """
        app, chat = self.handle_of(browser, APP), self.handle_of(browser, CHAT)
        own = browser.cookie("authenticate.example.com", "_pomerium_authenticate") or ""
        ways = {
            "cookie": (f"Cookie: _pomerium={app}",),
            "cookie twice": (f"Cookie: _pomerium={app}; _pomerium={app}",),
            "the other route's cookie": (f"Cookie: _pomerium={chat}",),
            "the authenticate host's handle": (f"Cookie: _pomerium={own}",),
            "X-Pomerium-Authorization": (f"X-Pomerium-Authorization: {app}",),
            "Authorization: Pomerium": (f"Authorization: Pomerium {app}",),
            "Authorization: Bearer Pomerium-": (f"Authorization: Bearer Pomerium-{app}",),
        }
        asked = {name: request("GET", "/x", "app.example.com", *fields) for name, fields in ways.items()}
        asked["query"] = request("GET", f"/x?pomerium_session={app}", "app.example.com")
        asked["HEAD"] = request("HEAD", "/x", "app.example.com", f"Cookie: _pomerium={app}")
        asked["PUT"] = request("PUT", "/x", "app.example.com", f"Cookie: _pomerium={app}", content=b"x")
        asked["absolute form"] = request("GET", APP + "/x", "app.example.com", f"Cookie: _pomerium={app}")
        asked["HTTP/1.0"] = asked["cookie"].replace(b"HTTP/1.1", b"HTTP/1.0")
        asked["chat"] = request("GET", "/x", "chat.example.com", f"Cookie: _pomerium={app}")
        return asked

    def test_open_before(self) -> None:
        """
        On a keep-alive connection that was open before, no handle of the session is let through afterwards.
        """
        alice = self.both()
        asked = self.presentations(alice)
        agents = {name: UserAgent.connect(self.network, "proxy", 443) for name in asked}
        for name, agent in agents.items():
            self.assertTrue(agent.ask(asked[name]).startswith(b"HTTP/1.1 200 "), name)
        self.sign_out(alice)
        for application in self.applications.values():
            application.take()
        for name, agent in agents.items():
            with self.subTest(name):
                again = agent if agent.lost is None else UserAgent.connect(self.network, "proxy", 443)
                status = again.ask(asked[name])[9:12]
                in_cookie = b"Cookie:" in asked[name]
                self.assertEqual(status, b"302" if in_cookie else b"401")
        self.assertEqual([one.take() for one in self.applications.values()], [b""] * 4)

    def test_connected_before_first_byte_after(self) -> None:
        """
        A connection whose request was half sent at the end is refused once the request is whole.
        """
        alice = self.both()
        asked = self.presentations(alice)["cookie"]
        agent = UserAgent.connect(self.network, "proxy", 443)
        agent.say(asked[:-2])
        self.settle()
        self.sign_out(alice)
        self.app.take()
        self.assertEqual(agent.ask(asked[-2:])[9:12], b"302")
        self.assertEqual(self.app.take(), b"")

    def test_public_route_learns_nothing(self) -> None:
        """
        A public route stays open to everybody, but does not hear of the person any more.
        """
        alice = self.both()
        handle = self.handle_of(alice, APP)
        before = self.browser().once("GET", OPEN + "/", {"Cookie": f"_pomerium={handle}"})
        self.assertEqual(before.status, 200)
        self.assertIn(b"X-Pomerium-Jwt-Assertion: ", self.applications["open"].take())
        self.sign_out(alice)
        self.assertEqual(self.browser().once("GET", OPEN + "/", {"Cookie": f"_pomerium={handle}"}).status, 200)
        heard = self.applications["open"].take()
        self.assertNotIn(handle.encode(), heard)
        for line in heard.split(b"\r\n"):
            if line.lower().startswith(b"x-pomerium-jwt-assertion:"):
                self.assertNotIn(b"alice", line)

    def test_own_pages(self) -> None:
        """
        Our own pages do not know the person any more either.
        """
        alice = self.both()
        handle = self.handle_of(alice, APP)
        self.sign_out(alice)
        thief = self.browser()
        cookie = {"Cookie": f"_pomerium={handle}; _pomerium_authenticate={handle}"}
        self.assertNotIn("alice", thief.once("GET", APP + "/.pomerium/", cookie).text)
        self.assertEqual(thief.once("GET", APP + "/.pomerium/user", {**cookie, "Sec-Fetch-Mode": "cors"}).status, 401)

    def test_made_up_handle(self) -> None:
        """
        A handle that somebody makes up, or signs with another key, or for an id that never was, is no session.
        """
        alice = self.both()
        session = next(iter(self.house.registry.sessions()))
        claims = {
            "jti": session.id,
            "sub": session.user_id,
            "iss": "authenticate.example.com",
            "aud": ["app.example.com"],
            "iat": int(self.clock.seconds()),
            "idp_id": session.idp_id,
        }
        own = self.handle_of(alice, APP)
        key = b"shared-secret-shared-secret-shar"
        for name, handle, status in (
            ("itself", own, 200),
            ("other key", compact_hs256(claims, b"x" * 32), 302),
            ("cut short", own[:-1], 302),
            ("unknown id", compact_hs256({**claims, "jti": "x" * 43}, key), 302),
            ("other provider", compact_hs256({**claims, "idp_id": "other"}, key), 302),
        ):
            with self.subTest(name):
                self.assertEqual(self.replay(handle, APP).status, status)

    def test_several_handles_are_no_session(self) -> None:
        """
        Two live sessions are nobody: a sibling host that plants its own cookie gets nobody's request.
        """
        alice, mallory = self.both(), self.browser()
        self.sign_in(mallory, person="bob")
        both = f"_pomerium={self.handle_of(mallory, APP)}; _pomerium={self.handle_of(alice, APP)}"
        self.app.take()
        self.assertEqual(self.browser().once("GET", APP + "/", {"Cookie": both}).status, 302)
        self.assertEqual(self.app.take(), b"")
        self.assertEqual(self.house.registry.count, 2)

    def test_planted_handle_of_an_ended_session(self) -> None:
        """
        A cookie of a session that has ended, planted by a sibling host or left behind, keeps nobody from signing in.
        """
        mallory, alice = self.both("bob"), self.browser()
        dead = self.handle_of(mallory, APP)
        self.sign_out(mallory)
        alice.keep("https://sibling.example.com/", f"_pomerium={dead}; Domain=example.com")
        self.assertIn(dead, alice.cookies(APP + "/"))
        page = self.sign_in(alice)
        self.assertEqual((page.status, page.url), (200, APP + "/"))
        self.assertEqual(alice.get(CHAT + "/").url, CHAT + "/")
        self.assertIn("alice", alice.get(APP + "/.pomerium/").text)
        own = self.handle_of(alice, APP)
        for cookies in (f"_pomerium={dead}; _pomerium={own}", f"_pomerium={own}; _pomerium={dead}"):
            self.assertEqual(self.browser().once("GET", APP + "/", {"Cookie": cookies}).status, 200)
        self.sign_out(alice)
        self.assertEqual(self.house.registry.count, 0)
        self.assertEqual(self.browser().once("GET", APP + "/", {"Cookie": cookies}).status, 302)


class CookieDomainTests(TrafficTestCase):
    """
    Hosts whose cookies are shared since lately.
    """

    settings = {"cookie_domain": "example.com"}

    def test_host_cookie_from_before(self) -> None:
        """
        The cookie that one host set alone, before ``cookie_domain`` was set, keeps nobody from signing in again.
        """
        alice = self.both()
        handle = alice.cookie("example.com", "_pomerium")
        alice.keep(APP + "/", f"_pomerium={handle}")
        self.sign_out(alice, CHAT, follow=True)
        self.assertEqual(self.house.registry.count, 0)
        self.assertEqual(alice.cookies(APP + "/").count(f"_pomerium={handle}"), 1)
        page = self.sign_in(alice)
        self.assertEqual((page.status, page.url), (200, APP + "/"))
        self.assertEqual(alice.cookies(APP + "/").count("_pomerium="), 2)


class OtherClockTests(TrafficTestCase):
    """
    An id that has ended never begins again.
    """

    def test_ended_id_stays_ended(self) -> None:
        """
        Neither time nor a new sign-in of the same browser brings a dead handle back to life.
        """
        alice = self.both()
        dead = self.handle_of(alice, APP)
        self.sign_out(alice, follow=True)
        self.sign_in(alice)
        self.assertNotEqual(self.handle_of(alice, APP), dead)
        self.assertEqual(self.replay(dead, APP).status, 302)
        self.advance(3 * 3600.0, step=600.0)
        self.assertEqual(self.replay(dead, APP).status, 302)

    def test_handle_says_nothing_of_time(self) -> None:
        """
        A handle that is minted anew for an ended session, as an older link would, is refused as well.
        """
        alice = self.both()
        session = next(iter(self.house.registry.sessions()))
        self.sign_out(alice)
        clock = Clock()
        clock.advance(self.clock.seconds() + 100.0)
        fresh = Handles(b"shared-secret-shared-secret-shar", "_pomerium").mint(
            session.id,
            user_id=session.user_id,
            issuer="authenticate.example.com",
            audience=["app.example.com"],
            idp_id=session.idp_id,
            now=clock.seconds(),
        )
        self.assertEqual(self.replay(fresh, APP).status, 302)
