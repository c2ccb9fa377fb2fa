"""
What a worker writes, in the log of its parent.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from twisted.logger import InvalidLogLevelError, Logger, LogLevel

from pomerium_tx import logs

log = Logger()

LONGEST = 1 << 20
"""
Bytes: what is longer and has no end is no line.
"""
_GIVEN = frozenset({"time", "message", "service"})


class Lines:
    """
    Lines of a stream of bytes, as they become complete.

    :param take: Told those that came together.
    """

    def __init__(self, take: Callable[[list[str]], object]) -> None:
        self._take = take
        self._rest = b""

    def add(self, content: bytes) -> None:
        """
        More has come.
        """
        whole, newline, rest = content.rpartition(b"\n")
        if not newline:
            self._rest += content
            if len(self._rest) > LONGEST:
                self.end()
            return
        lines, self._rest = self._rest + whole, rest
        self._give(lines)

    def end(self) -> None:
        """
        Nothing more comes.
        """
        rest, self._rest = self._rest, b""
        if rest:
            self._give(rest)

    def _give(self, content: bytes) -> None:
        self._take([line for line in content.decode("utf-8", "replace").split("\n") if line])


def pass_on(lines: list[str]) -> None:
    """
    Have lines of a worker's log in ours: as they are where ours is of such lines too, otherwise as events.
    """
    observer = logs.in_use()
    for line in lines:
        # Not taken apart where it can stay as it is: there is one for each request.
        if not (line.startswith('{"') and line.endswith("}")):
            say_of_worker([line])
        elif observer is None:
            _emit(line)
        else:
            observer.add((line, "\n"))
    if observer is not None:
        observer.flush()


def say_of_worker(lines: list[str]) -> None:
    """
    Have in our log what a worker did not mean to be in its log, such as the last words of its interpreter.
    """
    for line in lines:
        log.warn("A worker says: {line}", line=line)


def _emit(line: str) -> None:
    try:
        fields = json.loads(line)
        level = LogLevel.lookupByName(fields.pop("level", "info"))
    except (ValueError, TypeError, InvalidLogLevelError):
        say_of_worker([line])
        return
    more = {name.replace("-", "_"): value for name, value in fields.items() if name not in _GIVEN}
    # What stands in braces has been filled in already.
    log.emit(level, "{worker_message}", worker_message=fields.get("message", ""), **more)
