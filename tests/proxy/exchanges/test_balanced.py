"""
Tests of `pomerium_tx.proxy.exchanges.balanced`.
"""

from __future__ import annotations

from collections import Counter

from pomerium_tx.proxy.exchanges.balanced import MOST_TRIES
from pomerium_tx.proxy.upstreams.places import PlaceLimits
from pomerium_tx.routing.balancing import Balancing
from tests.doubles.peers import UserAgent
from tests.proxy.harness import PROXY
from tests.proxy.several import OK, PORT, SeveralTestCase, outlier_detection

ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


class SharingTests(SeveralTestCase):
    """
    Who gets which request.
    """

    def test_round_robin(self) -> None:
        """
        Each upstream in turn; each is told its own name, and asked for the same path.
        """
        self.assertEqual([self.exchange() for _ in range(6)], list("abcabc"))
        self.get("/somewhere?x=1")
        received = self.peers["a"].last.received
        self.assertIn(b"GET /somewhere?x=1 HTTP/1.1\r\nHost: a:3000\r\n", received)
        self.get("/somewhere?x=1")
        self.assertIn(b"\r\nHost: b:3000\r\n", self.peers["b"].last.received)

    def test_one_connection(self) -> None:
        """
        Requests of one connection are shared too, with every head its own name although all of them are alike.
        """
        names = []
        for host in "abcabc":
            self.get(agent=self.agent)
            received = self.peers[host].last.take()
            names.append(received.partition(b"Host: ")[2].partition(b"\r\n")[0].decode())
            self.answer(host)
        self.assertEqual(names, [f"{host}:{PORT}" for host in "abcabc"])
        self.assertEqual(self.agent.take().count(b"200 OK"), 6)

    def test_weights(self) -> None:
        """
        The shares are exactly those of the weights.
        """
        self.balance(Balancing(weights=(3, 1, 2)))
        self.assertEqual(Counter(self.exchange() for _ in range(12)), Counter({"a": 6, "b": 2, "c": 4}))

    def test_by_session(self) -> None:
        """
        With a policy that has a key, a session always has the same upstream, from wherever it comes.
        """
        for policy in ("ring_hash", "maglev"):
            self.balance(Balancing(policy=policy))
            with self.subTest(policy):
                self.assertEqual(len({self.exchange() for _ in range(6)}), 1)

    def test_by_address(self) -> None:
        """
        Where there is no session the client's address is the key.
        """
        self.balance(Balancing(policy="ring_hash"))
        found: dict[str, set[str]] = {}
        for address in [f"192.0.2.{number}" for number in range(1, 40)]:
            for _ in range(2):
                agent = UserAgent.connect(self.network, *PROXY, peer=address)
                agent.say(b"GET /public HTTP/1.1\r\nHost: app.example.com\r\n\r\n")
                self.settle()
                found.setdefault(address, set()).add(self.asked())
        self.assertEqual({len(hosts) for hosts in found.values()}, {1})
        self.assertEqual(set().union(*found.values()), set("abc"))

    def test_least_request(self) -> None:
        """
        What is under way counts from the request to the end of its answer.
        """
        watched = self.balance(Balancing(policy="least_request"))
        agents = [self.get() for _ in range(6)]
        self.assertEqual(sum(member.active for member in watched.members.all), 6)
        for member in watched.members.all:
            for peer in self.peers[member.resource.upstream.host].peers:
                peer.say(OK)
        self.settle()
        self.assertEqual([member.active for member in watched.members.all], [0, 0, 0])
        self.assertTrue(all(b"200 OK" in agent.take() for agent in agents))

    def test_under_way_however_it_ends(self) -> None:
        """
        It does not count any longer when the user agent leaves, the session ends, the answer breaks off or times out.
        """
        watched = self.balance(Balancing(policy="least_request"))

        def active() -> int:
            return sum(member.active for member in watched.members.all)

        agent = self.get()
        self.assertEqual(active(), 1)
        agent.transport.abortConnection()
        self.settle()
        self.assertEqual(active(), 0)
        self.get()
        for host in self.asked():
            self.peers[host].last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun")
            self.settle()
            self.assertEqual(active(), 1)
            self.peers[host].last.transport.abortConnection()
        self.settle()
        self.assertEqual(active(), 0)
        self.get()
        self.network.advance(32)
        self.assertEqual(active(), 0)
        self.get()
        self.get("/", "Upgrade: websocket", "Connection: Upgrade")
        self.assertEqual(active(), 1)
        self.end_session()
        self.settle()
        self.assertEqual(active(), 0)


class UnreachableTests(SeveralTestCase):
    """
    An upstream that cannot be connected to.
    """

    def test_another_one(self) -> None:
        """
        Another one gets the request, whatever its method is, with all of its content: nothing of it had been sent.
        """
        self.network.close("a", PORT)
        agent = self.get("/pay", "Content-Length: 5", method="POST", body=b"money")
        self.assertTrue(self.peers["b"].last.received.startswith(b"POST /pay HTTP/1.1\r\nHost: b:3000\r\n"))
        self.assertTrue(self.peers["b"].last.received.endswith(b"\r\n\r\nmoney"))
        self.answer("b")
        self.assertIn(b"200 OK", agent.take())
        self.assertEqual(len(self.said("another one is tried")), 1)

    def test_refused_later(self) -> None:
        """
        The same where the refusal takes its time, with content that comes meanwhile and after.
        """
        self.network.hold("a", PORT)
        agent = self.get("/pay", "Content-Length: 10", method="POST", body=b"some")
        agent.say(b"more")
        self.settle()
        self.network.refuse()
        self.settle()
        agent.say(b"xx")
        self.settle()
        self.assertTrue(self.peers["b"].last.received.endswith(b"\r\n\r\nsomemorexx"))
        self.answer("b")
        self.assertIn(b"200 OK", agent.take())

    def test_refused_later_and_a_waiting_connection(self) -> None:
        """
        The same where the other one has a connection waiting: content goes on flowing, too.
        """
        self.exchange(), self.exchange(), self.exchange()
        self.exchange(), self.exchange(), self.exchange()
        self.pools["a"].drop_idle()
        self.settle()
        self.network.hold("a", PORT)
        agent = self.get("/pay", "Transfer-Encoding: chunked", method="POST", body=b"4\r\nsome\r\n")
        self.network.refuse()
        self.settle()
        agent.say(b"4\r\nmore\r\n0\r\n\r\n")
        self.settle()
        self.assertTrue(self.peers["b"].last.received.endswith(b"4\r\nsome\r\n4\r\nmore\r\n0\r\n\r\n"))
        self.answer("b")
        self.assertIn(b"200 OK", agent.take())

    def test_none(self) -> None:
        """
        With none there the answer is 503, after a bounded number of tries.
        """
        for host in self.hosts:
            self.network.close(host, PORT)
        agent = self.get()
        self.assertIn(b"HTTP/1.1 503 ", agent.take())
        self.assertEqual(len(self.said("another one is tried")), MOST_TRIES - 1)
        assert self.watched is not None
        self.assertEqual([member.active for member in self.watched.members.all], [0, 0, 0])

    def test_busy(self) -> None:
        """
        One that has as many connections as it may is passed over; with all of them full the answer is 503.
        """
        for host in self.hosts:
            self.pools[host].places.limit(PlaceLimits(connections=1, waiting=0))
        held = [self.get() for _ in range(3)]
        self.assertEqual(self.asked(), "abc")
        self.assertIn(b"HTTP/1.1 503 ", self.get().take())
        self.answer("c")
        agent = self.get()
        self.assertEqual(self.asked(), "c")
        self.answer("c")
        self.assertIn(b"200 OK", agent.take())
        del held

    def test_cancelled(self) -> None:
        """
        Who leaves while another one is tried leaves nothing behind.
        """
        self.network.close("a", PORT)
        self.network.hold("b", PORT)
        agent = self.get()
        agent.transport.abortConnection()
        self.settle()
        self.network.accept()
        self.settle()
        self.assertEqual(self.peers["b"].peers, [])
        self.assertEqual(self.pools["b"].places.taken, 0)

    def test_session_ends_meanwhile(self) -> None:
        """
        A session that ends while another one is tried ends the request: the upstream never hears of it.
        """
        self.network.close("a", PORT)
        self.network.hold("b", PORT)
        agent = self.get()
        self.end_session()
        self.settle()
        self.network.accept()
        self.settle()
        self.assertIn(b"HTTP/1.1 401 ", agent.take())
        self.assertEqual(self.asked(), "")

    def test_never_answers(self) -> None:
        """
        One that accepts and says nothing has got the request: that is 504 in time, and nobody else gets it.
        """
        agent = self.get()
        self.network.advance(32)
        self.assertIn(b"HTTP/1.1 504 ", agent.take())
        self.assertEqual(self.asked(), "a")

    def test_dies_mid_way(self) -> None:
        """
        One that dies with the request, or in its answer, has got it: nobody else does.
        """
        agent = self.get()
        self.peers["a"].last.transport.abortConnection()
        self.settle()
        self.assertIn(b"HTTP/1.1 502 ", agent.take())
        agent = self.get()
        self.peers["b"].last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun")
        self.settle()
        self.peers["b"].last.transport.abortConnection()
        self.settle()
        self.assertIsNotNone(agent.lost)
        self.assertEqual(self.asked(), "ab")

    def test_gone_while_idle(self) -> None:
        """
        The end of a waiting connection and a request cross one another, and the host is gone: a GET goes to another
        upstream; a POST, which might have arrived, does not.
        """
        for method, is_repeated in (("GET", True), ("HEAD", True), ("POST", False)):
            with self.subTest(method):
                self.balance(Balancing(weights=(1_000, 1, 1)))
                self.assertEqual(self.exchange(), "a")
                self.network.close("a", PORT)
                agent = self.connect()
                self.peers["a"].last.transport.loseConnection()
                self.get(agent=agent, method=method)
                others = self.asked().replace("a", "")
                self.assertEqual(len(others), is_repeated)
                for host in others:
                    self.answer(host)
                self.assertIn(b"HTTP/1.1 200 " if is_repeated else b"HTTP/1.1 502 ", agent.take())
                self.network.listen("a", PORT, self.peers["a"])


class ManyTests(SeveralTestCase):
    """
    More upstreams than one request is offered to.
    """

    hosts = ("a", "b", "c", "d", "e")

    def test_bounded(self) -> None:
        """
        With the first ones gone a request is not kept waiting for all the others.
        """
        for host in self.hosts[:MOST_TRIES]:
            self.network.close(host, PORT)
        self.assertIn(b"HTTP/1.1 503 ", self.get().take())
        self.assertEqual(self.asked(), "")
        self.network.listen("a", PORT, self.peers["a"])
        self.assertEqual({self.exchange() for _ in range(10)}, {"a", "d", "e"})


class OutlierTests(SeveralTestCase):
    """
    What an exchange tells of the upstream that it had.
    """

    balancing = Balancing(outlier_detection=outlier_detection(consecutive_5xx=2, max_ejection_percent=100))

    def ejected(self) -> str:
        """
        The hosts that get no requests.
        """
        assert self.watched is not None
        return "".join(
            member.resource.upstream.host
            for member in self.watched.members.all
            if member.health.ejected_until is not None
        )

    def test_errors(self) -> None:
        """
        Errors in a row eject whoever answers with them; the others share its requests until it is let in again.
        """
        self.assertEqual([self.exchange(ERROR), self.exchange(), self.exchange()], list("abc"))
        self.assertEqual(self.exchange(ERROR), "a")
        self.assertEqual(self.ejected(), "a")
        self.assertEqual({self.exchange() for _ in range(6)}, set("bc"))
        self.network.advance(41)
        self.assertEqual({self.exchange() for _ in range(6)}, set("abc"))

    def test_not_in_a_row(self) -> None:
        """
        A good answer between two errors forgives the first.
        """
        for response in (ERROR, OK, ERROR, OK):
            for _ in range(3):
                self.exchange(response)
        self.assertEqual(self.ejected(), "")

    def test_no_answer(self) -> None:
        """
        Whoever cannot be reached, breaks off, says nothing that is HTTP or nothing at all is as one that answers with
        an error.
        """

        def breaks_off() -> None:
            self.peers["a"].last.transport.abortConnection()

        def says_nonsense() -> None:
            self.peers["a"].last.say(b"hello\r\n\r\n")

        def breaks_off_later() -> None:
            self.peers["a"].last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun")
            self.settle()
            self.peers["a"].last.transport.abortConnection()

        for fails in (breaks_off, says_nonsense, breaks_off_later, lambda: self.network.advance(31)):
            with self.subTest(str(fails)):
                detection = outlier_detection(consecutive_5xx=1)
                self.balance(Balancing(weights=(1_000, 1, 1), outlier_detection=detection))
                self.get()
                self.assertEqual((self.asked(), self.ejected()), ("a", ""))
                fails()
                self.settle()
                self.assertEqual(self.ejected(), "a")
        self.network.close("a", PORT)
        self.balance(Balancing(outlier_detection=outlier_detection(consecutive_5xx=1)))
        self.get()
        self.assertEqual((self.asked(), self.ejected()), ("b", "a"))

    def test_all(self) -> None:
        """
        With all of them ejected everybody gets requests again: better perhaps than never. With no threshold for that,
        nobody does, and the answer is 503 at once.
        """
        for _ in range(12):
            self.exchange(ERROR)
        self.assertEqual(self.ejected(), "abc")
        self.assertEqual({self.exchange() for _ in range(3)}, set("abc"))
        self.balance(
            Balancing(
                outlier_detection=outlier_detection(consecutive_5xx=1, max_ejection_percent=100), panic_threshold=0
            )
        )
        for _ in range(3):
            self.exchange(ERROR)
        agent = self.get()
        self.assertEqual(self.asked(), "")
        self.assertIn(b"HTTP/1.1 503 ", agent.take())
