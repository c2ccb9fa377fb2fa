"""
Which sessions belong to one name, in little memory.
"""

from __future__ import annotations


class Index:
    """
    Sets of session ids by issuer and name.

    Nearly every set has one member, and a Python set takes 200 bytes: a lone member is kept as itself.
    """

    def __init__(self) -> None:
        self._members: dict[str, dict[str, str | set[str]]] = {}

    def add(self, iss: str, name: str, session_id: str) -> None:
        """
        Put a session under a name; more than once is once.
        """
        names = self._members.setdefault(iss, {})
        known = names.get(name)
        if known is None:
            names[name] = session_id
        elif isinstance(known, set):
            known.add(session_id)
        elif known != session_id:
            names[name] = {known, session_id}

    def discard(self, iss: str, name: str, session_id: str) -> None:
        """
        Take a session away from a name, if it is there.
        """
        names = self._members.get(iss, {})
        known = names.get(name)
        if isinstance(known, set):
            known.discard(session_id)
            if len(known) == 1:
                names[name] = known.pop()
        elif known == session_id:
            del names[name]
            if not names:
                del self._members[iss]

    def get(self, iss: str, name: str) -> frozenset[str]:
        """
        The sessions under a name.
        """
        known = self._members.get(iss, {}).get(name)
        if known is None:
            return frozenset()
        return frozenset(known) if isinstance(known, set) else frozenset((known,))

    def __len__(self) -> int:
        return sum(len(names) for names in self._members.values())
