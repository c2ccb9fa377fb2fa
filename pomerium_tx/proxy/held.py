"""
Bytes that have come and are not read yet.
"""

from __future__ import annotations


class Held:
    """
    A queue of bytes, read in pieces of a bounded size; it takes as much memory as there are bytes, however they came.
    """

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def size(self) -> int:
        """
        How many there are.
        """
        return len(self._bytes)

    def add(self, data: bytes) -> None:
        """
        *data* has come.
        """
        self._bytes += data

    def take(self, most: int) -> bytes:
        """
        The next bytes, at most *most*, and none only when there are none.
        """
        piece = bytes(self._bytes[:most])
        del self._bytes[:most]
        return piece

    def take_all(self) -> bytes:
        """
        Everything.
        """
        return self.take(len(self._bytes))

    def clear(self) -> None:
        """
        Forget everything.
        """
        self._bytes.clear()
