"""
Tests of `pomerium_tx.request_lines`.
"""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel, LogPublisher, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx import logs
from pomerium_tx.request_lines import FLUSH_SECONDS, LineForm, lines

log = Logger()
FORM = LineForm(
    log,
    "a request",
    constant={"service": "test", "allow": True},
    usual=("host", "reasons"),
    particular=("referer",),
    numbers={"duration": "%.1f", "size": "%d"},
)
USUAL: tuple[str | tuple[str, ...], ...] = ("app.example.com", ("user-ok", "email-ok"))
NUMBERS = (12.5, 42)


def write(path: str = "/path", usual: tuple[str | tuple[str, ...], ...] = USUAL) -> None:
    """
    Write a line.
    """
    FORM.write(FORM.usual(*usual), FORM.particular(path.encode("latin-1"), "beside"), "request-1", NUMBERS)


class LinesTestCase(SynchronousTestCase):
    """
    A log that is written by `logs.JsonLines`.
    """

    def setUp(self) -> None:
        """
        Nothing is written yet.
        """
        self.clock = Clock()
        self.text = StringIO()
        self.threshold = logs.Threshold()
        self.output = logs.JsonLines(self.text, self.threshold)
        lines.start(self.clock, self.output)
        self.addCleanup(lines.stop)

    def written(self) -> list[dict[str, Any]]:
        """
        What is in the log.
        """
        return [json.loads(line) for line in self.text.getvalue().splitlines()]


class LineFormTests(LinesTestCase):
    """
    One line for each request.
    """

    def test_same_as_the_event(self) -> None:
        """
        A line says what the event would have said, whatever is in it.
        """
        odd = ["/path", 'ä\u2028\x00"\\%s', "x" * 9_000, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.c2ln", "", "\ud800"]
        path = '/ä\x00"\\%s'
        for text in odd:
            for value in ((), ("user-ok",), ("user-ok", "ä"), "text", ""):
                with self.subTest(text=text[:20], value=value):
                    self.text.truncate(0)
                    self.text.seek(0)
                    write(path, usual=(text, value))
                    self.output.flush()
                    (line,) = self.written()
                    lines.stop()
                    with capturedLogs() as events:
                        write(path, usual=(text, value))
                    lines.start(self.clock, self.output)
                    (event,) = events
                    expected = json.loads(logs.json_line(event))
                    self.assertRegex(line.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
                    del expected["time"]
                    self.assertEqual(line, expected)

    def test_time(self) -> None:
        """
        A line has the time at which it was written, as the other lines have it.
        """
        publisher = LogPublisher(self.output)
        write()
        publisher({"log_level": LogLevel.info, "log_time": 0.0, "log_format": "epoch", "log_namespace": "x"})
        line, other = self.written()
        self.assertEqual(len(line["time"]), len(other["time"]))
        self.assertGreater(line["time"], other["time"])

    def test_threshold(self) -> None:
        """
        Nothing is written that is not grave enough, from the moment at which that is decided.
        """
        write("/ping")
        write()
        self.threshold.set("error")
        write("/unheard")
        self.threshold.set("debug")
        write("/healthz")
        self.output.flush()
        self.assertEqual(
            [(line["level"], line["path"]) for line in self.written()], [("info", "/path"), ("debug", "/healthz")]
        )

    def test_no_secret_has_a_place(self) -> None:
        """
        There is no form with a field that is never to be shown.
        """
        for fields in ({"usual": ("cookie",)}, {"numbers": {"id_token": "%d"}}, {"constant": {"code": "1"}}):
            with self.subTest(fields=fields):
                given: dict[str, Any] = {"usual": (), **fields}
                self.assertRaises(ValueError, LineForm, log, "message", **given)


class RequestLinesTests(LinesTestCase):
    """
    When lines are written.
    """

    def test_soon(self) -> None:
        """
        A line waits for others, but not for long, and nothing is left on the clock afterwards.
        """
        write()
        self.assertEqual(self.written(), [])
        self.clock.advance(FLUSH_SECONDS)
        self.assertEqual(len(self.written()), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many(self) -> None:
        """
        Many lines are written at once, without waiting, in their order, and each once.
        """
        for number in range(200):
            write(f"/{number}")
        self.assertGreaterEqual(len(self.written()), 128)
        self.clock.advance(FLUSH_SECONDS)
        self.assertEqual([line["path"] for line in self.written()], [f"/{number}" for number in range(200)])

    def test_in_order_with_events(self) -> None:
        """
        An event is written after the lines before it, and takes them along.
        """
        publisher = LogPublisher(self.output)
        write("/before")
        publisher({"log_level": LogLevel.warn, "log_time": 0.0, "log_format": "an event", "log_namespace": "x"})
        write("/after")
        self.clock.advance(FLUSH_SECONDS)
        self.assertEqual(
            [line.get("path", line["message"]) for line in self.written()], ["/before", "an event", "/after"]
        )

    def test_stop(self) -> None:
        """
        What waits is written at the end, and what comes later is an event.
        """
        write()
        lines.stop()
        self.assertEqual(len(self.written()), 1)
        with capturedLogs() as events:
            write()
        self.assertEqual((len(events), len(self.written())), (1, 1))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_taken_after_the_stop(self) -> None:
        """
        Whoever still hands lines to the same output has them written when they say so.
        """
        lines.stop()
        self.output.add(('{"a": ', "1}\n"))
        self.assertEqual((self.written(), self.clock.getDelayedCalls()), ([], []))
        self.output.flush()
        self.assertEqual(self.written(), [{"a": 1}])

    def test_another_log(self) -> None:
        """
        Where something else writes the log, lines are events.
        """
        lines.start(self.clock, None)
        with capturedLogs() as events:
            write()
        self.assertEqual([event["path"] for event in events], ["/path"])
