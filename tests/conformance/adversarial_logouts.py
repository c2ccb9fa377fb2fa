"""
What an OP, or anybody, may send to the back channel and the front channel that ends nothing; each with a name.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pomerium_tx.demo.messages import Fault
from pomerium_tx.oidc.logout_token import EVENT
from tests.conformance.adversarial_provider import GONE, Mint
from tests.doubles import keys
from tests.scenarios.world import CLIENT_SECRET, OP

FORM = "application/x-www-form-urlencoded"

OUTAGE = Fault(status=503)

Posted = tuple[str, str, bytes]
"""
Method and query, Content-Type, content.
"""


def good(mint: Mint, **changes: Any) -> str:
    """
    A logout token that ends everything of Alice, unless it is changed.
    """
    return mint.token(changes)


def tokens(mint: Mint) -> Iterator[tuple[str, str]]:
    """
    Logout tokens that must be refused.

    :param mint: Its claims are those of a good one.
    """
    pem = keys.private_key("RS256").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    stranger = keys.private_key("RS256", "stranger")
    yield "HS256 with the public key", mint.token(alg="HS256", key=pem)
    yield "HS256 with the client secret", mint.token(alg="HS256", key=CLIENT_SECRET.encode())
    yield "a stranger's key in jwk", mint.token(key=stranger, header={"jwk": keys.jwk("RS256", "stranger")})
    yield (
        "ES256 by a key that is published",
        mint.token(alg="ES256", key=keys.private_key("ES256", "curve"), header={"kid": "curve"}),
    )
    yield "alg none", mint.token(header={"alg": "none"}, signature=b"")
    yield "crit", mint.token(header={"crit": ["x"]})
    for typ in ("at+jwt", "secevent+jwt", ""):
        yield f"typ {typ!r}", mint.token(header={"typ": typ})
    yield "access token", mint.token({"events": GONE, "scope": "openid"}, header={"typ": "at+jwt"})
    yield "ID Token", mint.token({"events": GONE, "nonce": "n"}, header={"typ": "JWT"})
    yield "payload a list", mint.raw(b"[]")
    yield "not a token", "garbage"
    yield "nothing", ""
    yield "two megabytes", "x" * (2 << 20)
    values: dict[str, tuple[Any, ...]] = {
        "iss": (GONE, "https://evil.example", OP + "/"),
        "aud": (GONE, "other", []),
        "iat": (GONE, mint.now + 3600),
        "exp": (GONE, mint.now - 61),
        "jti": (GONE, "", 7),
        "events": (GONE, EVENT, [EVENT], {EVENT: None}, {"http://schemas.openid.net/event/other": {}}),
        "nonce": ("x", None, ""),
    }
    for claim, wrong in values.items():
        for value in wrong:
            yield f"{claim}: {'missing' if value is GONE else repr(value)}", mint.token({claim: value})
    yield "neither sid nor sub", mint.token({"sid": GONE, "sub": GONE})


def forms(token: str) -> Iterator[tuple[str, Posted]]:
    """
    Requests that carry a good token and are not read as that.
    """
    right = urlencode({"logout_token": token}).encode()
    yield "two, the wrong one first", ("POST", FORM, b"logout_token=x&" + right)
    yield "two, the wrong one last", ("POST", FORM, right + b"&logout_token=x")
    yield "twice the same", ("POST", FORM, right + b"&" + right)
    yield "in the query", (f"POST ?logout_token={token}", FORM, b"")
    yield "in JSON", ("POST", "application/json", json.dumps({"logout_token": token}).encode())
    yield "JSON that says it is a form", ("POST", FORM, json.dumps({"logout_token": token}).encode())
    yield "a JWT", ("POST", "application/jwt", token.encode())
    part = f'--x\r\nContent-Disposition: form-data; name="logout_token"\r\n\r\n{token}\r\n--x--\r\n'
    yield "multipart", ("POST", "multipart/form-data; boundary=x", part.encode())
    yield "text", ("POST", "text/plain", right)
    yield "no type", ("POST", "", right)
    yield "more than 64 KiB", ("POST", FORM, right + b"&x=" + b"x" * 70_000)
    yield "a thousand parameters and more", ("POST", FORM, b"x=1&" * 10_000 + right)
    yield "broken percents", ("POST", FORM, b"logout_token=%zz")
    yield "another name", ("POST", FORM, right.replace(b"logout_token", b"Logout_Token"))
    yield "nothing", ("POST", FORM, b"")
    yield "gzip", ("POST gzip", FORM, gzip.compress(right))
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
        yield method, (f"{method} ?logout_token={token}", FORM, b"" if method in ("GET", "HEAD") else right)


def frames(sid: str) -> Iterator[tuple[str, str]]:
    """
    Queries of the front channel that end nothing.
    """
    iss, name = quote(OP, safe=""), quote(sid, safe="")
    yield "wrong iss", f"iss=https%3A%2F%2Fevil.example&sid={name}"
    yield "iss twice", f"iss={iss}&iss=https%3A%2F%2Fevil.example&sid={name}"
    yield "iss with a slash", f"iss={iss}%2F&sid={name}"
    yield "iss encoded twice", f"iss={quote(iss, safe='')}&sid={name}"
    yield "iss in capitals", f"iss={quote(OP.upper(), safe='')}&sid={name}"
    yield "sid twice", f"iss={iss}&sid={name}&sid=x"
    for wrong in (
        "*",
        "%25",
        "x' or '1'='1",
        "<script>alert(1)</script>",
        "",
        sid[:-1],
        sid + "x",
        sid.swapcase(),
        "x" * 2000,
    ):
        yield f"sid {wrong[:20]!r}", f"iss={iss}&sid={quote(wrong, safe='')}"
    yield "iss alone", f"iss={iss}"
    yield "nothing", ""
