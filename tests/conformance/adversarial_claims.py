"""
ID Tokens that are the OP's and say something wrong, or something unusual that is right; each with a name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from tests.conformance.adversarial_provider import GONE, Make, Mint
from tests.doubles import keys
from tests.scenarios.world import CLIENT_SECRET, OP

Case = tuple[str, Make]

_TYPES: tuple[Any, ...] = (None, True, False, [], {})
_LATE = 253402300800
"""
The year 10000.
"""


def _cases(claim: str, values: tuple[Any, ...], **others: Any) -> Iterator[Case]:
    for value in values:
        shown = "missing" if value is GONE else repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:20]}... of {len(shown)}"
        shown += "".join(f", {name} {other!r}" for name, other in others.items())
        yield f"{claim}: {shown}", lambda mint, value=value: mint.token({claim: value, **others})


def _relative(claim: str, offsets: tuple[float, ...]) -> Iterator[Case]:
    for offset in offsets:
        yield f"{claim}: {offset:+} s", lambda mint, offset=offset: mint.token({claim: mint.now + offset})


def issuers_and_audiences() -> Iterator[Case]:
    """
    Tokens of another issuer, or for somebody else.
    """
    hosts = (OP + "/", OP + ":443", OP + "#", OP + "?", OP + "/.", OP[:-1], OP + ".evil.example", OP.upper(), " " + OP)
    others = (
        "",
        OP + "\n",
        OP + "\0",
        OP.replace("https", "http"),
        "https://evil.example",
        "op.example.com",
        "*",
        7,
        [OP],
    )
    yield from _cases("iss", (GONE, *_TYPES, *hosts, *others, {"iss": OP}))
    singles = ("", "other", "rp1x", "rp", "RP1", "rp1 ", "rp1 other", "rp1,other", "*", OP, 7, 1.5)
    lists = (["other"], [""], ["rp1x"], [["rp1"]], [7], ["rp1", 7], ["rp1", None], ["rp1", ["x"]], ["rp1", {}])
    yield from _cases("aud", (GONE, *_TYPES, *singles, *lists, {"rp1": 1}, ["rp1", "other"], ["other", "rp1", "third"]))
    yield from _cases("azp", ("", "other", "RP1", "rp1 ", 7, True, False, ["rp1"], [], {}, {"rp1": 1}))
    yield from _cases("azp", (None, "", "other", 7, ["rp1"], ["rp1", "other"]), aud=["rp1", "other"])


def times() -> Iterator[Case]:
    """
    Tokens of another time, or of none.
    """
    never = (GONE, *_TYPES, "", "now", "9999999999", -1, 1e300, 10**30, 10**39, _LATE, [1], {"t": 1})
    for claim in ("exp", "iat"):
        yield from _cases(claim, never)
    yield from _cases("exp", (0, 1, 0.5))
    yield from _relative("exp", (-60, -61, -3600, -86400, -60.5))
    yield from _cases("iat", (0, 1))
    yield from _relative("iat", (61, 3600, 86400, -3601, -86400))
    yield from _cases("nbf", (*_TYPES, "0", -1, 1e300, _LATE, [1]))
    yield from _relative("nbf", (61, 3600))
    yield from _cases("auth_time", (True, False, "now", "0", -1, 1e300, _LATE, [1], {}, ""))
    for number in ("NaN", "Infinity", "-Infinity", "1e400", "1" * 100, "0x7fffffff", "+1", "01", ".5", "1_000"):
        for claim in ("exp", "iat"):
            yield (
                f"{claim}: {number[:20]}",
                lambda mint, claim=claim, number=number: mint.raw(
                    mint.payload(f'"{claim}": {mint.claims[claim]}', f'"{claim}": {number}')
                ),
            )


MALFORMED_SUBS: tuple[Any, ...] = (
    *(GONE, None, True, False, [], {}, 7, 248289761001, 1.5, ["248289761001"], {"sub": "248289761001"}),
    *("", "x" * 256, "\u00e9", "a\nb", "a\rb", "a\0", "a\tb", "\x7f", "\u202ealice", "\ufeff", "\uff41lice"),
)
"""
What is nobody's ``sub``, whoever else says so.
"""


def subjects() -> Iterator[Case]:
    """
    Tokens about somebody of whom UserInfo does not speak, or with a ``sid`` that is none.
    """
    near = ("248289761002", "248289761001 ", " 248289761001", "0248289761001", "alice", "alice@example.com", "*")
    yield from _cases("sub", near)
    yield from _cases("sid", (True, False, "", 0, 7, [], ["x"], {}, "x" * 1025))


def bindings() -> Iterator[Case]:
    """
    Tokens of another request, or of another access token.
    """
    yield from _cases("nonce", (GONE, *_TYPES, "", "x", 7, "\u00e9", "x" * 5000))
    changes = {
        "longer": lambda nonce: nonce + "x",
        "shorter": lambda nonce: nonce[:-1],
        "other case": str.swapcase,
        "with a blank": lambda nonce: nonce + " ",
        "with NUL": lambda nonce: nonce + "\0",
        "in a list": lambda nonce: [nonce],
        "in an object": lambda nonce: {"nonce": nonce},
    }
    for name, change in changes.items():
        yield f"nonce: {name}", lambda mint, change=change: mint.token({"nonce": change(mint.claims["nonce"])})
    yield from _cases("at_hash", (*_TYPES, "", "x", 7, "\u00e9", "A" * 22, "A" * 43, ["x"]))
    hashes = {
        "whole": lambda mint: _hash(mint.access_token, "sha256", 32),
        "a third": lambda mint: _hash(mint.access_token, "sha256", 10),
        "SHA-512": lambda mint: _hash(mint.access_token, "sha512", 32),
        "SHA-384": lambda mint: _hash(mint.access_token, "sha384", 24),
        "SHA-1": lambda mint: _hash(mint.access_token, "sha1", 10),
        "right half": lambda mint: keys.b64(_digest(mint.access_token, "sha256")[16:]),
        "of another token": lambda mint: _hash(mint.access_token + "x", "sha256", 16),
        "padded": lambda mint: mint.claims["at_hash"] + "==",
        "other case": lambda mint: mint.claims["at_hash"].swapcase(),
    }
    for name, value in hashes.items():
        yield f"at_hash: {name}", lambda mint, value=value: mint.token({"at_hash": value(mint)})


def _digest(text: str, name: str) -> bytes:
    return hashlib.new(name, text.encode()).digest()


def _hash(text: str, name: str, size: int) -> str:
    return keys.b64(_digest(text, name)[:size])


def payloads() -> Iterator[Case]:
    """
    Payloads that are no JSON object, or one that can be read in two ways.
    """
    fixed = (
        b"",
        b"null",
        b"7",
        b"true",
        b'"x"',
        b"[]",
        b"{}",
        b"{",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"[" * 40_000,
    )
    for raw in fixed:
        yield f"payload {raw[:20]!r}", lambda mint, raw=raw: mint.raw(raw)
    changes = {
        "in a list": lambda good: b"[" + good + b"]",
        "in quotes": lambda good: json.dumps(good.decode()).encode(),
        "trailing text": lambda good: good + b"x",
        "trailing NUL": lambda good: good + b"\0",
        "twice": lambda good: good + good,
        "trailing comma": lambda good: good[:-1] + b",}",
        "comment": lambda good: good[:-1] + b"/* */}",
        "single quotes": lambda good: good.replace(b'"', b"'"),
        "BOM": lambda good: b"\xef\xbb\xbf" + good,
        "UTF-16": lambda good: good.decode().encode("utf-16"),
        "UTF-32": lambda good: good.decode().encode("utf-32"),
        "not UTF-8": lambda good: good[:-1] + b',"x":"\xff"}',
        "overlong UTF-8": lambda good: good[:-1] + b',"x":"\xc0\xaf"}',
        "surrogate in UTF-8": lambda good: good[:-1] + b',"x":"\xed\xa0\x80"}',
        "lone surrogate": lambda good: good[:-1] + b',"x":"\\ud800"}',
        "lone surrogate in a name": lambda good: good[:-1] + b',"\\udfff":1}',
        "lone surrogate, deep": lambda good: good[:-1] + b',"x":[{"y":["\\ud800"]}]}',
        "line end in a string": lambda good: good[:-1] + b',"x":"a\nb"}',
        "deep lists": lambda good: good[:-1] + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        "deep objects": lambda good: good[:-1] + b',"x":' + b'{"x":' * 3000 + b"1" + b"}" * 3001,
        "lists a little too deep": lambda good: good[:-1] + b',"x":' + b"[" * 40 + b"]" * 40 + b"}",
        "a number too large somewhere": lambda good: good[:-1] + b',"x":[1e400]}',
        "NaN somewhere": lambda good: good[:-1] + b',"x":NaN}',
        "too many digits somewhere": lambda good: good[:-1] + b',"x":' + b"9" * 5000 + b"}",
        "a name twice inside": lambda good: good[:-1] + b',"x":{"y":1,"y":2}}',
        "cut": lambda good: good[:-20],
    }
    for name, change in changes.items():
        yield f"payload: {name}", lambda mint, change=change: mint.raw(change(mint.payload()))
    for claim in ("iss", "sub", "aud", "exp", "iat", "nonce", "at_hash", "sid"):
        yield f"{claim} twice", lambda mint, claim=claim: _twice(mint, claim, claim)
        escaped = f"\\u{ord(claim[0]):04x}{claim[1:]}"
        yield f"{claim} twice, escaped", lambda mint, claim=claim, escaped=escaped: _twice(mint, claim, escaped)


def _twice(mint: Mint, claim: str, spelling: str) -> str:
    return mint.raw(mint.payload()[:-1] + f', "{spelling}": {json.dumps(mint.claims[claim])}}}'.encode())


def unusual() -> Iterator[Case]:
    """
    Tokens that real OPs hand out and that must be believed.
    """
    yield from _cases("aud", (["rp1"], ["rp1", "rp1"]))
    yield from _cases("aud", (["rp1", "other"], ["other", "rp1"]), azp="rp1")
    yield from _cases("azp", ("rp1", None))
    yield from _cases("auth_time", (GONE, None, 0, 0.0, 1_699_999_999.25, 1_700_000_000))
    yield from _cases("sid", (GONE, None, "x", "x" * 300, "x" * 1024, "\u00e9 \u4e2d", "248289761001"))
    yield from _cases("at_hash", (GONE,))
    yield from _cases("c_hash", ("A" * 22,))
    yield from _cases("jti", (GONE, 7, None))
    yield from _relative("exp", (-59, 1, 86400 * 3650, 600.5))
    yield from _relative("iat", (59, -59, -3599, -0.5, 0.25))
    yield from _relative("nbf", (59, 0, -86400, 0.5))
    yield from _cases(
        "name", (None, "", "Ælice \U0001f600", "<script>", "\u202e", "a\nb\0", "x" * 2000, 7, ["a", "b"], {"x": 1})
    )
    yield from _cases("email", (None, "", "a@b", 7, ["x"], {}))
    yield from _cases(
        "groups", (None, "staff", [], ["a", "a"], {"a": ["b"]}, [["a"]], [None], [1, True, {}], "x" * 3000)
    )
    yield from _cases("https://claims.example/x", ({"a": {"b": [1, 2, {"c": None}]}},))
    yield from _cases("acr", ("0", 0, None))
    yield from _cases("amr", (["pwd"], None, "pwd"))
    yield from _cases("typ", ("ID", "Bearer"))
    yield from _cases("cnf", ({"jkt": "x"},))
    for typ in (GONE, "JWT", "jwt", "Jwt"):
        yield (
            f"typ header {'missing' if typ is GONE else typ}",
            lambda mint, typ=typ: mint.token(header={"typ": typ}),
        )
    for name, value in (("jku", "https://evil.example"), ("x5t", "AAAA"), ("x5c", ["x"]), ("iss", OP), ("cty", None)):
        yield f"header {name}, not looked at", lambda mint, name=name, value=value: mint.token(header={name: value})
    yield (
        "second key, whose JWK has no alg",
        lambda mint: mint.token(key=keys.private_key("RS256", "second"), header={"kid": "second"}),
    )
    curve, edwards = keys.private_key("ES256", "curve"), keys.private_key("EdDSA", "edwards")
    yield "ES256", lambda mint: mint.token(alg="ES256", key=curve, header={"kid": "curve"})
    yield "ES256 without kid: it is the only one", lambda mint: mint.token(alg="ES256", key=curve, header={"kid": GONE})
    yield (
        "EdDSA",
        lambda mint: mint.token(
            {"at_hash": _hash(mint.access_token, "sha512", 32)}, "EdDSA", key=edwards, header={"kid": "edwards"}
        ),
    )
    yield "white space", lambda mint: mint.raw(json.dumps(mint.claims, indent=2).encode() + b"\r\n ")
    yield "escaped names", lambda mint: mint.raw(mint.payload('"iss"', '"\\u0069ss"'))
    yield "a pair of surrogates", lambda mint: mint.raw(mint.payload()[:-1] + b',"x":"\\ud83d\\ude00"}')
    yield "nested a little", lambda mint: mint.raw(mint.payload()[:-1] + b',"x":' + b"[" * 20 + b"]" * 20 + b"}")
    yield "long", lambda mint: mint.token({"groups": [f"group-{number}" for number in range(2000)]})


def refreshed() -> Iterator[Case]:
    """
    What must not come of a refresh, although it is signed.
    """
    yield from _cases("iss", (GONE, OP + "/", "https://evil.example", None))
    yield from _cases("sub", (GONE, "248289761002", "", 7, None))
    yield from _cases("aud", (GONE, "rp2", ["rp2"], [], ["rp1", "rp2"]))
    yield from _cases("azp", ("rp2",))
    yield from _cases("exp", (GONE, "x"))
    yield from _relative("exp", (-61,))
    yield from _cases("iat", (GONE, "x"))
    yield from _relative("iat", (61,))
    yield from _cases("at_hash", ("A" * 22, 7))
    yield from _cases("sid", (7, "", ["x"]))
    yield from _cases("nonce", (7, ["x"]))
    yield from _cases("events", ({},))
    yield "signed by a stranger", lambda mint: mint.token(key=keys.private_key("RS256", "stranger"))
    yield "not signed", lambda mint: mint.token(header={"alg": "none"}, signature=b"")
    yield "of type logout+jwt", lambda mint: mint.token(header={"typ": "logout+jwt"})
    yield "no token", lambda _: "x"


def unusually_refreshed() -> Iterator[Case]:
    """
    What real OPs answer a refresh with.
    """
    yield "as it should be", lambda mint: mint.token()
    yield from _cases("sid", (GONE, "another"))
    yield from _cases("auth_time", (GONE, 0))
    yield from _cases("aud", (["rp1"],))
    yield from _cases("at_hash", (GONE,))
    yield from _relative("iat", (-600, -86400))
    yield "no ID Token", lambda _: GONE
    yield "a null", lambda _: None
    yield "an empty text", lambda _: ""


def too_long_ago() -> Iterator[Case]:
    """
    Tokens of a person who has authenticated longer ago than the hour that was asked for.
    """
    yield from _cases("auth_time", (GONE, None, 0, "now", True))
    yield from _relative("auth_time", (-3661, -86400))


def recently() -> Iterator[Case]:
    """
    Tokens of a person who has authenticated within that hour.
    """
    yield from _relative("auth_time", (-3659, -3600, 0, -0.5))


def not_by_the_secret() -> Iterator[Case]:
    """
    Tokens that are not signed with the client secret, where that was agreed on.
    """
    secret = CLIENT_SECRET.encode()
    yield "RS256 by a key that is published", lambda mint: mint.token()
    yield "none", lambda mint: mint.token(header={"alg": "none"}, signature=b"")
    for key in (b"\0", secret + b"x", secret[:-1], secret.upper(), keys.b64(secret).encode(), b"rp1"):
        yield (
            f"HS256 by {len(key)} octets, {key[-4:]!r} at the end",
            lambda mint, key=key: mint.token(alg="HS256", key=key),
        )
    yield "HS256, cut", lambda mint: mint.token(alg="HS256", key=secret)[:-2]
    yield "HS256, said to be HS512", lambda mint: mint.token(alg="HS256", key=secret, header={"alg": "HS512"})


def by_the_secret() -> Iterator[Case]:
    """
    Tokens that are.
    """
    for kid in ("x", GONE, ""):
        yield (
            f"HS256, kid {'missing' if kid is GONE else repr(kid)}",
            lambda mint, kid=kid: mint.token(alg="HS256", key=CLIENT_SECRET.encode(), header={"kid": kid}),
        )
