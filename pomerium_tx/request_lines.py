"""
The lines that every request leaves in the log: many, and all of one form.

An event for each costs more than the request itself [measured: two events 95 us, two lines 9 us]. So where the log is
written by `JsonLines`, a line is put together here and handed over as text, several at a time; where anything else
writes the log, or looks at it, a line is an event like any other.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger, LogLevel

from pomerium_tx import logs, paths
from pomerium_tx.remembered import remembering

_PROBES: Final = frozenset((paths.PING.encode(), paths.HEALTHZ.encode()))
_REMEMBERED: Final = 4_096
_MOST_REMEMBERED: Final = 256
"""
How many texts are remembered as they are in a line, and how long each may be.
"""
FLUSH_SECONDS: Final = 0.05
"""
How long a line may wait for others.
"""


class RequestLines:
    """
    Where the lines of requests go: to the observers of events, unless `start` has named somebody better.
    """

    def __init__(self) -> None:
        self.output: logs.JsonLines | None = None
        self._clock: IReactorTime | None = None
        self._flush: IDelayedCall | None = None

    def start(self, clock: IReactorTime, output: logs.JsonLines | None) -> None:
        """
        From now on hand finished lines to *output*; to nobody if the log is not written by such.
        """
        self._clock, self.output = clock, output
        if output is not None:
            output.has_begun_to_wait = self._flush_soon

    def stop(self) -> None:
        """
        Have written what waits, and make events again.
        """
        if self._flush is not None:
            self._flush.cancel()
            self._come()
        if self.output is not None:
            self.output.has_begun_to_wait = lambda: None
        self._clock = self.output = None

    def _flush_soon(self) -> None:
        if self._flush is None:
            assert self._clock is not None, "it writes since the start"
            self._flush = self._clock.callLater(FLUSH_SECONDS, self._come)

    def _come(self) -> None:
        self._flush = None
        if self.output is not None:
            self.output.flush()


lines: Final = RequestLines()
"""
Those of this process, as it has one log.
"""


@dataclass(frozen=True, slots=True)
class Usual:
    """
    Values that many lines have in common, and how they are in a line.
    """

    values: tuple[object, ...]
    text: str
    """
    What stands between the time and the path.
    """


@dataclass(slots=True)
class Particular:
    """
    Values that only lines about the same thing have in common, and how they are in a line.
    """

    level: LogLevel
    """
    How grave such lines are: probes come every few seconds, and say nothing new.
    """
    values: tuple[str, ...]
    text: str
    """
    What stands between what is usual and the request's id.
    """


class LineForm:
    """
    One kind of line: what many have in common, a path, the id of the request, and numbers.

    :param message: What the line says; without braces.
    :param constant: The fields that always say the same.
    :param usual: The names of the fields whose values come again and again, all of them together: see `usual`.
    :param particular: Those of the fields that go with the path: see `particular`.
    :param numbers: The fields with numbers, and how each number is written.
    """

    def __init__(
        self,
        log: Logger,
        message: str,
        *,
        constant: Mapping[str, object] = MappingProxyType({}),
        usual: Sequence[str],
        particular: Sequence[str] = (),
        numbers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._log = log
        self._message = message
        self._constant = constant
        self._names = (*usual, "path", *particular, "request_id", *numbers)
        if any(map(logs.is_confidential, (*constant, *self._names))):
            raise ValueError("no line shows this")
        said = "".join([f"{_named(name)}{logs.as_json(value)}, " for name, value in constant.items()])
        self._before = f'", "message": {logs.as_json(message)}, {said}'
        self._usual = tuple(map(_named, usual))
        self._particular = tuple(map(_named, particular))
        self._numbers = tuple(numbers.values())
        self._end = '"' + "".join([f", {_named(name)}{form}" for name, form in numbers.items()]) + "}\n"

    def usual(self, *values: str | tuple[str, ...]) -> Usual:
        """
        The values of the usual fields, for whoever writes many lines with the same ones.
        """
        said = "".join([f"{name}{_text(value)}, " for name, value in zip(self._usual, values, strict=True)])
        return Usual(values, f"{self._before}{said}")

    def particular(self, path: bytes, *values: str) -> Particular:
        """
        A path, and the values of the fields that go with it, for whoever writes several lines with the same ones.
        """
        shown = path.decode("latin-1")
        said = f"{_PATH}{logs.as_json(shown)}, "
        for name, value in zip(self._particular, values, strict=True):
            said += f"{name}{logs.as_json(value)}, "
        level = LogLevel.debug if path in _PROBES else LogLevel.info
        return Particular(level, (shown, *values), said + _REQUEST_ID)

    def write(self, usual: Usual, particular: Particular, request_id: str, numbers: tuple[float, ...] = ()) -> None:
        """
        Write a line.

        :param request_id: Ours: it is written as it is.
        :param numbers: In the order of their names; finite.
        """
        output = lines.output
        if output is None:
            written = [json.loads(form % number) for form, number in zip(self._numbers, numbers, strict=True)]
            fields = dict(zip(self._names, (*usual.values, *particular.values, request_id, *written), strict=True))
            self._log.emit(particular.level, self._message, **self._constant, **fields)
        elif particular.level in output.threshold.admitted:
            begin = _begin(particular.level, int(time.time() * 1000))
            output.add((begin, usual.text, particular.text, request_id, self._end % numbers))


_text: Callable[[str | tuple[str, ...]], str] = remembering(logs.as_json, entries=_REMEMBERED, longest=_MOST_REMEMBERED)


def _named(name: str) -> str:
    return f'"{name.replace("_", "-")}": '


_PATH: Final = _named("path")
_REQUEST_ID: Final = f'{_named("request_id")}"'


@lru_cache(maxsize=4)
def _begin(level: LogLevel, milliseconds: int) -> str:
    whole, rest = divmod(milliseconds, 1000)
    return f'{{"level": "{level.name}", "time": "{datetime.fromtimestamp(whole, UTC).isoformat()[:19]}.{rest:03d}Z'
