"""
Bytes that have come and are not read yet.
"""

from __future__ import annotations

from collections import deque


class Held:
    """
    A queue of bytes, read in pieces of a bounded size.
    """

    __slots__ = ("_pieces", "size")

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self.size = 0

    def add(self, data: bytes) -> None:
        """
        *data* has come.
        """
        self._pieces.append(data)
        self.size += len(data)

    def take(self, most: int) -> bytes:
        """
        The next bytes, at most *most*, and none only when there are none.
        """
        if not self._pieces:
            return b""
        piece = self._pieces.popleft()
        if len(piece) > most:
            self._pieces.appendleft(piece[most:])
            piece = piece[:most]
        self.size -= len(piece)
        return piece

    def take_all(self) -> bytes:
        """
        Everything.
        """
        everything = b"".join(self._pieces)
        self.clear()
        return everything

    def clear(self) -> None:
        """
        Forget everything.
        """
        self._pieces.clear()
        self.size = 0
