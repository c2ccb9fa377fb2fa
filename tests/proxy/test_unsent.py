"""
Tests of `pomerium_tx.proxy.unsent`.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.proxy.unsent import MOST, UnsentAnswers


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
    A transport that owes or does not.
    """

    def __init__(self, *, unsent: bool) -> None:
        self.unsent = unsent


class UnsentAnswersTests(SynchronousTestCase):
    """
    Answers that wait for their reader.
    """

    def test_until_sent(self) -> None:
        """
        An answer is kept while the transport owes bytes, and let go once, when it does not.
        """
        answers, answer = UnsentAnswers(), Answer()
        answers.keep(answer)
        answers.let_go_of_sent(Wire(unsent=True))
        self.assertEqual(answer.sent, 0)
        answers.let_go_of_sent(Wire(unsent=False))
        answers.let_go()
        self.assertEqual(answer.sent, 1)

    def test_lost(self) -> None:
        """
        When the connection is lost nothing is kept.
        """
        answers, kept = UnsentAnswers(), [Answer(), Answer()]
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
        answers, wire, clock = UnsentAnswers(), Wire(unsent=True), Clock()
        answers.when_sent(wire, clock, lambda: told.append("at once"))
        self.assertEqual(told, ["at once"])
        answers.keep(Answer())
        answers.when_sent(wire, clock, lambda: told.append("seen"))
        clock.advance(0.006)
        wire.unsent = False
        clock.advance(0.02)
        self.assertEqual(told, ["at once", "seen"])
        answers.keep(Answer())
        wire.unsent = True
        answers.when_sent(wire, clock, lambda: told.append("lost"))
        answers.let_go()
        wire.unsent = False
        answers.let_go_of_sent(wire)
        self.assertEqual((told, clock.getDelayedCalls()), (["at once", "seen"], []))

    def test_looks_are_few(self) -> None:
        """
        Who does not read costs a few looks in the first second, and none of its own afterwards.
        """
        told: list[str] = []
        answers, wire, clock = UnsentAnswers(), Wire(unsent=True), Clock()
        answers.keep(Answer())
        answers.when_sent(wire, clock, lambda: told.append("swept"))
        looks = 0
        while clock.getDelayedCalls():
            clock.advance(clock.getDelayedCalls()[0].getTime() - clock.seconds())
            looks += 1
        self.assertLess(looks, 10)
        wire.unsent = False
        answers.let_go_of_sent(wire)
        self.assertEqual(told, ["swept"])

    def test_bounded(self) -> None:
        """
        Of very many answers the oldest is let go.
        """
        answers, kept = UnsentAnswers(), [Answer() for _ in range(MOST + 1)]
        for answer in kept:
            answers.keep(answer)
        self.assertEqual([answer.sent for answer in kept], [1] + [0] * MOST)
