"""
The administrator's answers, for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from pomerium_tx.operations.text_table import clean, table

_SESSION_HEADER = ("USER", "STARTED (UTC)", "IDLE", "ADDRESS", "OPEN", "ROUTES")
_REVOCATION_HEADER = ("REVOCATION", "PROVIDER", "TOKENS", "NOT BEFORE (UTC)", "ATTEMPTS", "STATE")
_NOTICE_HEADER = ("NOTICE", "USER", "ROUTE", "ENDED (UTC)", "ATTEMPTS", "STATE")
_SHOWN_USERS = 3
_PLURALS = {"sse": "event streams", "websocket": "WebSockets"}
_SINGULARS = {"sse": "event stream", "websocket": "WebSocket"}


def sessions_report(sessions: Sequence[Mapping[str, Any]], *, now: float) -> list[str]:
    """
    Lines about sessions.
    """
    rows = [
        (
            str(session["email"] or session["user"]),
            _minute(session["began"]),
            _ago(now - _seconds(session["last_seen"])),
            str(session["last_address"] or session["address"]),
            str(len(session["exchanges"])),
            ", ".join(map(_short, session["routes"])),
        )
        for session in sessions
    ]
    return table(_SESSION_HEADER, rows) if rows else []


def revocations_report(revocations: Sequence[Mapping[str, Any]]) -> list[str]:
    """
    Lines about tokens that are to be revoked.
    """
    rows = [
        (
            str(each["id"]),
            _short(each["iss"] or each["idp_id"]),
            str(each["tokens"]),
            _minute(each["not_before"]) if each["not_before"] else "-",
            str(each["attempts"]),
            str(each["state"]),
        )
        for each in revocations
    ]
    return table(_REVOCATION_HEADER, rows) if rows else ["No revocation is owed."]


def notices_report(notices: Sequence[Mapping[str, Any]]) -> list[str]:
    """
    Lines about applications that are to be told of an end.
    """
    rows = [
        (
            str(each["id"]),
            str(each["user"]),
            str(each["route"]),
            _minute(each["since"]),
            str(each["attempts"]),
            str(each["state"]),
        )
        for each in notices
    ]
    return table(_NOTICE_HEADER, rows) if rows else ["No application is to be told of an end."]


def receipt_report(receipt: Mapping[str, Any]) -> list[str]:
    """
    Lines about what an end came to.
    """
    count = int(receipt["sessions_ended"])
    if not count:
        return ["No session matched: nothing has ended."]
    cut = [_count(kind, number) for kind, number in receipt["exchanges_cut"].items() if number]
    facts = [
        ("receipt", f"{receipt['id']}, {receipt['time']}"),
        ("cut", ", ".join(cut) or "nothing was open"),
        ("in doubt", ", ".join(f"{what} ({number})" for what, number in receipt["in_doubt"].items())),
        ("to revoke", f"{receipt['tokens_to_revoke']} tokens"),
        ("routes", ", ".join(receipt["routes"])),
    ]
    width = max(len(name) for name, _ in facts)
    lines = [f"Ended {number_of(count)}."]
    return lines + [f"  {name:{width}}  {clean(value)}" for name, value in facts if value]


def number_of(count: int) -> str:
    """
    How many sessions, in words.
    """
    return "1 session" if count == 1 else f"{count} sessions"


def people(sessions: Iterable[Mapping[str, Any]]) -> str:
    """
    Whose sessions they are, the first few by name.
    """
    names = list(dict.fromkeys(clean(str(session["email"] or session["user"])) for session in sessions))
    shown = ", ".join(names[:_SHOWN_USERS])
    return f"{shown} and others" if len(names) > _SHOWN_USERS else shown


def _count(kind: str, number: int) -> str:
    return f"{number} {_SINGULARS.get(kind, kind) if number == 1 else _PLURALS.get(kind, kind + 's')}"


def _short(url: str) -> str:
    return urlsplit(url).netloc or url


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _minute(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _ago(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"
