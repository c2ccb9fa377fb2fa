"""
What the doctor finds, for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pomerium_tx.operations.report import number_of
from pomerium_tx.operations.text_table import clean

_URIS = ("redirect_uri", "post_logout_redirect_uri", "frontchannel_logout_uri", "backchannel_logout_uri")
_CHANNELS = {"front_channel": "front-channel", "back_channel": "back-channel"}
_KINDS = {"websocket": "WebSocket", "sse": "Event stream", "download": "Download", "upload": "Upload"}


def providers_report(providers: Sequence[Mapping[str, Any]]) -> list[str]:
    """
    Lines about every provider.
    """
    lines: list[str] = []
    for provider in providers:
        lines += [f"Provider {clean(provider['iss'])}, client {clean(provider['client_id'])}"]
        lines += [f"  {line}" for line in (*_can(provider), *_has_done(provider), *_to_register(provider))]
        lines.append("")
    return lines


def needs_attention(providers: Sequence[Mapping[str, Any]]) -> bool:
    """
    Whether something stands in the way of a complete sign-out that an operator can do something about.
    """
    return any(not provider["answers"] or provider["heard"]["back_channel"]["refused"] for provider in providers)


def drill_report(drill: Mapping[str, Any]) -> list[str]:
    """
    Lines about a fire drill.
    """
    lines = ["Drill: a session of nobody's, with one of everything open, ended."]
    for kind, after in drill["cut_after_ms"].items():
        words = "NOT CUT" if after is None else f"cut after {after:.1f} ms"
        code = drill["websocket_close_code"]
        more = f", close code {code}" if kind == "websocket" and code is not None else ""
        lines.append(f"  {_KINDS.get(kind, kind)}: {words}{more}")
    lines.append(f"  The end was answered after {drill['answered_after_ms']:.1f} ms.")
    lines.append(
        "  The old cookie was refused on a connection that was open before."
        if drill["old_cookie_refused"]
        else "  THE OLD COOKIE STILL WORKED on a connection that was open before."
    )
    receipt = drill["receipt"]
    cut = sum(receipt["exchanges_cut"].values())
    lines.append(f"  Receipt {clean(receipt['id'])}: {cut} exchanges cut, in force at {receipt['replicas']}.")
    lines.append("  Passed." if drill["passed"] else "  FAILED: please report this, with the log of the same minute.")
    return lines


def _can(provider: Mapping[str, Any]) -> Iterator[str]:
    can = provider["can"]
    if can is None:
        yield "DOES NOT ANSWER: nobody can sign in. Look at idp_provider_url, and into the log."
        return
    yield (
        "People are signed out there too: it has an end-session endpoint."
        if can["end_session"]
        else "People stay signed in there: it has no end-session endpoint in its metadata."
    )
    yield (
        "Tokens are revoked."
        if can["revocation"]
        else "Tokens live on until they expire: it has no revocation endpoint in its metadata."
    )
    told = [name for key, name in (("back_channel", "back"), ("front_channel", "front")) if can[key]]
    yield (
        f"It says that it tells us of its own sign-outs by the {' and the '.join(told)} channel."
        if told
        else "Its metadata does not say that it tells us of its own sign-outs; some do so all the same."
    )
    if can["back_channel"] and not can["back_channel_with_sid"]:
        yield "Its logout tokens need not say which session is meant: then all sessions of a person end."


def _has_done(provider: Mapping[str, Any]) -> Iterator[str]:
    sessions, with_sid = provider["sessions"], provider["sessions_with_sid"]
    if not sessions:
        yield "Nobody is signed in by it: whether its ID Tokens carry a sid is not known yet."
    elif not with_sid:
        yield (
            f"ID Tokens carry no sid ({number_of(sessions)} live): the front channel can end nothing, and the back"
            ' channel only all sessions of a person. Look for a setting such as "include session id".'
        )
    else:
        yield f"ID Tokens carry a sid: {with_sid} of {number_of(sessions)}."
    for channel, name in _CHANNELS.items():
        believed, refused = (provider["heard"][channel][key] for key in ("believed", "refused"))
        yield (
            f"No {name} logout was heard since the start."
            if believed is None
            else f"Last {name} logout: {_moment(believed['at'])}; {number_of(believed['sessions_ended'])} ended."
        )
        if refused is not None:
            yield f"REFUSED at {_moment(refused['at'])}: {clean(refused['refused'])}."
            if "allow_missing_exp" in refused["refused"]:
                yield "  If that was this provider, set backchannel_logout_allow_missing_exp: true for it."
    if provider["allow_missing_exp"]:
        yield "Logout tokens without exp are taken (backchannel_logout_allow_missing_exp)."


def _to_register(provider: Mapping[str, Any]) -> Iterator[str]:
    yield "To be registered there:"
    for name in _URIS:
        yield f"  {name}: {clean(provider['register'][name])}"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
