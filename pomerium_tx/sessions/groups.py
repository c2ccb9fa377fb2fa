"""
Which positions of a log belong together, in little memory.
"""

from __future__ import annotations

Group = tuple[str, str]
"""
A kind and a name.
"""


class Groups:
    """
    Lists of positions by group, each in order.

    Nearly every list has one member, and there may be a million: a lone member is kept as itself.
    """

    def __init__(self) -> None:
        self._members: dict[str, dict[str, int | list[int]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._members.values()))

    def __contains__(self, group: Group) -> bool:
        kind, name = group
        return name in self._members.get(kind, ())

    def add(self, group: Group, *positions: int) -> None:
        """
        Put positions into a group, which need not have been there.
        """
        kind, name = group
        names = self._members.setdefault(kind, {})
        known = names.get(name)
        if known is None and len(positions) == 1:
            names[name] = positions[0]
        elif isinstance(known, list):
            known.extend(positions)
        else:
            names[name] = [*self.of(group), *positions]

    def of(self, group: Group) -> list[int]:
        """
        The positions in a group.
        """
        kind, name = group
        known = self._members.get(kind, {}).get(name, [])
        return list(known) if isinstance(known, list) else [known]

    def remove(self, group: Group, position: int) -> None:
        """
        Take a position out of a group, which stays.
        """
        kind, name = group
        others = [other for other in self.of(group) if other != position]
        self._members[kind][name] = others[0] if len(others) == 1 else others

    def pop(self, group: Group) -> list[int]:
        """
        Forget a group; the positions that were in it.
        """
        kind, name = group
        found = self.of(group)
        self._members.get(kind, {}).pop(name, None)
        return found
