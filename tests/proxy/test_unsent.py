"""
Tests of `pomerium_tx.proxy.unsent`.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy.client import Client
from pomerium_tx.proxy import unsent
from pomerium_tx.proxy.transports import ALL
from pomerium_tx.proxy.unsent import FEW, MOST, UnsentAnswers
from tests.doubles.peers import Peer, request
from tests.doubles.sessions import a_session
from tests.proxy.harness import ProxyTestCase


class Answer:
    """
    Knows whether it was sent.
    """

    def __init__(self) -> None:
        self.sent = 0

    def answer_sent(self) -> None:
        """
        It was.
        """
        self.sent += 1


class Wire:
    """
    A transport that owes so many bytes.
    """

    def __init__(self, *, unsent: int) -> None:
        self.unsent = unsent


class UnsentAnswersTests(SynchronousTestCase):
    """
    Answers that wait for their reader.
    """

    def test_until_sent(self) -> None:
        """
        An answer is kept while the transport owes bytes, and let go once, when it does not.
        """
        wire, answer = Wire(unsent=ALL), Answer()
        answers = UnsentAnswers(wire, Clock())
        answers.keep(answer)
        answers.let_go_of_sent()
        self.assertEqual(answer.sent, 0)
        wire.unsent = 0
        answers.let_go_of_sent()
        answers.let_go()
        self.assertEqual(answer.sent, 1)

    def test_each_until_its_last_byte(self) -> None:
        """
        An answer is owed until its last byte is sent, whatever of those behind it is not; whoever only asks changes
        nothing.
        """
        wire, kept = Wire(unsent=0), [Answer() for _ in range(3)]
        answers = UnsentAnswers(wire, Clock())
        for answer in kept:
            answers.written += 100
            answers.keep(answer)
        for unsent_bytes, owed in ((ALL, 3), (300, 3), (201, 3), (200, 2), (101, 2), (100, 1), (1, 1)):
            wire.unsent = unsent_bytes
            self.assertEqual(answers.owed(), kept[3 - owed :])
            self.assertEqual([answer for answer in kept if answers.is_owed(answer)], kept[3 - owed :])
            if unsent_bytes % 100:
                answers.let_go_of_sent()
            self.assertEqual(sum(answer.sent for answer in kept), 3 - owed if unsent_bytes % 100 else max(2 - owed, 0))
        wire.unsent = 0
        self.assertEqual(answers.owed(), [])
        answers.let_go_of_sent()
        self.assertEqual([answer.sent for answer in kept], [1, 1, 1])

    def test_lost(self) -> None:
        """
        When the connection is lost nothing is kept.
        """
        answers, kept = UnsentAnswers(Wire(unsent=ALL), Clock()), [Answer(), Answer()]
        for answer in kept:
            answers.keep(answer)
        answers.let_go()
        self.assertEqual([answer.sent for answer in kept], [1, 1])

    def test_who_waits(self) -> None:
        """
        Who waits for all to be sent is told once, when a look finds it so; at once, if nothing is kept; never, if the
        connection is lost.
        """
        told: list[str] = []
        wire, clock = Wire(unsent=ALL), Clock()
        answers = UnsentAnswers(wire, clock)
        answers.when_sent(lambda: told.append("at once"))
        self.assertEqual(told, ["at once"])
        answers.keep(Answer())
        answers.when_sent(lambda: told.append("seen"))
        clock.advance(0.006)
        wire.unsent = 0
        clock.advance(0.02)
        self.assertEqual(told, ["at once", "seen"])
        answers.keep(Answer())
        wire.unsent = ALL
        answers.when_sent(lambda: told.append("lost"))
        answers.let_go()
        wire.unsent = 0
        answers.let_go_of_sent()
        self.assertEqual((told, clock.getDelayedCalls()), (["at once", "seen"], []))

    def test_looks_are_few(self) -> None:
        """
        Who does not read costs a few looks in the first second, and none of its own afterwards.
        """
        told: list[str] = []
        wire, clock = Wire(unsent=ALL), Clock()
        answers = UnsentAnswers(wire, clock)
        answers.keep(Answer())
        answers.when_sent(lambda: told.append("swept"))
        looks = 0
        while clock.getDelayedCalls():
            clock.advance(clock.getDelayedCalls()[0].getTime() - clock.seconds())
            looks += 1
        self.assertLess(looks, 10)
        wire.unsent = 0
        answers.let_go_of_sent()
        self.assertEqual(told, ["swept"])

    def test_who_waits_again(self) -> None:
        """
        Who waits twice is told once, and looked for once.
        """
        told: list[str] = []
        wire, clock = Wire(unsent=ALL), Clock()
        answers = UnsentAnswers(wire, clock)
        answers.keep(Answer())
        for name in ("first", "second"):
            answers.when_sent(lambda name=name: told.append(name))  # type: ignore[misc]
        self.assertEqual(len(clock.getDelayedCalls()), 1)
        wire.unsent = 0
        clock.advance(0.1)
        self.assertEqual((told, clock.getDelayedCalls()), (["second"], []))

    def test_waits_from_within(self) -> None:
        """
        Who is told may wait for the next answer at once, and is looked for once.
        """
        told: list[str] = []
        wire, clock = Wire(unsent=ALL), Clock()
        answers = UnsentAnswers(wire, clock)
        answers.keep(Answer())

        def again() -> None:
            wire.unsent = ALL
            answers.keep(Answer())
            answers.when_sent(lambda: told.append("second"))

        answers.when_sent(again)
        wire.unsent = 0
        clock.advance(0.003)
        self.assertEqual(len(clock.getDelayedCalls()), 1)
        wire.unsent = 0
        clock.advance(0.1)
        self.assertEqual((told, clock.getDelayedCalls()), (["second"], []))

    def test_many(self) -> None:
        """
        However many there are none is let go: it is said when there must be no more, until they are sent.
        """
        wire, kept = Wire(unsent=ALL), [Answer() for _ in range(MOST + 1)]
        answers = UnsentAnswers(wire, Clock())
        for number, answer in enumerate(kept):
            self.assertEqual(answers.are_many, number >= MOST)
            answers.keep(answer)
        self.assertEqual({answer.sent for answer in kept}, {0})
        wire.unsent = 0
        answers.let_go_of_sent()
        self.assertFalse(answers.are_many)
        self.assertEqual({answer.sent for answer in kept}, {1})


class FewAnswersTests(ProxyTestCase):
    """
    One connection on which each answer is read before the next request.
    """

    def ask(self) -> None:
        """
        Ask once more, and have it answered.
        """
        self.agent.ask(request("GET", "/", "app.example.com", "Who: alice"))
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer")
        self.settle()

    def test_not_open(self) -> None:
        """
        Nothing that was sent is open for the session, although nobody has looked for it yet; nor is it cut, or counted.
        """
        for _ in range(FEW):
            self.ask()
            self.assertEqual(self.registry.exchanges(self.session.id), ())
        receipt = self.end_session()
        self.assertEqual(sum(receipt.exchanges_cut.values()), 0)
        self.assertIsNone(self.agent.lost)

    def test_the_unread_one(self) -> None:
        """
        Of many answers that were read and one that was not, the one is cut and counted.
        """
        for _ in range(FEW // 2):
            self.ask()
        self.agent.transport.pauseProducing()
        self.agent.transport.peer.window = 3
        self.ask()
        self.assertEqual(len(self.registry.exchanges(self.session.id)), 1)
        receipt = self.end_session()
        self.settle()
        self.assertEqual(receipt.exchanges_cut["download"], 1)
        self.assertIsNotNone(self.agent.lost)

    def test_few_are_kept(self) -> None:
        """
        However many are read, few are kept, and none when nothing is asked any more.
        """
        attached = self.registry._attachments._exchanges
        for _ in range(3 * FEW):
            self.ask()
            self.assertLessEqual(len(attached.get(self.session.id, ())), FEW)
        self.network.advance(1.1)
        self.assertEqual(attached, {})


class Ok(Peer):
    """
    An application that answers each request at once.
    """

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" * data.count(b"\r\n\r\n"))


class ManyAnswersTests(ProxyTestCase):
    """
    One connection on which more is asked for than is read.
    """

    file = b"x" * 1000

    def setUp(self) -> None:
        super().setUp()
        # What comes after the first answer is somebody else's.
        self.other = a_session(began=self.network.clock.seconds(), expires=self.network.clock.seconds() + 50_000)
        self.successResultOf(self.registry.begin(self.other, state_issued=self.network.clock.seconds()))
        self.agent.ask(request("GET", "/file", "app.example.com", "Who: alice"))
        self.agent.transport.pauseProducing()
        self.agent.transport.peer.window = 100
        self.patch(self.upstreams, "buildProtocol", lambda address: Ok())
        self.upstreams.last.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n" + self.file)
        self.settle()

    def check(self, head: RequestHead, canonical: Canonical, client: Client, request_id: str) -> Verdict:
        verdict = super().check(head, canonical, client, request_id)
        if head.get(b"who") == b"bob":
            verdict = replace(verdict, action=Action.PROCEED, session=self.other, live=(self.other,))
        return verdict

    def ask(self, count: int) -> None:
        """
        Ask for so many more, one after another.
        """
        for _ in range(count):
            self.agent.say(request("GET", "/small", "app.example.com", "Who: bob"))
            self.settle()

    def answered(self) -> int:
        """
        How many requests have been answered, whoever has read that.
        """
        return len(self.access)

    def read_on(self) -> bytes:
        """
        The reader reads: what it gets.
        """
        self.agent.transport.peer.window = 1 << 20
        self.agent.transport.resumeProducing()
        self.settle()
        self.network.advance(1.1)
        return self.agent.take()

    def test_shield_nothing(self) -> None:
        """
        However many answers of another session follow an unread one, it is cut with its own session.
        """
        for count in (MOST - 1, 2, MOST):
            self.ask(count)
            self.assertEqual(len(self.registry.exchanges(self.session.id)), 1)
        self.end_session()
        self.assertNotIn(self.file, self.read_on())
        self.assertIsNotNone(self.agent.lost)

    def test_go_on(self) -> None:
        """
        What is asked for behind very many is begun when they are sent, soon or late, and all of it is answered.
        """
        self.ask(MOST + 50)
        self.assertEqual(self.answered(), MOST)
        self.network.advance(20.0)
        self.assertEqual(self.answered(), MOST)
        got = self.read_on()
        self.assertEqual((self.answered(), got.count(b"HTTP/1.1 200 ")), (MOST + 51, MOST + 51))
        self.assertIsNone(self.agent.lost)
        self.assertEqual(self.registry.exchanges(self.other.id), ())
        self.assertIn(b"ok", self.agent.ask(request("GET", "/small", "app.example.com", "Who: bob")))

    def test_go_on_in_the_same_turn(self) -> None:
        """
        If they are found sent when the next one would have to wait, it does not.
        """
        self.ask(MOST - 2)
        owes = iter((True,))
        self.patch(unsent, "bytes_owed", lambda transport: ALL if next(owes, False) else 0)
        self.agent.say(2 * request("GET", "/small", "app.example.com", "Who: bob"))
        self.settle()
        self.assertEqual(self.answered(), MOST + 1)

    def test_kernel(self) -> None:
        """
        It is the same if they wait where only the kernel has them, which does not say when they are sent.
        """
        owed = True
        self.patch(unsent, "bytes_owed", lambda transport: ALL if owed else 0)
        self.agent.transport.peer.window = 1 << 20
        self.ask(MOST + 50)
        self.assertEqual(self.answered(), MOST)
        owed = False
        self.network.advance(1.1)
        self.assertEqual(self.answered(), MOST + 51)

    def test_idle(self) -> None:
        """
        Who never reads is not waited for longer than for an idle connection.
        """
        self.ask(MOST + 50)
        self.network.advance(2 * self.proxy.times.idle + 5.0)
        self.assertEqual((self.factory.open_connections, self.answered()), (0, MOST))
        self.assertEqual(self.registry.exchanges(self.session.id), ())
        self.assertNotIn("_look_again", [call.func.__name__ for call in self.network.clock.getDelayedCalls()])

    def test_lost(self) -> None:
        """
        A connection that is lost meanwhile leaves nothing behind.
        """
        self.ask(MOST + 50)
        self.agent.transport.abortConnection()
        self.settle()
        self.assertEqual((self.registry.exchanges(self.session.id), self.registry.exchanges(self.other.id)), ((), ()))
        self.assertNotIn("_look_again", [call.func.__name__ for call in self.network.clock.getDelayedCalls()])
