"""
What may come back to ``/oauth2/callback`` that is no Authentication Response to this browser's request; with names.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from tests.conformance.case import CALLBACK, with_query
from tests.scenarios.world import OP

Change = Callable[[str], str]
"""
What becomes of the right URL.
"""

ERRORS = (
    "login_required",
    "interaction_required",
    "consent_required",
    "account_selection_required",
    "invalid_request",
    "invalid_scope",
    "unsupported_response_type",
    "server_error",
    "temporarily_unavailable",
    "request_not_supported",
    "something else",
)


def _with(**changed: str | None) -> Change:
    return lambda url: with_query(url, **changed)


def _also(*pairs: tuple[str, str]) -> Change:
    return lambda url: f"{url}&{urlencode(pairs)}"


def _before(name: str, value: str) -> Change:
    return lambda url: url.replace("?", f"?{urlencode([(name, value)])}&")


def _again(name: str) -> Change:
    return lambda url: f"{url}&{urlencode([(name, dict(_pairs(url))[name])])}"


def _pairs(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


def _tampered(position: float) -> Change:
    def change(url: str) -> str:
        state = dict(_pairs(url))["state"]
        number = int(position * (len(state.rstrip("=")) - 1))
        other = "B" if state[number] == "A" else "A"
        return with_query(url, state=state[:number] + other + state[number + 1 :])

    return change


def _resealed(change: Callable[[bytes], bytes]) -> Change:
    def changed(url: str) -> str:
        octets = base64.urlsafe_b64decode(dict(_pairs(url))["state"])
        return with_query(url, state=base64.urlsafe_b64encode(change(octets)).decode())

    return changed


def wrong() -> Iterator[tuple[str, Change]]:
    """
    Responses after which nobody asks the OP for tokens.
    """
    yield "no query", lambda _: CALLBACK
    yield "an empty query", lambda _: CALLBACK + "?"
    yield "in the fragment", lambda url: CALLBACK + "?response_mode=fragment"
    yield "form-encoded twice", lambda url: f"{CALLBACK}?{quote(urlsplit(url).query, safe='')}"
    for value in (None, "", "x", "null", "0" * 4000, "=", "e30", "a|1||b", "\u00e9", "../"):
        yield f"state {value!r:.30}", _with(state=value)
    for number in range(12):
        yield f"state with another letter at {number}/11", _tampered(number / 11)
    yield "state in capitals", lambda url: with_query(url, state=dict(_pairs(url))["state"].upper())
    yield "state without padding or with more", lambda url: with_query(url, state=dict(_pairs(url))["state"] + "=")
    yield "state and a blank", lambda url: with_query(url, state=dict(_pairs(url))["state"] + " ")
    yield "state, cut", lambda url: with_query(url, state=dict(_pairs(url))["state"][:-8])
    yield "state with a later time", _resealed(lambda octets: octets.replace(b"|1700", b"|1701", 1))
    yield "state with another binding", _resealed(lambda octets: b"A" * 44 + octets[octets.index(b"|") :])
    yield "state with a trace id", _resealed(lambda octets: octets.replace(b"||", b"|x|", 1))
    for name in ("state", "code", "iss"):
        yield f"{name} twice, the same", _again(name)
        yield f"{name} twice, a wrong one last", _also((name, "x"))
        yield f"{name} twice, a wrong one first", _before(name, "x")
        yield f"{name} twice, an empty one last", _also((name, ""))
    yield "state[]", lambda url: url.replace("state=", "state[]=")
    yield "State", lambda url: url.replace("state=", "State=")
    for value in (None, ""):
        yield f"code {value!r}", _with(code=value)
    yield "tokens instead of a code", _with(code=None, id_token="a.b.c", access_token="x", token_type="Bearer")
    for value in (
        None,
        "",
        "x",
        OP + "/",
        OP.upper(),
        OP + ":443",
        "https://evil.example",
        OP.replace("https", "http"),
        OP + " ",
    ):
        yield f"iss {value!r}", _with(iss=value)
    yield "error and code", _also(("error", "access_denied"))
    yield "error and an empty code", lambda url: with_query(url, code="") + "&error="
    for value in ("", "\u00e9", "a\nb", 'a"b', "a\\b", "x" * 101):
        yield f"error {value!r:.20}", _with(code=None, error=value)
    yield "error twice", lambda url: with_query(url, code=None, error="x") + "&error=y"
    yield "error without iss", _with(code=None, error="login_required", iss=None)
    yield "error of another OP", _with(code=None, error="login_required", iss="https://evil.example")
    for error in ERRORS:
        yield f"error {error}", _with(code=None, error=error, error_description="<script>alert(1)</script>")
    yield "error with a URI", _with(code=None, error="server_error", error_uri="javascript:alert(1)")
    yield "error with a long text", _with(code=None, error="server_error", error_description="x" * 5000)


def unusual() -> Iterator[tuple[str, Change]]:
    """
    Responses with more in them than is needed.
    """
    yield "as it is", lambda url: url
    yield "unknown parameters", _also(("session_state", "x.y"), ("scope", "openid"), ("x", ""), ("x", "twice"))
    yield "tokens that nobody asked for", _also(("id_token", "a.b.c"), ("access_token", "x"), ("expires_in", "1"))
    yield "empty pairs", lambda url: url.replace("?", "?&&").replace("&iss", "&&iss") + "&"
    yield "in another order", lambda url: f"{CALLBACK}?{urlencode(_pairs(url)[::-1])}"
    yield "everything encoded", lambda url: CALLBACK + "?" + "&".join(f"{n}={_percent(v)}" for n, v in _pairs(url))
    yield "an error in a name only", _also(("error_description", "x"))


def _percent(value: str) -> str:
    return "".join(f"%{octet:02x}" for octet in value.encode())
