"""
Configurations that must not be started with, as the catalogue has them: what each is, and what is said of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.hostile.names import CLIENT_SECRET
from tests.tls.authorities import Authority, key_pem

SECRET = "c2hhcmVkLXNlY3JldC1zaGFyZWQtc2VjcmV0LXNoYXI="
ROUTE: dict[str, Any] = {
    "from": "https://app.example.com",
    "to": "http://app.internal:80",
    "name": "app",
    "allow_any_authenticated_user": True,
}
PUBLIC = {"allow_public_unauthenticated_access": True}
_MANY = "a: &a [x,x]\n" + "".join(f"{name}: &{name} [*{before},*{before},*{before},*{before}]\n" for before, name in
                                 zip("abcdefghijklmnopqrst", "bcdefghijklmnopqrstu", strict=True))  # fmt: skip


def base(**changes: object) -> dict[str, Any]:
    """
    A configuration that is good, with changes; None leaves a key out.
    """
    values: dict[str, Any] = {
        "address": "127.0.0.1:443",
        "insecure_server": True,
        "authenticate_service_url": "https://authenticate.example.com",
        "authenticate_address": "127.0.0.1:443",
        "shared_secret": SECRET,
        "cookie_secret": SECRET,
        "idp_provider": "oidc",
        "idp_provider_url": "https://op.example.com",
        "idp_client_id": "rp1",
        "idp_client_secret": CLIENT_SECRET,
        "routes": [ROUTE],
    }
    return {key: value for key, value in {**values, **changes}.items() if value is not None}


def text(values: Mapping[str, Any]) -> str:
    """
    The file with these values, one key on each line.
    """
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items())


def route(*gone: str, **changes: Any) -> str:
    """
    The file whose only route differs.
    """
    kept = {key: value for key, value in ROUTE.items() if key not in gone}
    return text(base(routes=[{**kept, **changes}]))


_ACCESS = "allow_any_authenticated_user"
Written = Callable[[Path], "str | bytes"]


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """
    What is written, and what comes of it.
    """

    written: Written
    key: str | None = None
    """
    The key that the message names; None where it is about the file as a whole.
    """
    is_warning: bool = False
    lets_nobody_in: bool = False
    """
    Whether it is a configuration, by which the route admits nobody.
    """
    starts: bool = False
    """
    Whether it is one, without a word.
    """


def _fixed(content: str | bytes) -> Written:
    return lambda folder: content


def _file(folder: Path, name: str, content: bytes, mode: int = 0o600) -> str:
    path = folder / name
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_bytes(content)
    return str(path.resolve())


def _key() -> bytes:
    return key_pem(ec.generate_private_key(ec.SECP256R1()))


def _mismatch(folder: Path) -> str:
    authority = Authority("an authority")
    certificate, _ = authority.issue("app.example.com")
    _, other = authority.issue("app.example.com")
    pair = {"cert": _file(folder, "cert.pem", certificate), "key": _file(folder, "key.pem", other)}
    return text(base(insecure_server=None, certificates=[pair]))


def _passphrase(folder: Path) -> str:
    authority = Authority("an authority")
    certificate, _ = authority.issue("app.example.com")
    locked = key_pem(ec.generate_private_key(ec.SECP256R1()), b"open-sesame-open")
    pair = {"cert": _file(folder, "cert.pem", certificate), "key": _file(folder, "key.pem", locked)}
    return text(base(insecure_server=None, certificates=[pair]))


WRONG: dict[str, Wrong] = {
    "CF-001": Wrong(written=_fixed(""), key="authenticate_service_url"),
    "CF-002": Wrong(written=_fixed("# x"), key="authenticate_service_url"),
    "CF-004": Wrong(written=_fixed("hello")),
    "CF-006": Wrong(written=_fixed(text(base()) + "routes: []\n"), key="routes"),
    "CF-010": Wrong(written=_fixed(text(base()) + _MANY)),
    "CF-011": Wrong(written=_fixed(text(base()) + "x: !!python/object/apply:os.system [id]\n")),
    "CF-014": Wrong(written=_fixed(text(base()) + "\0")),
    "CF-015": Wrong(written=_fixed(text(base()).encode() + b"\xff\xfe")),
    "CF-016": Wrong(written=_fixed(b"\xff\xfe" + text(base()).encode("utf-16-le"))),
    "CF-018": Wrong(
        written=_fixed(text(base(routes=None)) + "routes: [{from: no, to: http://b}]\n"), key="routes[0].from"
    ),
    "CF-019": Wrong(written=_fixed(text(base(address=None)) + "address: 01:30\n"), key="address"),
    "CF-023": Wrong(written=_fixed(text(base(timeout_read="5"))), key="timeout_read"),
    "CF-026": Wrong(written=_fixed(route(**{"from": "a.test"})), key="routes[0].from"),
    "CF-027": Wrong(written=_fixed(route(**{"from": "https://a.test/x"})), key="routes[0].from"),
    "CF-029": Wrong(written=_fixed(route("to")), key="routes[0]"),
    "CF-033": Wrong(written=_fixed(text(base(routes=[ROUTE, ROUTE]))), key="routes[1]", is_warning=True),
    "CF-035": Wrong(written=_fixed(route(regex="(")), key="routes[0].regex"),
    "CF-036": Wrong(written=_fixed(route(regex="^(a+)+$")), starts=True),
    "CF-037": Wrong(written=_fixed(route(prefix="a")), key="routes[0].prefix"),
    "CF-038": Wrong(written=_fixed(route(_ACCESS, policy=[])), lets_nobody_in=True),
    "CF-039": Wrong(written=_fixed(route(_ACCESS, policy=[{"alow": {}}])), key="routes[0].policy"),
    "CF-040": Wrong(written=_fixed(route(_ACCESS, policy=[{"allow": {"and": []}}])), lets_nobody_in=True),
    "CF-041": Wrong(
        written=_fixed(route(_ACCESS, **PUBLIC, policy=[{"allow": {"and": [{"accept": True}]}}])),
        key="routes[0].policy", is_warning=True,
    ),
    "CF-042": Wrong(written=_fixed(route(_ACCESS, allow_public_unauthenticated_access="false")), lets_nobody_in=True),
    "CF-043": Wrong(written=_fixed(route(_ACCESS, allowed_domains=[""])), key="routes[0].allowed_domains"),
    "CF-044": Wrong(written=_fixed(route(_ACCESS, allowed_domains=["*"])), key="routes[0].allowed_domains"),
    "CF-045": Wrong(written=_fixed(route(_ACCESS, allowed_users=None)), key="routes[0].allowed_users"),
    "CF-046": Wrong(written=_fixed(text(base(idp_client_id=None))), key="idp_client_id"),
    "CF-047": Wrong(written=_fixed(text(base(idp_client_secret=None))), key="idp_client_secret"),
    "CF-052": Wrong(written=_fixed(text(base(cookie_secret="MTIzNDU2Nzg5MDEyMzQ1Ng=="))), key="cookie_secret"),
    "CF-055": Wrong(written=_fixed(text(base(signing_key="bm90IGEga2V5"))), key="signing_key"),
    "CF-057": Wrong(
        written=lambda folder: text(base(signing_key_file=_file(folder, "signing.pem", _key(), 0o644))),
        key="signing_key_file", is_warning=True,
    ),
    "CF-061": Wrong(written=_fixed(text(base(cookie_domain="evil.test"))), key="cookie_domain"),
    "CF-062": Wrong(written=_fixed(text(base(cookie_secure=False))), key="cookie_secure"),
    "CF-065": Wrong(written=_mismatch, key="certificates[0]"),
    "CF-067": Wrong(written=_passphrase, key="certificates[0].key"),
    "CF-068": Wrong(
        written=_fixed(route(set_request_headers={"x_pomerium_jwt_assertion": "forged"})),
        key="routes[0].set_request_headers",
    ),
    "CF-069": Wrong(
        written=_fixed(route(set_request_headers={"X-A": "a\r\nX-Pomerium-Claim-Email: b"})),
        key="routes[0].set_request_headers",
    ),
    "CF-070": Wrong(
        written=_fixed(route(_ACCESS, **PUBLIC, set_request_headers={"X-Token": "${pomerium.access_token}"})),
        key="routes[0].set_request_headers", is_warning=True,
    ),
    "CF-072": Wrong(written=_fixed(text(base(trusted_proxies=["0.0.0.0/0"]))), key="trusted_proxies", is_warning=True),
}  # fmt: skip
"""
By case: what is written into the file.
"""
