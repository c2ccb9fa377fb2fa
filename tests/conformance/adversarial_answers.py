"""
What the endpoints of an OP may answer that is wrong, or unusual and right; each with a name.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectionRefusedError, DNSLookupError, TCPTimedOutError
from twisted.web._newclient import ParseError
from twisted.web.client import ResponseNeverReceived

from pomerium_tx.demo.messages import Fault
from tests.conformance.adversarial_provider import GONE, changed
from tests.doubles import keys
from tests.scenarios.world import OP

UNREACHABLE: tuple[Exception, ...] = (
    ConnectionRefusedError(),
    DNSLookupError(),
    TCPTimedOutError(),
    SSL.Error([("ssl", "", "certificate verify failed")]),
    VerificationError(errors=[]),
    ResponseNeverReceived([]),
    ParseError("bad status line", b"x"),
)
"""
Why there may be no answer at all.
"""

Wrong = Fault | Callable[[dict[str, Any]], object]
"""
A fault, or what becomes of the right JSON.
"""
Case = tuple[str, Wrong]

EVIL = "https://evil.example/"
_JSON = "application/json"
_HTML = b"<!doctype html><title>Sorry</title><p>Something went wrong."
_BOMB = gzip.compress(bytes(8 << 20))


def members(name: str, values: tuple[Any, ...]) -> Iterator[Case]:
    """
    The right document, with one member that has another value.
    """
    for value in values:
        shown = "missing" if value is GONE else repr(value)[:50]
        yield f"{name}: {shown}", lambda document, value=value: changed(document, {name: value})


def broken() -> Iterator[Case]:
    """
    What no endpoint may answer where JSON is due.
    """
    for status in (201, 204, 400, 404, 405, 418, 429, 500, 502, 503):
        yield f"status {status}", Fault(status=status, headers=(("Retry-After", "1"),))
    for status in (301, 302, 303, 307, 308):
        yield f"status {status} to elsewhere", Fault(status=status, headers=(("Location", EVIL),))
    for location in ("file:///etc/passwd", "gopher://evil.example/", "/", "//evil.example", ""):
        yield f"302 to {location!r}", Fault(status=302, headers=(("Location", location),))
    bodies = {
        "nothing": b"",
        "HTML": _HTML,
        "no JSON": b"{",
        "a list": b"[]",
        "a string": b'"x"',
        "null": b"null",
        "an empty object": b"{}",
        "a name twice": b'{"sub":"x","sub":"y","access_token":"x","access_token":"y"}',
        "not UTF-8": b'{"sub":"\xff"}',
        "a BOM": b'\xef\xbb\xbf{"sub":"248289761001"}',
        "NaN": b'{"expires_in":NaN}',
        "too deep": b'{"x":' + b"[" * 100_000,
        "a lone surrogate": b'{"sub":"\\ud800"}',
        "more than a megabyte": b'{"x":"' + b"x" * (1 << 20) + b'"}',
        "an error": b'{"error":"server_error","error_description":"<script>"}',
    }
    for name, body in bodies.items():
        yield f"body: {name}", Fault(status=200, body=body, content_type=_JSON)
    yield "HTML that says so", Fault(status=200, body=_HTML, content_type="text/html")
    gzipped = (("Content-Encoding", "gzip"),)
    yield "gzip bomb", Fault(status=200, body=_BOMB, content_type=_JSON, headers=gzipped)
    yield "gzip that is none", Fault(status=200, body=b"{}", content_type=_JSON, headers=gzipped)
    yield "gzip, cut", Fault(status=200, body=gzip.compress(b"{}" * 99)[:-9], content_type=_JSON, headers=gzipped)
    yield (
        "gzip twice",
        Fault(status=200, body=gzip.compress(_BOMB), content_type=_JSON, headers=(("Content-Encoding", "gzip, gzip"),)),
    )
    yield "another encoding", Fault(status=200, body=b"{}", content_type=_JSON, headers=(("Content-Encoding", "br"),))


def token_answers() -> Iterator[Case]:
    """
    Token responses that must not be believed.
    """
    yield from broken()
    for error in (
        "invalid_request",
        "invalid_client",
        "unauthorized_client",
        "unsupported_grant_type",
        "x",
        "",
        7,
        None,
    ):
        for status in (200, 400, 401):
            body = json.dumps({"error": error, "error_description": "<script>alert(1)</script>"}).encode()
            yield f"{status} with error {error!r}", Fault(status=status, body=body, content_type=_JSON)
    yield "400 in HTML", Fault(status=400, body=_HTML, content_type="text/html")
    yield "401 in HTML", Fault(status=401, body=_HTML, content_type="text/html")
    yield "403", Fault(status=403, body=b'{"error":"invalid_grant"}', content_type=_JSON)
    yield from members(
        "token_type", (GONE, None, "", "mac", "DPoP", "N_A", "Bearer ", "bearerx", 7, True, ["Bearer"], {})
    )
    yield from members(
        "expires_in", ("", "x", "-1", "1e3", "1.5", "9" * 11, True, False, -1, -0.5, 1e300, 10**30, [], {})
    )
    odd = ("", 7, True, [], {}, "a b", "a\r\nX-Evil: 1", "a\0", "a\nb", "\u00e9", "\ud83d\ude00", "x" * 65_537)
    yield from members("access_token", (GONE, None, *odd))
    yield from members("refresh_token", odd[1:])
    yield "in a list", lambda document: [document]
    yield "in an object", lambda document: {"token": document}
    yield "names in capitals", lambda document: {name.upper(): value for name, value in document.items()}


def unusual_token_answers() -> Iterator[Case]:
    """
    Token responses that real OPs give and that must be taken.
    """
    yield from members("token_type", ("bearer", "BEARER", "bEaReR"))
    yield from members("expires_in", (GONE, None, 1, 3600, 3600.5, "3600", 86400 * 365))
    yield from members("refresh_token", (GONE, None, "", "~" * 2000))
    yield from members("scope", (GONE, None, "", "openid", 7, []))
    yield from members("unknown", ({"x": [1]}, None))
    yield from members("session_state", ("x.y",))
    yield from members("not-before-policy", (0,))


def userinfo_answers() -> Iterator[Case]:
    """
    UserInfo Responses that must not be believed.
    """
    yield from broken()
    for status in (401, 403):
        yield f"status {status}", Fault(status=status, headers=(("WWW-Authenticate", 'Bearer error="invalid_token"'),))
        yield f"status {status} in HTML", Fault(status=status, body=_HTML, content_type="text/html")
    names = ("", "248289761002", "248289761001 ", " 248289761001", "alice", "*", "\u00e9")
    yield from members("sub", (GONE, None, *names, 248289761001, True, ["248289761001"], {"sub": "248289761001"}))
    yield "in a list", lambda document: [document]
    yield "JSON that says it is a JWT", answer_of_type(json.dumps({"sub": "248289761001"}).encode(), "application/jwt")


def answer_of_type(body: bytes, content_type: str) -> Fault:
    """
    An answer of that type.
    """
    return Fault(status=200, body=body, content_type=content_type)


def signed_userinfo(kid: str) -> Iterator[tuple[str, Fault]]:
    """
    Signed UserInfo Responses that must not be believed.
    """

    def fault(claims: dict[str, Any], alg: str = "RS256", content_type: str = "application/jwt", **more: Any) -> Fault:
        good = {"iss": OP, "aud": "rp1", "sub": "248289761001", "email": "mallory@example.com"}
        header = {"kid": kid, **more.pop("header", {})}
        token = keys.token(changed(good, claims), alg, header=header, **more)
        return answer_of_type(token.encode(), content_type)

    for name, values in {
        "iss": (GONE, None, "", OP + "/", EVIL, [OP], 7),
        "aud": (GONE, None, "", "other", ["other"], [], {"rp1": 1}, 7),
        "sub": (GONE, None, "", "248289761002", 248289761001, ["248289761001"]),
    }.items():
        for value in values:
            yield f"signed, {name}: {'missing' if value is GONE else repr(value)}", fault({name: value})
    yield "signed by a stranger", fault({}, key=keys.private_key("RS256", "stranger"))
    yield "signed, kid unknown", fault({}, header={"kid": "nope"})
    yield "signed by HS256 with the public key's kid", fault({}, "HS256", key=kid.encode())
    yield "not signed", fault({}, header={"alg": "none"}, sign=lambda _: b"")
    yield "signed, said to be JSON", fault({}, content_type=_JSON)
    yield "five parts", answer_of_type(b"e30.e30.e30.e30.e30", "application/jwt")
    yield "nothing", answer_of_type(b"", "application/jwt")
    yield "not ASCII", answer_of_type(b"\xff.\xff.\xff", "application/jwt")


def unusual_userinfo(kid: str) -> Iterator[Case]:
    """
    UserInfo Responses that real OPs give and that must be taken.
    """
    yield from members("email", (GONE, None, "", 7))
    yield from members("groups", (GONE, None, "staff", [], {"a": ["b"]}, [["a"], None, 7]))
    yield from members("name", (GONE, None, "<script>", "\u202e\U0001f600", ["a"], {"a": "b"}))
    yield from members("iss", (OP, None))
    yield from members("x", ("x" * 100_000, [[[[]]]], {"a": {"b": {"c": 1}}}))
    person = {"sub": "248289761001", "email": "alice@example.com"}
    yield "JSON as text", answer_of_type(json.dumps(person).encode(), "text/plain")
    yield "JSON with a charset", answer_of_type(json.dumps(person).encode(), "application/json;charset=UTF-8")
    yield (
        "gzip",
        Fault(
            status=200,
            body=gzip.compress(json.dumps(person).encode()),
            content_type=_JSON,
            headers=(("Content-Encoding", "gzip"),),
        ),
    )
    for audience in ("rp1", ["rp1"], ["other", "rp1"]):
        signed = keys.token({**person, "iss": OP, "aud": audience}, header={"kid": kid}).encode()
        yield f"signed, for {audience}", answer_of_type(signed, "application/jwt")
        yield f"signed, for {audience}, with a line end", answer_of_type(signed + b"\r\n", "Application/JWT; charset=x")
