"""
Whole numbers within bounds.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """
    Reads a whole number from *least* to *most*, in quotes or not.
    """

    least: int
    most: int

    def __call__(self, value: object) -> int:
        """
        The number.

        :raises ValueError: If it is none, or out of bounds.
        """
        if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 20:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not self.least <= value <= self.most:
            raise ValueError(f"must be a whole number from {self.least} to {self.most}")
        return value
