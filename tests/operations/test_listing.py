"""
Tests of `pomerium_tx.operations.listing`.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.operations.listing import DEFAULT_LIMIT, LOOKED_AT, MOST, SHOWN, Window, in_turns, list_answer
from pomerium_tx.operations.selection import WrongParameter


class WindowTests(SynchronousTestCase):
    """
    Which part is wanted.
    """

    def test_limit(self) -> None:
        """
        A part has a thousand items if nothing is said, and at most ten thousand.
        """
        self.assertEqual(Window.of({}), Window(limit=DEFAULT_LIMIT, after=None))
        self.assertEqual(Window.of({"limit": str(MOST)}).limit, MOST)
        self.assertRaises(WrongParameter, Window.of, {"limit": str(MOST + 1)})

    def test_after(self) -> None:
        """
        What cannot have been in an answer is refused.
        """
        self.assertEqual(Window.of({"after": "1.5_a_b"}).after, (1.5, "a_b"))
        for text in ("x", "1", "1_", "_a", "nan_a", "inf_a", "x_a"):
            with self.subTest(text):
                self.assertRaises(WrongParameter, Window.of, {"after": text})


class ListTests(SynchronousTestCase):
    """
    A list as an answer.
    """

    def setUp(self) -> None:
        self.clock = Clock()

    def asked(self, items: list[Any], window: Window | None = None, **changes: Any) -> dict[str, Any]:
        """
        The answer for a list of numbers.
        """
        options: dict[str, Any] = {
            "clock": self.clock,
            "window": window or Window(),
            "key": lambda item: (float(item), "x"),
            "show": lambda item: {"n": item},
            **changes,
        }
        answering = Deferred.fromCoroutine(list_answer("things", items, **options))
        self.clock.advance(0)
        found: dict[str, Any] = json.loads(self.successResultOf(answering).body)
        return found

    def test_order(self) -> None:
        """
        The items are in order of their keys; those without one are not in the list, and those that go are not shown.
        """
        answer = self.asked(
            [3, 1, 2, 5, 4],
            key=lambda item: None if item == 5 else (float(item), "x"),
            show=lambda item: None if item == 2 else {"n": item},
            more={"dry_run": True},
        )
        self.assertEqual(answer, {"dry_run": True, "count": 4, "things": [{"n": 1}, {"n": 3}, {"n": 4}], "next": None})

    def test_parts(self) -> None:
        """
        Part after part, the whole list is given once, however many items have the same time.
        """
        names = [f"{number:03}" for number in range(10)]
        window, seen = Window(limit=3), []
        for _ in range(4):
            answer = self.asked(names, window, key=lambda name: (0.1, name))
            self.assertEqual(answer["count"], 10)
            seen += [thing["n"] for thing in answer["things"]]
            if answer["next"] is not None:
                window = Window.of({"limit": "3", "after": answer["next"]})
        self.assertEqual((seen, answer["next"]), (names, None))

    def test_any_order(self) -> None:
        """
        Whatever order very many items come in, the parts are the same.
        """
        shuffled = [(number * 37) % 101 for number in range(101)]
        for items in (shuffled, sorted(shuffled), sorted(shuffled, reverse=True)):
            seen: list[int] = []
            following: str | None = "-1.0_x"
            while following is not None:
                answer = self.asked(items, Window.of({"limit": "7", "after": following}))
                self.assertEqual((answer["count"], len(answer["things"]) <= 7), (101, True))
                seen += [thing["n"] for thing in answer["things"]]
                following = answer["next"]
            self.assertEqual(seen, list(range(101)))

    def test_exactly_full(self) -> None:
        """
        A part that holds all of the rest is the last one.
        """
        self.assertIsNone(self.asked([1, 2, 3], Window(limit=3))["next"])
        self.assertEqual(self.asked([1, 2, 3], Window(limit=2))["next"], "2.0_x")

    def test_text(self) -> None:
        """
        What people call themselves is JSON, whatever is in it.
        """
        text = 'quote " backslash \\ line\nbreak é \u2028 \ud800'
        self.assertEqual(self.asked([1], show=lambda item: {"n": text})["things"][0]["n"], text)

    def test_turns(self) -> None:
        """
        Others have their turn after every so many items, and whoever asks no more lets the work end.
        """
        sizes: list[int] = []
        done: list[int] = []
        working = Deferred.fromCoroutine(in_turns(self.clock, range(25), done.append, 10))
        while not working.called:
            sizes.append(len(done))
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
            (call,) = self.clock.getDelayedCalls()
            turn, arguments, options = call.func, call.args, call.kw
            call.cancel()
            turn(*arguments, **options)
        self.assertEqual((sizes, len(done)), ([10, 20], 25))
        stopped = Deferred.fromCoroutine(in_turns(self.clock, range(25), done.append, 10))
        stopped.addErrback(lambda reason: None)
        stopped.cancel()
        self.assertEqual((len(done), self.clock.getDelayedCalls()), (35, []))

    def test_work_of_a_turn(self) -> None:
        """
        What is done in one turn is little: no list is worked out in one.
        """
        for count, has_waited in ((SHOWN, False), (SHOWN + 1, True)):
            answering = Deferred.fromCoroutine(
                list_answer(
                    "things",
                    range(count),
                    clock=self.clock,
                    window=Window(),
                    key=lambda item: (float(item), ""),
                    show=lambda item: {},
                )
            )
            self.assertEqual(answering.called, not has_waited)
            self.clock.advance(0)
            self.successResultOf(answering)
        self.assertLessEqual(LOOKED_AT, 1000)
