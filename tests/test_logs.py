"""
Tests of `pomerium_tx.logs`.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python import monkey
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pomerium_tx import logs


class Unprintable:
    """
    An object that cannot say what it is.
    """

    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__


class Endless(Exception):
    """
    An exception whose text cannot be had.
    """

    def __str__(self) -> str:
        raise RecursionError


def parsed(line: str) -> dict[str, object]:
    """
    The one object in *line*.
    """
    return cast(dict[str, object], json.loads(line))


class JsonLineTests(SynchronousTestCase):
    """
    What one event becomes.
    """

    def setUp(self) -> None:
        self.output = io.StringIO()
        self.threshold = logs.Threshold()
        self.publisher = LogPublisher(logs.JsonLines(self.output, self.threshold))
        self.log = Logger(namespace="pomerium_tx.proxy.exchanges.exchange", observer=self.publisher)

    def line(self) -> dict[str, object]:
        """
        The one line that was written.
        """
        (line,) = self.output.getvalue().splitlines()
        return parsed(line)

    def test_fields(self) -> None:
        """
        A line says when, how grave, what and by whom, and has the event's fields with dashes.
        """
        self.log.warn("The upstream of {route_id} is {what}", route_id="r1", what="slow", response_code=504, size=None)
        line = self.line()
        moment = datetime.fromisoformat(str(line.pop("time")))
        self.assertLess(abs((datetime.now(UTC) - moment).total_seconds()), 60)
        self.assertEqual(
            line,
            {
                "level": "warn",
                "message": "The upstream of r1 is slow",
                "service": "proxy",
                "route-id": "r1",
                "what": "slow",
                "response-code": 504,
                "size": None,
            },
        )

    def test_time_is_utc(self) -> None:
        """
        Times are RFC 3339 in UTC.
        """
        line = parsed(logs.json_line({"log_time": 1700000000.25, "log_level": LogLevel.info}))
        self.assertEqual(line["time"], "2023-11-14T22:13:20.250Z")

    def test_service_can_be_named(self) -> None:
        """
        An event says itself for which service it speaks, where that is not its room.
        """
        self.log.info("session_ended", service="audit")
        self.assertEqual((self.line()["service"], self.line()["message"]), ("audit", "session_ended"))

    def test_other_programs_events(self) -> None:
        """
        What Twisted logs in its older way has the same form.
        """
        event = {"message": ("hello",), "system": "-", "isError": 0, "time": 1.0, "log_format": "{log_text}"}
        line = parsed(logs.json_line({**event, "log_text": "hello", "log_namespace": "log_legacy", "log_time": 1.0}))
        self.assertEqual(set(line), {"level", "time", "message", "service"})
        self.assertEqual(line["message"], "hello")

    def test_failure(self) -> None:
        """
        A failure is told with its traceback, in the same line.
        """
        try:
            raise ValueError("broken\nin two")
        except ValueError:
            self.log.failure("It failed", Failure())
        line = self.line()
        self.assertEqual((line["level"], line["error"]), ("critical", "ValueError: broken\nin two"))
        self.assertIn("test_failure", str(line["traceback"]))

    def test_failure_without_words(self) -> None:
        """
        A failure whose exception cannot be printed still makes a line.
        """
        self.log.failure("It failed", Failure(Endless()))
        self.assertEqual(self.line()["message"], "It failed")

    def test_odd_values(self) -> None:
        """
        No value breaks a line: what JSON cannot say is said in words, and long things are cut.
        """
        recursive: list[object] = []
        recursive.append(recursive)
        odd: list[tuple[object, object]] = [
            (float("nan"), "nan"),
            (float("inf"), "inf"),
            (10**5000, "[large number]"),
            (b"a\xff\n", "a\\xff\n"),
            (Unprintable(), "[unprintable]"),
            ("\ud800\u2028", "\ud800\u2028"),
            (("a", 1, None), ["a", 1, None]),
            (frozenset({"x"}), ["x"]),
            ({"GET r1": 2}, {"GET r1": 2}),
        ]
        for value, shown in odd:
            with self.subTest(repr(type(value))):
                line = logs.json_line({"log_format": "x", "value": value})
                self.assertEqual(len(line.splitlines()), 1)
                self.assertEqual(parsed(line)["value"], shown)
        line = logs.json_line({"log_format": "{value}{other.nothing}", "value": recursive, "other": object()})
        self.assertIn("value", parsed(line))
        long = parsed(logs.json_line({"log_format": "x", "value": "x" * 100_000, "object": [object()] * 5000}))
        self.assertLess(len(json.dumps(long)), 40_000)

    def test_format_that_does_not_fit(self) -> None:
        """
        A message that asks for a field that is not there is still a line.
        """
        self.log.info("{nothing} here")
        self.assertIn("nothing", str(self.line()["message"]))

    @settings(max_examples=150, deadline=None)
    @given(
        st.dictionaries(
            st.text(max_size=12),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=8,
            ),
        )
    )
    def test_any_event_is_one_line(self, event: dict[str, object]) -> None:
        """
        Whatever is logged, a line is one JSON object in ASCII.
        """
        line = logs.json_line(event)
        self.assertTrue(line.isascii())
        self.assertEqual(len(line.splitlines()), 1)
        self.assertIsInstance(parsed(line), dict)

    def test_levels(self) -> None:
        """
        Nothing below the configured level is written, and nothing at all when logging is disabled.
        """
        for level, written in (("debug", 4), ("info", 3), ("warn", 2), ("error", 1), ("disabled", 0)):
            with self.subTest(level):
                self.output.truncate(self.output.seek(0))
                self.threshold.set(level)
                for name in ("debug", "info", "warn", "error"):
                    self.log.emit(LogLevel.lookupByName(name), "x")
                self.assertEqual(len(self.output.getvalue().splitlines()), written)


class RedactionTests(SynchronousTestCase):
    """
    What is never written.
    """

    SECRET = "planted-7a1f"
    JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"

    def test_the_search_finds_what_is_not_hidden(self) -> None:
        """
        These tests would notice a secret: in a harmless field it is there.
        """
        self.assertIn(self.SECRET, logs.json_line({"log_format": "x", "user": self.SECRET}))

    def test_confidential_fields(self) -> None:
        """
        A field named for a secret is not written, as itself, inside another or through the message.
        """
        for name in (
            "token",
            "access_token",
            "id_token_hint",
            "cookie",
            "set_cookie",
            "Set-Cookie",
            "code",
            "state",
            "nonce",
            "code_verifier",
            "client_secret",
            "authorization",
            "proxy-authorization",
            "password",
            "query",
            "body",
            "handle",
            "signing_key",
        ):
            with self.subTest(name):
                self.assertNotIn(self.SECRET, logs.json_line({"log_format": "x", name: self.SECRET}))
                self.assertNotIn(self.SECRET, logs.json_line({"log_format": "x", "inner": {name: self.SECRET}}))
                self.assertNotIn(self.SECRET, logs.json_line({"log_format": f"{{{name}}}", name: self.SECRET}))

    def test_harmless_fields(self) -> None:
        """
        Names that only resemble those of secrets are written.
        """
        for name in ("response_code", "tokens_to_revoke", "session_id", "path", "kid", "route_id", "key", "receipt"):
            with self.subTest(name):
                self.assertIn(self.SECRET, logs.json_line({"log_format": "x", name: self.SECRET}))

    def test_tokens_anywhere(self) -> None:
        """
        A signed token is cut out of every text, also of messages and tracebacks.
        """
        events: list[dict[str, object]] = [
            {"log_format": "x", "path": f"/a?x={self.JWT}&y"},
            {"log_format": f"Refused {self.JWT}"},
            {"log_format": "x", "inner": {"a": [self.JWT.encode()]}},
            {"log_format": "x", "log_failure": Failure(ValueError(self.JWT))},
            {"log_format": "x", "object": {self.JWT: object()}},
        ]
        for event in events:
            with self.subTest(str(event)):
                line = logs.json_line(event)
                self.assertNotIn(self.JWT.split(".")[1], line)
                self.assertIn(logs.REDACTED, line)


class JsonLinesTests(SynchronousTestCase):
    """
    The factory for ``twistd --logger``.
    """

    def setUp(self) -> None:
        self.output = io.StringIO()
        self.patch(sys, "stdout", self.output)
        self.patch(logs, "_in_use", None)

    def test_writes_to_what_standard_output_was(self) -> None:
        """
        The observer keeps the real standard output: Twisted makes ``sys.stdout`` a log when logging begins.
        """
        observer = logs.json_lines()
        self.patch(sys, "stdout", io.StringIO())
        observer({"log_format": "hello"})
        self.assertEqual(parsed(self.output.getvalue())["message"], "hello")

    def test_full_disk(self) -> None:
        """
        Who writes a line that cannot be written goes on all the same, and the next line is written if it can be.
        """
        broken = io.StringIO()
        observer = logs.JsonLines(broken, logs.threshold)
        with monkey.MonkeyPatcher((broken, "write", lambda text: os.write(-1, b""))):
            observer({"log_format": "lost"})
        observer({"log_format": "found"})
        self.assertEqual(parsed(broken.getvalue())["message"], "found")

    def test_is_an_observer(self) -> None:
        """
        Twisted accepts it.
        """
        self.assertTrue(verifyObject(logs.ILogObserver, logs.json_lines()))

    def test_follows_the_configured_level(self) -> None:
        """
        Observers made before the configuration is read obey it afterwards.
        """
        self.addCleanup(logs.threshold.set, "info")
        observer = logs.json_lines()
        logs.threshold.set("error")
        observer({"log_format": "quiet", "log_level": LogLevel.info})
        observer({"log_format": "loud", "log_level": LogLevel.error})
        self.assertEqual(parsed(self.output.getvalue())["message"], "loud")


class JsonLinesInTwistdLogTests(SynchronousTestCase):
    """
    The factory for a daemon.
    """

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.patch(logs, "_in_use", None)
        self.handlers: dict[int, object] = {}
        self.patch(signal, "signal", self.handlers.__setitem__)
        self.patch(signal, "getsignal", lambda number: self.handlers.get(number, signal.SIG_DFL))

    def messages(self, name: str = "twistd.log") -> list[object]:
        """
        What is in a log file.
        """
        return [parsed(line)["message"] for line in (self.folder / name).read_text("utf-8").splitlines()]

    def test_file(self) -> None:
        """
        Lines go to ``twistd.log`` in the folder where the observer was made, after those that are there.
        """
        (self.folder / "twistd.log").write_text('{"message": "before"}\n')
        observer = logs.json_lines_in_twistd_log()
        os.chdir(self.folder.parent)
        observer({"log_format": "hello"})
        self.assertEqual(self.messages(), ["before", "hello"])
        self.assertTrue(verifyObject(logs.ILogObserver, observer))

    def test_rotation(self) -> None:
        """
        After SIGUSR1 the next line begins a new file, and the old one is kept; nothing is lost.
        """
        observer = logs.json_lines_in_twistd_log()
        observer({"log_format": "one"})
        handler = self.handlers[signal.SIGUSR1]
        assert callable(handler)
        handler(signal.SIGUSR1, None)
        observer({"log_format": "two"})
        observer({"log_format": "three"})
        self.assertEqual((self.messages("twistd.log.1"), self.messages()), (["one"], ["two", "three"]))

    def test_somebody_else_s_signal(self) -> None:
        """
        Who handles SIGUSR1 already goes on doing so.
        """
        self.handlers[signal.SIGUSR1] = "somebody else's"
        logs.json_lines_in_twistd_log()
        self.assertEqual(self.handlers, {signal.SIGUSR1: "somebody else's"})

    def test_level(self) -> None:
        """
        The configured level holds here too.
        """
        self.addCleanup(logs.threshold.set, "info")
        observer = logs.json_lines_in_twistd_log()
        logs.threshold.set("error")
        observer({"log_format": "quiet", "log_level": LogLevel.info})
        self.assertEqual(self.messages(), [])
