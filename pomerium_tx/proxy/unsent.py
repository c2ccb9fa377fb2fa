"""
Answers that are complete, and that their reader does not have yet: the end of a session must still find them.
"""

from __future__ import annotations

from typing import Any, Protocol

from pomerium_tx.proxy.transports import owes_bytes

MOST = 256
"""
Of one connection. More are small ones, and the oldest of them has long been sent.
"""


class Unsent(Protocol):
    """
    An answer that is complete, and that the kernel does not have yet.
    """

    def answer_sent(self) -> None:
        """
        The kernel has it, or the connection is lost.
        """


class UnsentAnswers:
    """
    Those of one connection, oldest first.
    """

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: list[Unsent] = []

    def keep(self, answer: Unsent) -> None:
        """
        *answer* has been written.
        """
        self._answers.append(answer)
        if len(self._answers) > MOST:
            self._answers.pop(0).answer_sent()

    def let_go_of_sent(self, transport: Any) -> None:
        """
        Nothing is kept any more once *transport* owes nothing.
        """
        if self._answers and not owes_bytes(transport):
            self.let_go()

    def let_go(self) -> None:
        """
        Nothing is kept any more.
        """
        answers, self._answers = self._answers, []
        for answer in answers:
            answer.answer_sent()
