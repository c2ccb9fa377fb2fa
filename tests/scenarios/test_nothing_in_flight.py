"""
Nothing in flight survives: every exchange that presented a live handle of the session is cut, whatever its kind.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionDone

from pomerium_tx.sessions.receipt import EXCHANGE_KINDS
from tests.doubles.peers import UserAgent, request
from tests.scenarios.browser import Browser
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, CHAT, OPEN, Application

NOTHING = dict.fromkeys(EXCHANGE_KINDS, 0)


class EveryKindTests(TrafficTestCase):
    """
    One exchange of each kind, alone.
    """

    def test_download(self) -> None:
        """
        A download breaks off; not a byte that the application says afterwards arrives, and its connection is gone.
        """
        for framing, begun in (
            ("Content-Length: 1000000", b"some"),
            ("Transfer-Encoding: chunked", b"4\r\nsome\r\n"),
            ("Connection: close", b"some"),
        ):
            with self.subTest(framing):
                alice = self.both()
                agent, upstream = self.begin(alice, "GET", APP + "/file")
                self.answer(upstream, framing, begun)
                self.assertIn(b"some", agent.take())
                self.sign_out(alice)
                upstream.say(b"4\r\nmore\r\n0\r\n\r\n")
                self.settle()
                self.assertEqual(agent.take(), b"")
                self.assert_broken_off(agent)
                self.assertIsNotNone(upstream.lost)

    def test_event_stream(self) -> None:
        """
        An event stream breaks off: its last chunk is not the last one of the framing.
        """
        alice = self.both()
        agent, upstream = self.stream(alice)
        self.sign_out(alice, CHAT)
        upstream.say(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
        self.settle()
        self.assertEqual(agent.take(), b"")
        self.assert_broken_off(agent)

    def test_upload(self) -> None:
        """
        An upload is answered that nobody is signed in; what comes after it goes nowhere.
        """
        alice = self.both()
        agent, upstream = self.upload(alice)
        upstream.received = b""
        self.sign_out(alice)
        self.assert_answered(agent, 302)
        agent.say(b"rest")
        self.settle()
        self.assertEqual(upstream.received, b"")
        self.assertIsNotNone(upstream.lost)

    def test_upload_with_answer_begun(self) -> None:
        """
        An upload whose answer has begun breaks off.
        """
        alice = self.both()
        agent, upstream = self.upload(alice)
        self.answer(upstream, "Transfer-Encoding: chunked", b"2\r\nok\r\n")
        agent.take()
        self.sign_out(alice)
        self.assertEqual(agent.take(), b"")
        self.assert_broken_off(agent)

    def test_upload_that_nobody_takes(self) -> None:
        """
        An upload that the application does not read is answered, and what comes after it is discarded, then refused.
        """
        alice = self.both()
        agent, upstream = self.begin(alice, "POST", APP + "/upload", "Content-Length: 9000000", content=b"x")
        upstream.transport.pauseProducing()
        agent.say(b"x" * 3_000_000)
        self.settle()
        heard = len(upstream.received)
        self.sign_out(alice)
        self.assert_answered(agent, 302)
        agent.say(b"x" * 3_000_000)
        self.settle()
        upstream.transport.resumeProducing()
        self.settle()
        self.assertLessEqual(len(upstream.received) - heard, upstream.transport.window)
        self.advance(4)
        self.assertTrue(agent.transport.peer.lost)

    def test_chunked_upload(self) -> None:
        """
        A chunked upload is cut between its chunks: the application does not see the last one.
        """
        alice = self.both()
        agent, upstream = self.begin(
            alice, "POST", APP + "/upload", "Transfer-Encoding: chunked", content=b"4\r\nhalf\r\n"
        )
        self.sign_out(alice)
        self.assert_answered(agent, 302)
        agent.say(b"0\r\n\r\n")
        self.settle()
        self.assertTrue(upstream.received.endswith(b"half\r\n"))
        self.assertEqual(self.receipts()[0]["exchanges_cut"], {**NOTHING, "upload": 1})

    def test_waiting(self) -> None:
        """
        A request whose answer has not begun gets that of nobody; the late one of the application reaches nobody.
        """
        for fields, status in (
            ((), 302),
            (("Accept: application/json",), 401),
            (("Sec-Fetch-Mode: cors",), 401),
            (("X-Requested-With: XMLHttpRequest",), 401),
        ):
            with self.subTest(fields):
                alice = self.both()
                agent, upstream = self.begin(alice, "GET", APP + "/slow", *fields)
                self.sign_out(alice)
                upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
                self.settle()
                self.assertNotIn(b"secret", agent.received)
                self.assert_answered(agent, status)
                self.assertIsNotNone(upstream.lost)

    def test_interim_answer(self) -> None:
        """
        An interim answer is no answer: the final one is that of nobody.
        """
        alice = self.both()
        agent, upstream = self.begin(alice, "GET", APP + "/slow")
        upstream.say(b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n")
        self.settle()
        self.assertIn(b" 103 ", agent.take())
        self.sign_out(alice)
        self.assert_answered(agent, 302)

    def test_connecting(self) -> None:
        """
        A request whose connection to the application is not there yet is answered, and the application hears nothing.
        """
        alice = self.both()
        self.network.hold("app.internal", 8080)
        # The idle connection to the application would be used otherwise.
        agent, _ = self.begin(alice, "GET", APP + "/first")
        other = alice.open("GET", APP + "/second")
        self.sign_out(alice)
        self.assert_answered(agent, 302)
        self.assert_answered(other, 302)
        self.network.accept()
        self.settle()
        self.assertNotIn(b"/second", self.app.heard)
        self.assertEqual((agent.take(), other.take()), (b"", b""))

    def test_head(self) -> None:
        """
        A HEAD request that waits is answered without content.
        """
        alice = self.both()
        agent, _ = self.begin(alice, "HEAD", APP + "/slow")
        self.sign_out(alice)
        answered = agent.received
        self.assert_answered(agent, 302, "HEAD")
        self.assertTrue(answered.endswith(b"\r\n\r\n"))


class PausedReaderTests(TrafficTestCase):
    """
    A reader that does not read.
    """

    def test_paused_reader(self) -> None:
        """
        A reader that pauses gets no byte more than what its own kernel held, and then an error, in every framing.
        """
        body = b"x" * 2_000_000
        for framing, content in (
            (f"Content-Length: {len(body)}", body),
            ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)),
            ("Connection: close", body),
        ):
            with self.subTest(framing):
                alice = self.both()
                agent, upstream = self.begin(alice, "GET", APP + "/file")
                agent.transport.pauseProducing()
                self.answer(upstream, framing, content)
                self.assertTrue(agent.transport.peer.unsent)
                self.sign_out(alice)
                agent.transport.resumeProducing()
                self.settle()
                self.assertLessEqual(len(agent.take()), agent.transport.window)
                self.assert_broken_off(agent)

    def test_whole_answer_unsent(self) -> None:
        """
        An answer that the application has finished, but that the reader has not taken, is cut as long as bytes wait;
        half a request for a page of ours on the same connection does not shield it.
        """
        half = request("POST", "/.pomerium/sign_out", "app.example.com", "Content-Length: 5")
        for behind in (b"", half):
            with self.subTest(behind=behind):
                alice = self.both()
                agent, upstream = self.begin(alice, "GET", APP + "/file")
                agent.transport.pauseProducing()
                agent.transport.peer.window = 100
                # Less than what makes the proxy pause the application: the answer is complete on our side.
                self.answer(upstream, "Content-Length: 30000", b"secret" * 5000)
                # The next one may use the same connection to it.
                upstream.by_hand = False
                self.assertTrue(agent.transport.peer.unsent)
                agent.say(behind)
                self.settle()
                self.sign_out(alice)
                agent.transport.peer.window = 1 << 20
                agent.transport.resumeProducing()
                self.settle()
                self.assertLess(len(agent.take()), 30_000)
                self.assert_broken_off(agent)

    def test_whole_answer_sent(self) -> None:
        """
        An answer that the kernel has is over: its connection is neither reset nor counted.
        """
        alice = self.both()
        agent, upstream = self.begin(alice, "GET", APP + "/file")
        self.answer(upstream, "Content-Length: 2", b"ok")
        self.sign_out(alice)
        self.assertTrue(agent.take().endswith(b"ok"))
        self.assertIsNone(agent.lost)
        self.assertEqual(self.receipts()[0]["exchanges_cut"], NOTHING)


class WholeSessionTests(TrafficTestCase):
    """
    Everything of one session at once, and what belongs to others.
    """

    def everything(self, browser: Browser) -> list[tuple[UserAgent, Application]]:
        """
        Two exchanges of each kind on both routes.
        """
        return [
            self.websocket(browser),
            self.websocket(browser),
            self.stream(browser),
            self.stream(browser, CHAT + "/events"),
            self.download(browser),
            self.download(browser, CHAT + "/file"),
            self.upload(browser),
            self.upload(browser, CHAT + "/upload"),
            self.begin(browser, "GET", APP + "/slow"),
            self.begin(browser, "GET", CHAT + "/slow"),
        ]

    def test_both_routes_at_once(self) -> None:
        """
        One click cuts what is open on both routes; the receipt counts each once, and what is in doubt by route.
        """
        alice = self.both()
        opened = self.everything(alice)
        self.sign_out(alice)
        for agent, upstream in opened:
            self.assertTrue(agent.received or agent.lost, "still open")
            self.assertIsNotNone(upstream.lost)
        (receipt,) = self.receipts()
        self.assertEqual(receipt["exchanges_cut"], {"websocket": 2, "tunnel": 0, "sse": 2, "upload": 2, "download": 4})
        routes = [exchange.route.id for exchange in self.house.layout.resources.values()]
        doubts = receipt["in_doubt"]
        self.assertEqual({name.split(" ")[1] for name in doubts}, set(routes[:2]))
        self.assertEqual(sorted(doubts.values()), [1, 1, 3, 3])
        self.assertEqual(self.house.registry.exchanges("any"), ())

    def test_bob_untouched(self) -> None:
        """
        Bob, in another browser, keeps everything that he has open.
        """
        alice, bob = self.both(), self.both("bob")
        opened = self.everything(bob)
        mine = self.everything(alice)
        self.sign_out(alice)
        self.assertEqual([agent.received for agent, _ in opened], [b""] * len(opened))
        self.assertEqual([agent.lost for agent, _ in opened], [None] * len(opened))
        self.assertEqual([upstream.lost for _, upstream in opened], [None] * len(opened))
        socket, chat = opened[0]
        chat.say(b"\x81\x02hi")
        socket.say(b"\x81\x82\x00\x00\x00\x00yo")
        self.settle()
        self.assertEqual(socket.take(), b"\x81\x02hi")
        self.assertTrue(chat.received.endswith(b"yo"))
        self.assertEqual(len(mine), len(opened))
        self.assertEqual(bob.get(APP + "/").status, 200)

    def test_public_route(self) -> None:
        """
        What the person has open on a public route is cut as well; what nobody has open there is not.
        """
        alice, nobody = self.both(), self.browser()
        fields = (f"Cookie: _pomerium={self.handle_of(alice, APP)}",)
        nobody_agent, _ = self.download(nobody, OPEN + "/file")
        agent, _ = self.download(nobody, OPEN + "/file", *fields)
        self.sign_out(alice)
        self.assert_broken_off(agent)
        self.assertIsNone(nobody_agent.lost)
        self.assertEqual(self.receipts()[0]["exchanges_cut"], {**NOTHING, "download": 1})

    def test_public_route_with_several_handles(self) -> None:
        """
        Several handles are no session, and yet the exchange presented each of them: the end of either cuts it.
        """
        for first in (True, False):
            with self.subTest(first=first):
                alice, bob = self.both(), self.both("bob")
                handles = [self.handle_of(alice, APP), self.handle_of(bob, APP)]
                planted = "; ".join(f"_pomerium={handle}" for handle in (handles if first else handles[::-1]))
                agent, _ = self.download(self.browser(), OPEN + "/file", f"Cookie: {planted}")
                self.sign_out(alice)
                self.assert_broken_off(agent)

    def test_handle_in_header_and_in_query(self) -> None:
        """
        A handle in a header or in the query is cut like one in a cookie.
        """
        alice = self.both()
        handle = self.handle_of(alice, APP)
        program = self.browser()
        by_header, _ = self.download(program, APP + "/file", f"Authorization: Pomerium {handle}")
        by_query, _ = self.download(program, f"{APP}/file?pomerium_session={handle}")
        self.sign_out(alice)
        self.assert_broken_off(by_header)
        self.assert_broken_off(by_query)

    def test_handle_beside_another(self) -> None:
        """
        A handle that came besides was presented: its end cuts the exchange, although another decided about it.
        """
        for url, carried in ((APP, "Authorization: Pomerium {}"), (APP, "X-Pomerium-Authorization: {}"), (OPEN, "")):
            with self.subTest(url=url, carried=carried):
                alice, bob = self.both(), self.both("bob")
                handle = self.handle_of(bob, APP)
                target = "/file" if carried else f"/file?pomerium_session={handle}"
                fields = (carried.format(handle),) if carried else ("Cookie: _pomerium=x",)
                agent, _ = self.download(alice if carried else self.browser(), url + target, *fields)
                self.sign_out(bob)
                self.assert_broken_off(agent)

    def test_requests_behind_a_cut_one(self) -> None:
        """
        What is queued behind a cut exchange on its connection goes down with it, and no application hears it.
        """
        alice = self.both()
        agent, _ = self.download(alice)
        agent.say(request("GET", "/queued", "app.example.com", f"Cookie: _pomerium={self.handle_of(alice, APP)}"))
        self.settle()
        self.sign_out(alice)
        self.assert_broken_off(agent)
        self.assertNotIn(b"/queued", self.app.heard)

    def test_nothing_pooled(self) -> None:
        """
        The upstream connection of a cut exchange is never used again.
        """
        alice, bob = self.both(), self.both("bob")
        opened = self.everything(alice)
        self.sign_out(alice)
        connections = {id(upstream) for _, upstream in opened}
        for origin, application in ((APP, self.app), (CHAT, self.chat)):
            self.assertEqual(bob.get(origin + "/").status, 200)
            assert application.latest is not None
            self.assertNotIn(id(application.latest), connections)

    def test_own_page_under_way(self) -> None:
        """
        Our own pages are let finish: the answer to the sign-out itself ends cleanly.
        """
        alice = self.both()
        agent = alice.open(
            "GET", APP + "/.pomerium/sign_out", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate",
            "Sec-Fetch-Dest: document", "Connection: close",
        )  # fmt: skip
        self.assertIn(b"302 Found", agent.received)
        assert agent.lost is not None
        self.assertTrue(agent.lost.check(ConnectionDone))
