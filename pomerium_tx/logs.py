"""
Log lines: one JSON object each, of scalar fields, without secrets.

``twistd --logger pomerium_tx.logs.json_lines`` writes them; the ``pomerium`` plugin does so by itself unless the
command line asks for another log.

A line has ``level``, ``time`` (RFC 3339, UTC), ``message``, ``service`` and the event's own fields, whose names are
written with ``-`` for ``_``; of a failure also ``error`` and ``traceback``.
"""

from __future__ import annotations

import json
import math
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from types import FrameType, MappingProxyType
from typing import Final, TextIO, cast

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile
from zope.interface import implementer

ACCESS: Final = "http-request"
AUTHORIZE: Final = "authorize check"
SESSION_BEGUN: Final = "session_begun"
SESSION_ENDED: Final = "session_ended"
"""
The messages that other programs look for; what else is logged is for people.
"""

REDACTED: Final = "[redacted]"
_CONFIDENTIAL: Final = re.compile(
    r"(?:.*_)?(?:authorization|body|cookies?|credentials?|csrf|handle|jwt|passwords?|query|secrets?|signature|tokens?"
    r"|verifier)|(?:id_token|logout_token)_.*|code|nonce|state|signing_key"
)
_COUNTS: Final = frozenset({"tokens_to_revoke"})
# Header and payload of a JWT both begin with `{"`; three segments, the last may be empty.
_JWT_BEGINS: Final = "eyJ"
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]{6,}\.eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*")

_MOST_WAITING: Final = 320
"""
Parts of lines: a line of a request has five.
"""
_MAX_TEXT: Final = 8192
_MAX_TRACEBACK: Final = 32768
_MAX_REPR: Final = 256
_MAX_ITEMS: Final = 100
_MAX_DEPTH: Final = 3
# What Twisted itself puts into events, most of it for `twisted.python.log`.
_NOT_OURS: Final = frozenset(
    {"format", "isError", "why", "failure", "system", "time", "message", "level", "service", "error", "traceback"}
)
_LEVELS: Final[Mapping[str, int]] = {
    "trace": 0,
    "debug": 0,
    "info": 1,
    "warn": 2,
    "error": 3,
    "fatal": 4,
    "panic": 4,
    "disabled": 5,
}
_RANKS: Final[Mapping[LogLevel, int]] = {level: rank for rank, level in enumerate(LogLevel.iterconstants())}


class Threshold:
    """
    What is grave enough to be written; everything from ``info`` on, until the configuration says otherwise.
    """

    def __init__(self) -> None:
        self.admitted: frozenset[LogLevel]
        """
        The levels of which events are written.
        """
        self.set("info")

    def set(self, log_level: str) -> None:
        """
        Write from *log_level* on, in Pomerium's words.
        """
        self.admitted = frozenset(level for level, rank in _RANKS.items() if rank >= _LEVELS[log_level])

    def admits(self, level: LogLevel | None) -> bool:
        """
        Whether events of *level* are written; one without a level of Twisted's is information.
        """
        return (level if level in _RANKS else LogLevel.info) in self.admitted


threshold: Final = Threshold()
"""
That of this process: observers are made before the configuration is read.
"""


@lru_cache(maxsize=4096)
def is_confidential(name: str) -> bool:
    """
    Whether a field of this name is never written, whatever it holds.
    """
    folded = name.lower().replace("-", "_")
    return folded not in _COUNTS and _CONFIDENTIAL.fullmatch(folded) is not None


def json_lines() -> ILogObserver:
    """
    An observer that writes to standard output; for ``twistd --logger``.
    """
    # Taken now: once logging has begun, sys.stdout is itself a log.
    return _of_this_process(JsonLines(sys.stdout, threshold))


def json_lines_in_twistd_log() -> ILogObserver:
    """
    An observer that writes to ``twistd.log`` in the working directory, as a daemon does that is told of no other log.

    The file is rotated as twistd rotates it: when it has grown long, and on ``SIGUSR1``.
    """
    log_file = _TwistdLog(os.path.abspath("twistd.log"))
    if not signal.getsignal(signal.SIGUSR1):
        signal.signal(signal.SIGUSR1, log_file.ask_for_rotation)
    return _of_this_process(JsonLines(cast(TextIO, log_file), threshold))  # it has what is used of one


def in_use() -> JsonLines | None:
    """
    What writes the log of this process, if it is one of ours.
    """
    return _in_use


def _of_this_process(observer: JsonLines) -> JsonLines:
    global _in_use
    _in_use = observer
    return observer


class _TwistdLog:
    def __init__(self, path: str) -> None:
        self._file = LogFile.fromFullPath(path)  # type: ignore[no-untyped-call] # Twisted's own
        self._is_rotation_due = False

    def ask_for_rotation(self, signal_number: int, frame: FrameType | None) -> None:
        # A signal may come in the middle of a line.
        self._is_rotation_due = True

    def write(self, line: str) -> None:
        if self._is_rotation_due:
            self._is_rotation_due = False
            self._file.rotate()
        self._file.write(line)

    def flush(self) -> None:
        self._file.flush()


@implementer(ILogObserver)
class JsonLines:
    """
    Writes each event as one line of JSON.
    """

    def __init__(self, output: TextIO, threshold: Threshold) -> None:
        self._output = output
        self._waiting: list[str] = []
        self.threshold = threshold
        self.has_begun_to_wait: Callable[[], None] = lambda: None
        """
        Called when a line waits and none did before, so that somebody calls `flush` in time.
        """

    def __call__(self, event: LogEvent) -> None:
        if self.threshold.admits(event.get("log_level")):
            self._waiting += (json_line(event), "\n")
            self.flush()

    def add(self, parts: tuple[str, ...]) -> None:
        """
        Take a line in parts, the last of which ends it. It is written when `flush` is called, an event comes, or many
        are waiting.
        """
        # Put together once, with all others: to do so line by line would be to copy each twice.
        waiting = self._waiting
        is_first = not waiting
        waiting += parts
        if is_first:
            self.has_begun_to_wait()
        elif len(waiting) >= _MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """
        Write all that was taken.
        """
        if self._waiting:
            text = "".join(self._waiting)
            self._waiting.clear()
            try:
                self._output.write(text)
                self._output.flush()
            except OSError:
                # A disk that is full, or a reader that has gone: who asks is answered all the same.
                pass


_in_use: JsonLines | None = None


def json_line(event: LogEvent) -> str:
    """
    *event* as JSON, in ASCII and without a line break, whatever is in it.
    """
    fields: dict[str, object] = {
        "level": getattr(event.get("log_level"), "name", "info"),
        "time": _time(event.get("log_time")),
        "message": _text(_message(event), _MAX_TEXT),
        "service": _text(_service(event), _MAX_REPR),
    }
    for name, value in event.items():
        if name.startswith("log_") or name in _NOT_OURS:
            continue
        fields[name.replace("_", "-")] = REDACTED if is_confidential(name) else _plain(value)
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        fields["error"] = _text(_attempt(lambda: _error(failure)), _MAX_TEXT)
        fields["traceback"] = _text(_attempt(failure.getTraceback), _MAX_TRACEBACK)
    return json.dumps(fields, allow_nan=False)


def _error(failure: Failure) -> str:
    name = "Unknown" if failure.type is None else failure.type.__name__
    return f"{name}: {failure.getErrorMessage()}"


def _message(event: LogEvent) -> str:
    constant = event.get("log_format")
    if isinstance(constant, str) and "{" not in constant and "}" not in constant:
        return constant
    return _attempt(lambda: formatEvent(_without_secrets(event)))


def _without_secrets(event: LogEvent) -> LogEvent:
    return {
        name: REDACTED if not name.startswith("log_") and is_confidential(name) else value
        for name, value in event.items()
    }


def _service(event: LogEvent) -> str:
    service = event.get("service")
    if isinstance(service, str):
        return service
    namespace = str(event.get("log_namespace") or event.get("log_system") or "")
    first, _, rest = namespace.partition(".")
    return rest.partition(".")[0] if first == "pomerium_tx" and rest else first


def _time(seconds: object) -> str:
    try:
        moment = datetime.fromtimestamp(seconds if isinstance(seconds, float) else float(str(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        moment = datetime.now(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(value: object) -> str:
    """
    The value of a field, as it is in a line.
    """
    # The kinds that nearly all values are, without what the others need.
    kind = type(value)
    if kind is str and len(value) <= _MAX_TEXT and _JWT_BEGINS not in value:  # type: ignore[arg-type, operator]
        return encode_basestring_ascii(value)  # type: ignore[arg-type]
    if kind is int and -(2**31) < value < 2**31:  # type: ignore[operator]
        return repr(value)
    if kind is float and math.isfinite(value):  # type: ignore[arg-type]
        return repr(value)
    return json.dumps(_plain(value), allow_nan=False)


def _plain(value: object, depth: int = 0) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        # Beyond this, readers of JSON lose digits, and Python refuses to write very many.
        return int(value) if abs(value) < 2**63 else "[large number]"
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _text(str(value), _MAX_TEXT)
    if isinstance(value, bytes | bytearray):
        return _text(bytes(value[:_MAX_TEXT]).decode("utf-8", "backslashreplace"), _MAX_TEXT)
    if depth < _MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth + 1) for item in list(value)[:_MAX_ITEMS]]
    if depth < _MAX_DEPTH and isinstance(value, dict | MappingProxyType):
        return {
            _text(str(name), _MAX_REPR): REDACTED if is_confidential(str(name)) else _plain(item, depth + 1)
            for name, item in list(value.items())[:_MAX_ITEMS]
        }
    return _text(_attempt(lambda: repr(value)), _MAX_REPR)


def _text(text: str, limit: int) -> str:
    shown = text[: 4 * limit]
    if _JWT_BEGINS in shown:
        shown = _JWT.sub(REDACTED, shown)
    return shown if len(shown) <= limit else shown[:limit] + "..."


def _attempt(say: Callable[[], str]) -> str:
    try:
        return str(say())
    except Exception:  # noqa: BLE001 - what cannot say what it is must not cost the line that tells of it
        return "[unprintable]"
