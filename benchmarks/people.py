"""
People as an OP describes them: sessions with tokens and claims of a realistic make and of any size.
"""

from __future__ import annotations

import base64
import json
import random
from typing import Any

from pomerium_tx.oidc.id_token import identity, merge_claims
from pomerium_tx.sessions.session import Session, Tokens

ISSUER = "https://op.example.com/realms/staff"
_USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
_PATTERNS = 1_000
_GROUPS = ("staff", "engineering", "on-call", "vpn-users", "payroll-readers")
_BROWSERS = ("Chrome/131.0.0.0", "Firefox/133.0", "Version/18.1 Safari/605.1.15", "Edg/131.0.2903.70")


class People:
    """
    Makes sessions, one after another, none of which shares anything with another that it would not share in earnest.

    :param token_bytes: How long the three tokens of one are together.
    """

    def __init__(self, token_bytes: int) -> None:
        self._token_bytes = token_bytes
        self._random = random.Random(0)  # noqa: S311 - nothing is to be kept secret
        self._number = 0
        self._patterns: list[Session] = []

    def next(self, now: float) -> Session:
        """
        Somebody who has just signed in.
        """
        self._number += 1
        number = self._number
        said = self._said(number, now)
        userinfo = json.loads(json.dumps({name: said[name] for name in ("sub", "email", "name", "locale", "groups")}))
        claims = merge_claims(said, userinfo)
        user_id, email, name = identity(claims)
        return Session(
            id=self._opaque(43),
            browser=self._opaque(22),
            idp_id="Zm9vYmFyYmF6",
            iss=said["iss"],
            client_id=said["aud"],
            sub=said["sub"],
            user_id=user_id,
            email=email,
            name=name,
            sids=(said["sid"],),
            began=now,
            expires=now + 14 * 3600.0,
            authenticated=now,
            id_token_iat=float(said["iat"]),
            nonce=said["nonce"],
            user_agent=f"{_USER_AGENT} {_BROWSERS[number % len(_BROWSERS)]}",
            address=f"198.51.{number // 256 % 256}.{number % 256}",
            claims=claims,
            tokens=self.tokens(said, now),
        )

    def another(self, now: float) -> Session:
        """
        The same in a third of the time: one of a thousand with names of its own, whose claims do not matter.
        """
        if len(self._patterns) < _PATTERNS:
            self._patterns.append(self.next(now))
            return self._patterns[-1]
        self._number += 1
        number = self._number
        pattern = self._patterns[number % _PATTERNS]
        name = f"{number:012x}"
        return pattern._changed(
            id=self._opaque(31) + name,
            browser=f"{name}-browser",
            sub=f"{name}-4e2b-9c1d-8f3a-sub-of-one",
            user_id=f"{name}-4e2b-9c1d-8f3a-sub-of-one",
            _sids=f"{name}-4e2b-9c1d-8f3a-sid-of-one",
            _packed=bytes(bytearray(pattern._packed)),
            began=now,
            expires=now + 14 * 3600.0,
            usable_until=now + 14 * 3600.0,
            renewable_until=now + 10 * 3600.0,
        )

    def tokens(self, said: dict[str, Any], now: float) -> Tokens:
        """
        Three tokens: signed ones if there is room for that, else opaque ones beside an ID Token that says little.
        """
        size = self._token_bytes
        if size >= 2_000:
            id_token = self._signed(said, 256)
            access = {"scope": "openid profile email", "azp": said["aud"], "realm_access": {"roles": said["groups"]}}
            access_token = self._signed(access | {name: said[name] for name in ("iss", "sub", "exp", "sid")}, 256)
            refresh_token = self._opaque(max(size - len(id_token) - len(access_token), 64))
        else:
            short = {name: said[name] for name in ("iss", "sub", "aud", "exp", "iat", "nonce", "sid")}
            id_token = self._signed(short, 64)
            access_token = self._opaque(43)
            refresh_token = self._opaque(max(size - len(id_token) - len(access_token), 43))
        return Tokens(
            id_token=id_token,
            access_token=access_token,
            refresh_token=refresh_token,
            access_token_expires=now + 10 * 3600.0,
            id_token_expires=float(said["exp"]),
        )

    def _said(self, number: int, now: float) -> dict[str, Any]:
        name = f"Person Number{number}"
        said = {
            "iss": ISSUER,
            "aud": "benchmark",
            "sub": self._uuid(),
            "sid": self._uuid(),
            "nonce": self._opaque(43),
            "iat": int(now),
            "exp": int(now) + 36_000,
            "email": f"person.number{number}@example.com",
            "email_verified": True,
            "name": name,
            "given_name": "Person",
            "family_name": f"Number{number}",
            "preferred_username": f"pnumber{number}",
            "locale": "en",
            "groups": list(self._random.sample(_GROUPS, 3)),
        }
        # As from the wire: no string of one person's is another's.
        fresh: dict[str, Any] = json.loads(json.dumps(said))
        return fresh

    def _opaque(self, length: int) -> str:
        return base64.urlsafe_b64encode(self._random.randbytes(length)).decode("ascii")[:length]

    def _signed(self, claims: dict[str, Any], signature: int) -> str:
        header = {"alg": "RS256" if signature == 256 else "ES256", "typ": "JWT", "kid": "a-key-of-the-benchmark"}
        parts = [json.dumps(part, separators=(",", ":")).encode() for part in (header, claims)]
        parts.append(self._random.randbytes(signature))
        return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts).decode("ascii")

    def _uuid(self) -> str:
        text = self._random.randbytes(16).hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def payload_of(session: Session) -> int:
    """
    How many bytes the tokens and the claims of a session are, as the OP sent them.
    """
    tokens = session.tokens
    texts = (tokens.id_token, tokens.access_token, tokens.refresh_token or "")
    claims = json.dumps(dict(session.claims), separators=(",", ":"))
    return sum(map(len, texts)) + len(claims)
