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

from pomerium_tx import logs
from pomerium_tx.remembered import remembering

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

    def stop(self) -> None:
        """
        Have written what waits, and make events again.
        """
        if self._flush is not None:
            self._flush.cancel()
            self._come()
        self._clock = self.output = None

    def add(self, line: str) -> None:
        """
        Have `output` write one line, after all that came before.
        """
        assert self.output is not None and self._clock is not None
        self.output.add(line)
        if self._flush is None:
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


class LineForm:
    """
    One kind of line: what many have in common, a path, the id of the request, and numbers.

    :param message: What the line says; without braces.
    :param constant: The fields that always say the same.
    :param usual: The names of the fields whose values come again and again, all of them together: see `usual`.
    :param numbers: The fields with numbers, and how each number is written.
    """

    def __init__(
        self,
        log: Logger,
        message: str,
        *,
        constant: Mapping[str, object] = MappingProxyType({}),
        usual: Sequence[str],
        numbers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._log = log
        self._message = message
        self._constant = constant
        self._names = (*usual, "path", "request_id", *numbers)
        if any(map(logs.is_confidential, (*constant, *self._names))):
            raise ValueError("no line shows this")
        said = "".join([f"{_named(name)}{logs.as_json(value)}, " for name, value in constant.items()])
        self._before = f'", "message": {logs.as_json(message)}, {said}'
        self._usual = tuple(map(_named, usual))
        self._numbers = tuple(numbers.values())
        self._end = '"' + "".join([f", {_named(name)}{form}" for name, form in numbers.items()]) + "}"

    def usual(self, *values: str | tuple[str, ...]) -> Usual:
        """
        The values of the usual fields, for whoever writes many lines with the same ones.
        """
        said = "".join([f"{name}{_text(value)}, " for name, value in zip(self._usual, values, strict=True)])
        return Usual(values, f"{self._before}{said}{_named('path')}")

    def write(self, level: LogLevel, usual: Usual, path: str, request_id: str, numbers: tuple[float, ...] = ()) -> None:
        """
        Write a line.

        :param request_id: Ours: it is written as it is.
        :param numbers: In the order of their names; finite.
        """
        output = lines.output
        if output is None:
            written = [json.loads(form % number) for form, number in zip(self._numbers, numbers, strict=True)]
            fields = dict(zip(self._names, (*usual.values, path, request_id, *written), strict=True))
            self._log.emit(level, self._message, **self._constant, **fields)
        elif output.admits(level):
            when, end = _timestamp(int(time.time() * 1000)), self._end % numbers
            # The quickest way [measured: a third of what a template for all of it takes].
            lines.add("".join((_LEVELS[level], when, usual.text, _text(path), _REQUEST_ID, request_id, end)))


_text: Callable[[str | tuple[str, ...]], str] = remembering(logs.as_json, entries=_REMEMBERED, longest=_MOST_REMEMBERED)


def _named(name: str) -> str:
    return f'"{name.replace("_", "-")}": '


_LEVELS: Final = {level: f'{{"level": "{level.name}", "time": "' for level in LogLevel.iterconstants()}
_REQUEST_ID: Final = f', {_named("request_id")}"'


@lru_cache(maxsize=2)
def _timestamp(milliseconds: int) -> str:
    whole, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(whole, UTC).isoformat()[:19]}.{rest:03d}Z"
