"""
The pages about a person's sessions: who they are on one host, and where they are signed in.

Both are told of the end of the session that they were made for: they need `page_frame.LISTENING_POLICY`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from twisted.web.template import Tag, tags

from pomerium_tx.web.page_frame import day_and_time, form, link, moment, page
from pomerium_tx.web.user_agent_name import short_name

if TYPE_CHECKING:
    from twisted.web.template import Flattenable

_KINDS: Mapping[str, str] = {
    "websocket": "WebSocket",
    "tunnel": "Tunnel",
    "sse": "Event stream",
    "upload": "Upload",
    "download": "Download",
}
_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownExchange:
    """
    Something that is open for a session.
    """

    kind: str
    route: str
    """
    The external origin of its route, if that is known.
    """
    age: float
    bytes_in: int
    bytes_out: int

    def as_json(self) -> dict[str, object]:
        """
        The same for a script.
        """
        return {
            "kind": self.kind,
            "route": self.route,
            "age": round(self.age, 3),
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSession:
    """
    A session as its person sees it.
    """

    reference: str
    """
    Stands for it in this browser, and says nothing.
    """
    is_here: bool
    """
    Whether it is one of the browser that looks.
    """
    user_agent: str
    address: str
    last_address: str
    began: float
    last_seen: float
    routes: Sequence[str]
    exchanges: Sequence[ShownExchange]
    signed_in: str = ""
    """
    As whom, and where, if that tells the sessions apart.
    """

    def as_json(self) -> dict[str, object]:
        """
        The same for a script.
        """
        return {
            "session": self.reference,
            "this_browser": self.is_here,
            "user_agent": self.user_agent,
            "address": self.address,
            "last_address": self.last_address,
            "started": _rfc3339(self.began),
            "last_seen": _rfc3339(self.last_seen),
            "routes": list(self.routes),
            "exchanges": [exchange.as_json() for exchange in self.exchanges],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """
    What a button does: where it POSTs, and what.
    """

    action: str
    fields: Sequence[tuple[str, str]]


def who_am_i(
    rows: Iterable[tuple[str, str]],
    sign_out_path: str | None,
    authenticate_url: str | None,
    portal_path: str | None = None,
) -> bytes:
    """
    Who a person is to the application on this host.

    :param rows: The claims, by name; none at all if nobody is signed in.
    """
    claims = list(rows)
    if not claims:
        return page(
            "You are not signed in",
            tags.h1("You are not signed in"),
            tags.p("This host knows nothing about you."),
            link(authenticate_url, "Go to your sessions"),
        )
    return page(
        "Who you are here",
        tags.h1("Who you are here"),
        _table("What the application is told about you", claims),
        link(sign_out_path, "Sign out"),
        link(authenticate_url, "Go to your sessions"),
        link(portal_path, "Where you can go"),
        listens=True,
    )


def my_sessions(
    sessions: Sequence[ShownSession],
    *,
    user: str,
    email: str,
    sign_out: Deed,
    sign_out_everywhere: Deed,
    end_one: Deed,
    end_others: Deed,
    reference_field: str,
    notice: str = "",
) -> bytes:
    """
    Every session of one person, that of this browser first.

    :param end_one: Its button brings the session's reference along, in *reference_field*.
    :param notice: What has just happened.
    """
    here = [session for session in sessions if session.is_here]
    elsewhere = [session for session in sessions if not session.is_here]
    content: list[Flattenable] = [
        tags.h1("Your sessions"),
        tags.p(notice, role="status") if notice else "",
        tags.p("You are signed in as ", tags.strong(user), f" ({email})." if email else "."),
    ]
    for index, session in enumerate(here):
        content.append(
            _section(
                f"here-{index}",
                "This browser",
                session,
                form(sign_out.action, sign_out.fields, "Sign out") if index == 0 else "",
            )
        )
    for index, session in enumerate(elsewhere):
        name = f"elsewhere-{index}"
        fields = (*end_one.fields, (reference_field, session.reference))
        button = form(end_one.action, fields, "End this session", described_by=name)
        content.append(_section(name, "Another browser", session, button))
    if elsewhere:
        content += [
            tags.h2("All at once"),
            tags.p("Ending sessions elsewhere needs a sign-in of the last five minutes."),
            form(end_others.action, end_others.fields, "End the other sessions"),
        ]
    content.append(form(sign_out_everywhere.action, sign_out_everywhere.fields, "Sign out everywhere"))
    return page("Your sessions", *content, listens=True)


def _rfc3339(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _section(name: str, heading: str, session: ShownSession, button: Flattenable) -> Tag:
    browser = short_name(session.user_agent)
    rows: list[tuple[str, Flattenable]] = [
        *([("Signed in as", session.signed_in)] if session.signed_in else []),
        ("Browser", tags.span(browser, title=session.user_agent)),
        ("Address", _address(session)),
        ("Started", moment(session.began, day_and_time(session.began))),
        ("Last seen", moment(session.last_seen, day_and_time(session.last_seen))),
        ("Used on", [tags.div(route) for route in session.routes] or "no application yet"),
        ("Open now", [tags.div(_exchange(exchange)) for exchange in session.exchanges] or "nothing"),
    ]
    return tags.section(
        tags.h2(f"{heading}: {browser}", id=name),
        _rows(rows),
        button,
        **{"aria-labelledby": name},
    )


def _address(session: ShownSession) -> str:
    if not session.address or session.address == session.last_address:
        return session.last_address or "not known"
    return f"{session.last_address}; signed in from {session.address}"


def _exchange(exchange: ShownExchange) -> str:
    kind = _KINDS.get(exchange.kind, exchange.kind)
    where = f" on {exchange.route}" if exchange.route else ""
    sizes = f"{size(exchange.bytes_in)} in, {size(exchange.bytes_out)} out"
    return f"{kind}{where} for {duration(exchange.age)}; {sizes}"


def duration(seconds: float) -> str:
    """
    How long something has lasted, in its largest unit.
    """
    for unit, length in _UNITS:
        count = int(seconds // length)
        if count:
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return "less than a second"


def size(octets: int) -> str:
    """
    A number of bytes as a person reads it.
    """
    amount = float(octets)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"


def _table(caption: str, rows: Iterable[tuple[str, Flattenable]]) -> Tag:
    return _rows(rows, tags.caption(caption))


def _rows(rows: Iterable[tuple[str, Flattenable]], *before: Tag) -> Tag:
    return tags.table(
        *before, tags.tbody(*(tags.tr(tags.th(name, scope="row"), tags.td(value)) for name, value in rows))
    )
