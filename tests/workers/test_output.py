"""
Tests for `pomerium_tx.workers.output`.
"""

from __future__ import annotations

import json
from io import StringIO

from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx import logs
from pomerium_tx.workers.output import LONGEST, Lines, pass_on, say_of_worker

LINE = (
    '{"level": "warn", "time": "2026-11-25T10:00:00.000Z", "message": "A {brace}", "service": "proxy", "some-field": 3}'
)


class LinesTests(SynchronousTestCase):
    """
    A stream of bytes, as lines.
    """

    def setUp(self) -> None:
        self.taken: list[str] = []
        self.lines = Lines(self.taken.extend)

    def test_wherever_it_is_split(self) -> None:
        """
        Lines come whole and in order, whatever pieces the bytes come in, empty ones not at all.
        """
        content = "one\n\ntwo \u00e4\nthree\n".encode()
        for step in (1, 2, 5, len(content)):
            with self.subTest(step=step):
                self.taken.clear()
                for start in range(0, len(content), step):
                    self.lines.add(content[start : start + step])
                self.assertEqual(self.taken, ["one", "two \u00e4", "three"])

    def test_the_last(self) -> None:
        """
        What has no end is a line when nothing more comes, or when it is longer than a line can be.
        """
        self.lines.add(b"half")
        self.assertEqual(self.taken, [])
        self.lines.end()
        self.lines.end()
        self.assertEqual(self.taken, ["half"])
        for _ in range(LONGEST // 1000 + 1):
            self.lines.add(b"x" * 1000)
        self.assertEqual(len(self.taken), 2)


class PassOnTests(SynchronousTestCase):
    """
    A worker's lines in the log of its parent.
    """

    def written(self, *lines: str) -> list[str]:
        """
        What the log has, where it is one of lines.
        """
        output = StringIO()
        self.patch(logs, "_in_use", logs.JsonLines(output, logs.Threshold()))
        pass_on(list(lines))
        return output.getvalue().splitlines()

    def test_as_they_are(self) -> None:
        """
        Where the log is of such lines, they are in it as they are, and in order.
        """
        other = LINE.replace("brace", "other")
        self.assertEqual(self.written(LINE, other), [LINE, other])

    def test_as_events(self) -> None:
        """
        Where it is another, each is an event of the same level, with the same words and fields.
        """
        self.patch(logs, "_in_use", None)
        with capturedLogs() as events:
            pass_on([LINE])
        (event,) = events
        self.assertEqual((event["log_level"], formatEvent(event)), (LogLevel.warn, "A {brace}"))
        self.assertEqual(event["some_field"], 3)

    def test_what_is_no_line(self) -> None:
        """
        Whatever else a worker writes cannot spoil the log: it is told of in a line of ours.
        """
        for wrong in ("Segmentation fault", '{"no": json}', '{"level": "none", "message": 1}', '{"level": 3}'):
            with self.subTest(wrong):
                self.patch(logs, "_in_use", None)
                with capturedLogs() as events:
                    pass_on([wrong])
                self.assertEqual([event["log_level"] for event in events], [LogLevel.warn])
                self.assertIn(wrong, formatEvent(events[0]))
        with capturedLogs() as events:
            self.assertEqual(self.written("Segmentation fault"), [])
        self.assertEqual(len(events), 1)

    def test_last_words(self) -> None:
        """
        What a worker's interpreter has to say is a warning, line by line.
        """
        with capturedLogs() as events:
            say_of_worker(["Traceback", "MemoryError"])
        self.assertEqual([event["line"] for event in events], ["Traceback", "MemoryError"])
        self.assertEqual(json.loads(logs.json_line(events[1]))["message"], "A worker says: MemoryError")
