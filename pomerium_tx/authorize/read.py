"""
What was read of the fields of a request that may present something: worked out once for all with the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any, Final

from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.remembered import Remembered
from pomerium_tx.sessions.handle import Handles, Presented, may_name_a_session

_KEPT: Final = 1_024
_LONGEST: Final = 4_096
"""
For how many sets of these fields it is known what they present, and how many bytes each may have.
"""
_NAMES: Final = frozenset({b"cookie", b"origin", b"authorization", b"x-pomerium-authorization"})

_Fields = tuple[tuple[bytes, bytes], ...]


class Read:
    """
    What requests with the same fields of that kind present.
    """

    __slots__ = ("has_authorization", "names_one", "origins", "presented", "session_id")

    def __init__(self, presented: Presented, origins: list[bytes], *, has_authorization: bool) -> None:
        self.presented = presented
        self.origins = origins
        self.has_authorization = has_authorization
        """
        Whether there is an ``Authorization`` field, which may hold what is not for us to read.
        """
        self.names_one = len(presented.handles) <= 1 and not presented.others
        """
        Whether at most one session is named, living or not.
        """
        self.session_id = presented.handles[0].session_id if presented.handles else ""
        """
        The session that is named if only one is; none has an empty id.
        """

    def may_name_any(self, session_ids: Set[str]) -> bool:
        """
        Whether any of these sessions is named, or may be: by a token of whose session nothing is known here.
        """
        return self.has_authorization or any(
            handle.session_id in session_ids for handle in (*self.presented.handles, *self.presented.others)
        )


class Reads:
    """
    What is presented by requests, as far as it is known.
    """

    def __init__(self, handles: Handles) -> None:
        self._handles = handles
        # How many there are in one set is the reader's to bound, and how long they are is looked at before.
        self._of_fields = Remembered(self._read, entries=_KEPT, longest=_LONGEST)

    def __len__(self) -> int:
        return len(self._of_fields)

    def of(self, head: RequestHead, query: bytes | None) -> Read:
        """
        What came with a request.
        """
        if query is not None and may_name_a_session(query):
            return self._read(_fields_of(head), query)
        known: Read | None = head.derived.get(self)
        if known is None:
            fields = _fields_of(head)
            is_short = sum([len(value) for _, value in fields]) <= _LONGEST
            known = head.derived[self] = self._of_fields[fields] if is_short else self._read(fields)
        return known

    def is_over(self, derived: Mapping[object, Any], own: Iterable[bytes], session_ids: Set[str]) -> bool:
        """
        Whether a head is not likely to come again when these sessions have ended: it may name one of them, or was for a
        page of our own.

        :param derived: What was worked out from what it has in common with others.
        :param own: What it has besides.
        """
        known: Read | None = derived.get(self)
        return known is None or known.may_name_any(session_ids) or any(map(may_name_a_session, own))

    def forget(self, session_ids: Set[str]) -> None:
        """
        Keep nothing of what may name one of these sessions.
        """
        for fields in [fields for fields, known in self._of_fields.items() if known.may_name_any(session_ids)]:
            del self._of_fields[fields]

    def forget_all(self) -> None:
        """
        Keep nothing: nobody asks any more.
        """
        self._of_fields.clear()

    def _read(self, fields: _Fields, query: bytes | None = None) -> Read:
        of: dict[bytes, list[bytes]] = {name: [] for name in _NAMES}
        for name, value in fields:
            of[name].append(value)
        presented = self._handles.presented(
            cookies=of[b"cookie"],
            authorization=of[b"authorization"],
            x_pomerium_authorization=of[b"x-pomerium-authorization"],
            query=query,
        )
        return Read(presented, of[b"origin"], has_authorization=bool(of[b"authorization"]))


def _fields_of(head: RequestHead) -> _Fields:
    return tuple([(name, value) for name, _, value in head.fields if name in _NAMES])
