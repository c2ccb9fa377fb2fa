"""
Which changes of a log still matter.

A log that is read from its beginning by whoever joins need not hold what no reader would notice the absence of: how
ended sessions began, values whose time is over, ends that nobody asks about any more. Everything is judged by the
times in the changes themselves, with the ledger's slack.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Final

from pomerium_tx.sessions import changed
from pomerium_tx.sessions.ending import REMEMBER_ENDED
from pomerium_tx.sessions.ends import Ends
from pomerium_tx.sessions.groups import Group, Groups
from pomerium_tx.sessions.ledger import RECENT, SLACK
from pomerium_tx.sessions.limits import Limits
from pomerium_tx.sessions.sightings import Sightings
from pomerium_tx.sessions.store import (
    Change,
    CutReported,
    NoticeDone,
    OpLogoutChanged,
    RevocationDone,
    RevocationOwed,
    RevocationsReleased,
    RouteUsed,
    SessionBegun,
    SessionRefreshed,
    SessionsEnded,
    SessionsSeen,
    UsedOnce,
    time_of,
)
from pomerium_tx.sessions.tombstones import Name, Tombstones, is_from_outside
from pomerium_tx.sessions.uses import Uses


class Retention:
    """
    Told of every change in order, says which positions can be dropped.

    Changes are kept or dropped in groups: those of one session, of one receipt, of one owed revocation.
    """

    def __init__(self, limits: Limits, log: Mapping[int, Change]) -> None:
        """
        Know of nothing.

        :param log: What is kept, by position; read, not changed.
        """
        self._log = log
        self._tombstones = Tombstones(limits)
        self._limits = limits
        self._groups = Groups()
        # Those of the sessions and those of the receipts: the others end when somebody says so.
        self._ends = {
            kind: Ends(
                lambda name, kind=kind: (kind, name) in self._groups,  # type: ignore[misc] # bound now
                lambda name, kind=kind: self._drop((kind, name)),  # type: ignore[misc]
            )
            for kind in ("session", "receipt")
        }
        # Of the receipts whose departure can be forgotten before they are.
        self._departures = Ends(lambda name: ("receipt", name) in self._groups, self._departed)
        self._receipts_until: dict[str, float] = {}
        self._refreshes: dict[str, tuple[str | None, int]] = {}
        self._raced = 0
        self._any_raced = 0
        self._arrivals: deque[tuple[int, float, tuple[str, ...]]] = deque()
        self._outside: deque[Group] = deque()
        self._uses = Uses(limits.once, lambda position: self._dropped.append(position))
        self._sightings = Sightings(limits.seen, lambda position: self._dropped.append(position))
        self._time = 0.0
        self._latest = 0.0
        self._dropped: list[int] = []
        self.folded: Final[dict[int, Change]] = {}
        """
        What takes the place of earlier changes, by position, since the last change: it says what that one said too.
        """

    def add(self, position: int, change: Change) -> list[int]:
        """
        The positions, perhaps this one among them, that nobody needs once *change* is at *position*.
        """
        self._dropped = []
        self.folded.clear()
        self._time = max(self._time, time_of(change))
        for ends in self._ends.values():
            ends.forget(self._time - SLACK)
        self._departures.forget(self._time - SLACK)
        self._uses.forget(self._time - SLACK)
        self._tombstones.forget(self._time - SLACK)
        while self._arrivals and self._arrivals[0][1] <= self._time - SLACK:
            self._arrivals.popleft()
        if isinstance(change, SessionBegun):
            self._begun(position, change)
        elif isinstance(change, SessionRefreshed):
            self._refreshed(position, change)
        elif isinstance(change, RouteUsed):
            self._route_used(position, change)
        elif isinstance(change, SessionsEnded):
            self._ended(position, change)
        elif isinstance(change, RevocationOwed):
            self._groups.add(("owed", change.owed.id), position)
        elif isinstance(change, RevocationDone):
            self._done(position, change)
        elif isinstance(change, UsedOnce):
            if not self._uses.use(position, change):
                self._dropped.append(position)
        elif isinstance(change, SessionsSeen):
            live = {name: seen for name, seen in change.seen.items() if ("session", name) in self._groups}
            self._sightings.add(position, live)
        elif isinstance(change, CutReported | OpLogoutChanged | RevocationsReleased | NoticeDone):
            self._join(("receipt", change.receipt_id), position)
        return self._dropped

    def _open(self, group: Group, position: int, expires: float) -> None:
        self._groups.add(group, position)
        kind, name = group
        self._ends[kind].put(name, expires)

    def _join(self, group: Group, position: int) -> bool:
        if group not in self._groups:
            self._dropped.append(position)
            return False
        self._groups.add(group, position)
        return True

    def _drop(self, group: Group) -> None:
        self._dropped += self._groups.pop(group)
        kind, name = group
        if kind == "session":
            self._refreshes.pop(name, None)
            self._sightings.forget(name)
        elif kind == "receipt":
            self._receipts_until.pop(name, None)

    def _begun(self, position: int, change: SessionBegun) -> None:
        session = change.session
        # The tombstone will be gone, and must not be missed.
        if self._tombstones.forbid(session, change.state_issued):
            self._dropped.append(position)
            return
        self._latest = max(self._latest, session.expires)
        # An end that came in between may name nobody, and is remembered that long.
        expires = max(session.expires, session.began + RECENT + REMEMBER_ENDED)
        self._open(("session", session.id), position, expires)
        names = (session.iss, session.browser, session.sub, *session.sids)
        self._arrivals.append((position, session.began + RECENT, names))

    def _is_forbidden(self, change: SessionRefreshed) -> bool:
        members = [self._log[position] for position in self._groups.of(("session", change.session_id))]
        if change.sid is None or not members or not isinstance(members[0], SessionBegun):
            return False
        session = members[0].session
        if not self._tombstones.forbid_sid(
            session.iss, change.sid, signed_in=session.id_token_iat, requested=change.requested
        ):
            return False
        refreshes = [member for member in members if isinstance(member, SessionRefreshed)]
        return change.sid not in (*session.sids, *(refresh.sid for refresh in refreshes))

    def _begin_of(self, session_id: str) -> SessionBegun | None:
        for position in self._groups.of(("session", session_id))[:1]:
            begun = self._log.get(position)
            if isinstance(begun, SessionBegun):
                return begun
        return None

    def _may_fold(self, group: Group) -> bool:
        """
        Whether what is said of a session now may as well have been said when it began: no end has come since of which
        only the ledger knows whom it ended.
        """
        return self._groups.of(group)[0] > self._raced

    def _fold(self, position: int, begun: SessionBegun) -> None:
        """
        Have the beginning of a session say what the change at *position* says.
        """
        self.folded[self._groups.of(("session", begun.session.id))[0]] = begun
        self._dropped.append(position)

    def _route_used(self, position: int, change: RouteUsed) -> None:
        group = ("session", change.session_id)
        begun = self._begin_of(change.session_id)
        if begun is None or not self._may_fold(group):
            self._join(group, position)
        else:
            self._fold(position, replace(begun, session=changed.used(begun.session, change)))

    def _refreshed(self, position: int, change: SessionRefreshed) -> None:
        group = ("session", change.session_id)
        if self._is_forbidden(change):
            self._dropped.append(position)
            return
        begun = self._begin_of(change.session_id)
        if begun is not None and change.sid is not None:
            self._arrivals.append((position, change.requested + RECENT, (begun.session.iss, "", "", change.sid)))
        says_no_sid = begun is not None and (change.sid is None or change.sid in begun.session.sids)
        if begun is not None and says_no_sid and change.session_id not in self._refreshes and self._may_fold(group):
            self._fold(position, replace(begun, session=changed.refreshed(begun.session, change)))
            return
        if not self._join(group, position):
            return
        earlier = self._refreshes.get(change.session_id)
        # One with the same sid takes effect whenever the earlier one did, and says all that it said, except to an end
        # in between that did not know of the earlier one.
        if earlier is not None and earlier[0] == change.sid and earlier[1] > self._raced:
            self._groups.remove(group, earlier[1])
            self._dropped.append(earlier[1])
        self._refreshes[change.session_id] = (change.sid, position)

    def _ended(self, position: int, change: SessionsEnded) -> None:
        self._tombstones.set(change)
        group = ("receipt", change.receipt_id)
        # With something recorded between the asking and the end, how its sessions came to it may say what it owes.
        has_raced = position > change.known + 1
        if has_raced:
            self._any_raced = position
        for name in change.session_ids:
            if has_raced:
                self._groups.add(group, *self._groups.pop(("session", name)))
                self._refreshes.pop(name, None)
                self._sightings.forget(name)
            else:
                self._drop(("session", name))
        ends = [tombstone.expires for tombstone in change.tombstones]
        if change.session_ids or change.departure is not None:
            ends.append(change.remember_until)
        if change.jti is not None:
            ends.append(change.jti.expires)
        if change.owed:
            ends.append(change.remember_until)
        # Whoever remembers an end has to know that it is confirmed.
        ends += [self._receipts_until.get(name, change.at) for name, _ in change.confirms]
        is_outside = is_from_outside(change) and not change.confirms
        if has_raced and self._may_end_others(change, is_outside=is_outside):
            # It may have ended sessions that it does not name, whose beginnings are kept as long as they could live.
            ends += [self._latest, change.remember_until]
            is_outside = False
            self._raced = position
        expires = self._receipts_until[change.receipt_id] = max(ends, default=change.at)
        self._open(group, position, expires)
        if change.departure is not None:
            self._departures.put(change.receipt_id, change.departure.expires)
        if is_outside:
            self._outside.append(group)
            if len(self._outside) > self._limits.outside_tombstones:
                self._drop(self._outside.popleft())

    def _may_end_others(self, change: SessionsEnded, *, is_outside: bool) -> bool:
        """
        Whether it may have ended sessions that it does not name.

        What anybody can have asked for is looked at closely, since being slow to record is no reason to keep it.
        """
        if not is_outside:
            return bool(change.tombstones)
        keys = [tombstone.key for tombstone in change.tombstones]
        named = {("sub" if kind == "sidless" else kind, iss, value) for kind, iss, value in keys}
        unknown = takewhile(lambda arrival: arrival[0] > change.known, reversed(self._arrivals))
        return any(not named.isdisjoint(_names_of(arrived)) for _, _, arrived in unknown)

    def _done(self, position: int, change: RevocationDone) -> None:
        group = ("owed", change.id)
        if group in self._groups:
            self._drop(group)
            self._dropped.append(position)
        elif change.receipt_id is not None:
            self._revoked(change.receipt_id, change.id)
            self._join(("receipt", change.receipt_id), position)
        else:
            self._dropped.append(position)

    # What an end holds of secrets is of no use to anybody as long as the end is remembered.

    def _departed(self, receipt_id: str) -> None:
        """
        Nobody is led to the OP any more.
        """
        position, ended = self._end_of(receipt_id)
        if ended is not None and ended.departure is not None:
            self.folded[position] = replace(ended, departure=ended.departure.without_hints())

    def _revoked(self, receipt_id: str, id: str) -> None:
        """
        Nothing is to be done about some tokens any more; that there were so many stays known.
        """
        position, ended = self._end_of(receipt_id)
        # Of ends that did not know of one another, one may have to tell that the other owes the same.
        if ended is not None and position > self._any_raced:
            owed = tuple(
                replace(one, tokens=tuple((hint, "") for hint, _ in one.tokens)) if one.id == id else one
                for one in ended.owed
            )
            self.folded[position] = replace(ended, owed=owed)

    def _end_of(self, receipt_id: str) -> tuple[int, SessionsEnded | None]:
        for position in self._groups.of(("receipt", receipt_id)):
            change = self.folded.get(position, self._log.get(position))
            if isinstance(change, SessionsEnded):
                return position, change
        return 0, None


def _names_of(arrived: tuple[str, ...]) -> list[Name]:
    """
    What an arrival can be named by: issuer, browser, End-User and OP's sessions; empty is nobody.
    """
    iss, browser, sub, *sids = arrived
    names: list[Name] = [("browser", "", browser), ("sub", iss, sub)]
    return [name for name in names if name[2]] + [("sid", iss, sid) for sid in sids]
