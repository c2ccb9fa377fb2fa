"""
Everything that somebody might post as a logout token and that is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pomerium_tx.jose import base64url
from pomerium_tx.jose.signer import Signer
from pomerium_tx.oidc.logout_token import EVENT
from tests.doubles import keys

GONE = object()


@dataclass(kw_only=True)
class Forger:
    """
    Makes tokens, wrong ones from a good one.

    :param signer: The OP's, with a P-256 key.
    :param others: Further signers whose keys the OP publishes, of other kinds.
    :param good: The claims of a good one.
    :param secret: The client's.
    """

    signer: Signer
    others: tuple[Signer, ...]
    good: dict[str, Any]
    now: float
    secret: bytes

    def token(self, claims: dict[str, Any] | bytes | None = None, alg: str = "ES256", **more: Any) -> str:
        """
        A token with some claims changed, or with that payload; as good as it can be otherwise.
        """
        header = {"kid": self.signer.kid, "typ": "logout+jwt", **more.pop("header", {})}
        payload: dict[str, Any] | bytes
        if isinstance(claims, bytes):
            payload = claims
        else:
            members = {**self.good, **(claims or {})}
            payload = {name: value for name, value in members.items() if value is not GONE}
        return keys.token(payload, alg, **{"header": header, "key": self.signer._key, **more})

    def wrong(self) -> Iterator[tuple[str, str]]:
        """
        The wrong ones, each with a name.
        """
        for name, value in self._claims():
            shown = "missing" if value is GONE else repr(value)[:50]
            yield f"{name}: {shown}", self.token({name: value})
        yield "neither sub nor sid", self.token({"sub": GONE, "sid": GONE})
        yield "an ID Token", self.token({"events": GONE, "nonce": "n"}, header={"typ": "JWT"})
        yield "an ID Token without nonce", self.token({"events": GONE}, header={"typ": None})
        yield "an ID Token that says logout+jwt", self.token({"events": GONE, "nonce": "n"})
        yield from ((f"payload {raw[:40]!r}", self.token(raw)) for raw in self._payloads())
        yield from ((f"header {header}", self.token(header=header)) for header in self._headers())
        yield from self._algorithms()
        yield from self._signatures()
        yield from self._shapes()

    def _claims(self) -> list[tuple[str, Any]]:
        iss, client, now = self.good["iss"], self.good["aud"], self.now
        wrong_types: tuple[Any, ...] = (None, True, False, [], {})
        iss_values = ("", iss + "/", iss.upper(), " " + iss, "https://evil.example", iss + "#", iss[:-1], [iss], 7)
        aud_values = ("", "other", client + "x", client.upper(), [], ["other"], [client, 7], [[client]], {client: 1}, 7)
        iat_values = (now + 61, now + 3600, str(now), -1, 1e300, 10**30, [now], "now", 253402300800)
        exp_values = (now - 60, now - 3600, 0, "9999999999", -1, 1e300, 10**30, [now], 253402300800)
        event_values = (
            EVENT,
            [EVENT],
            {"http://schemas.openid.net/event/other": {}},
            *({EVENT: value} for value in (None, [], "", True, 1, "{}")),
            {EVENT + "/": {}},
            {EVENT.upper(): {}},
            {EVENT.replace("http", "https"): {}},
        )
        sub_values = ("", 7, "x" * 256, "\u00e9", "a\nb", "a\0", ["x"])
        return [
            *(("iss", value) for value in (GONE, *wrong_types, *iss_values)),
            *(("aud", value) for value in (GONE, *wrong_types, *aud_values)),
            *(("iat", value) for value in (GONE, *wrong_types, *iat_values)),
            *(("exp", value) for value in (GONE, *wrong_types, *exp_values)),
            *(("nbf", value) for value in (*wrong_types, now + 61, "0", 1e300, -1)),
            *(("jti", value) for value in (GONE, *wrong_types, "", 7, "x" * 1025)),
            *(("events", value) for value in (GONE, *wrong_types, *event_values)),
            *(("nonce", value) for value in (*wrong_types, "", "n", 7)),
            *(("sub", value) for value in (*wrong_types, *sub_values)),
            *(("sid", value) for value in (*wrong_types, "", 7, "x" * 1025, ["x"])),
        ]

    def _payloads(self) -> list[bytes]:
        text = json.dumps(self.good)
        claims = text.encode()
        twice = {**self.good, "events": {EVENT: {}}}
        return [
            b"",
            b"null",
            b"7",
            b'"x"',
            b"[]",
            b"[" + claims + b"]",
            claims + b"x",
            claims + claims,
            b"\xef\xbb\xbf" + claims,
            claims[:-1] + b',"x":"\xff"}',
            claims[:-1] + b',"x":"\\ud800"}',
            claims[:-1] + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
            *(claims[:-1] + b"," + json.dumps({name: self.good[name]}).encode()[1:] for name in self.good),
            json.dumps(twice).replace(f'"{EVENT}": {{}}', f'"{EVENT}": {{}}, "{EVENT}": {{}}').encode(),
            *(
                json.dumps({**self.good, name: "number"}).replace('"number"', number).encode()
                for name in ("iat", "exp", "nbf")
                for number in ("NaN", "Infinity", "-Infinity", "1e400", "1" * 100, "0x1")
            ),
        ]

    def _headers(self) -> list[dict[str, Any]]:
        stranger = keys.jwk("ES256", "stranger")
        typs = ("", "at+jwt", "jwt+logout", "JOSE", "id_token+jwt", "secevent+jwt", "text/logout+jwt", "logout+jwt ")
        more_typs = (
            "application/",
            "application/at+jwt",
            "application/application/jwt",
            "\uff2aWT",
            "J\u0057T+x",
            7,
            [],
        )
        return [
            *({"typ": typ} for typ in (*typs, *more_typs)),
            {"crit": []},
            {"crit": ["exp"]},
            {"crit": ["b64"], "b64": False},
            {"b64": False},
            {"b64": True},
            *(
                {"kid": kid}
                for kid in ("", "nope", "../../../dev/null", "' or 1=1 --", 7, ["x"], {}, self.others[0].kid)
            ),
            *(
                {"kid": "first", name: value}
                for name, value in (("jwk", stranger), ("jku", "https://evil.example/jwks"))
            ),
            *(
                {"alg": alg}
                for alg in ("none", "None", "NONE", "", "es256", "ES256 ", "HS256", "RS256", 7, ["ES256"], {})
            ),
            {"alg": "ES384"},
            {"alg": "HS512"},
            {"alg": "RSA-OAEP", "enc": "A128GCM"},
        ]

    def _algorithms(self) -> Iterator[tuple[str, str]]:
        public = self.signer._key.public_key()
        forms = {
            "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "point": public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
            "JWK": json.dumps(self.signer.public_jwk()).encode(),
            "kid": self.signer.kid.encode(),
            "nothing": b"",
        }
        for name, form in forms.items():
            yield f"HS256 with the public key as {name}", self.token(alg="HS256", key=form)
        yield "HS256 with the client secret", self.token(alg="HS256", key=self.secret)
        yield "HS256 with the client secret, no kid", self.token(alg="HS256", key=self.secret, header={"kid": None})
        for other in self.others:
            for kid in (other.kid, None, self.signer.kid):
                yield (
                    f"{other.algorithm} by a key that is published, kid {kid}",
                    self.token(alg=other.algorithm, key=other._key, header={"kid": kid}),
                )
            if other.algorithm == "RS256":
                yield (
                    "PS256 by a key that is published",
                    self.token(alg="PS256", key=other._key, header={"kid": other.kid}),
                )

    def _signatures(self) -> Iterator[tuple[str, str]]:
        good = self.token({"jti": "as good as it gets"})
        signing_input, _, signature = good.rpartition(".")
        raw = base64url.decode(signature)
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        for name, wrong in {
            "nothing": b"",
            "zeros": b"\0" * 64,
            "one bit": bytes([raw[0] ^ 1, *raw[1:]]),
            "the last bit": bytes([*raw[:-1], raw[-1] ^ 1]),
            "cut": raw[:-1],
            "longer": raw + b"\0",
            "half": raw[:32],
            "DER": encode_dss_signature(r, s),
            "swapped": raw[32:] + raw[:32],
            "of another": base64url.decode(self.token({"jti": "another"}).rpartition(".")[2]),
        }.items():
            yield f"signature: {name}", f"{signing_input}.{base64url.encode(wrong)}"
        yield "by a stranger", self.token(key=keys.private_key("ES256", "stranger"))
        yield "by a stranger, no kid", self.token(key=keys.private_key("ES256", "stranger"), header={"kid": None})
        changed = self.token({"sub": "somebody else"}).split(".")
        yield "claims changed after signing", ".".join((changed[0], changed[1], signature))

    def _shapes(self) -> Iterator[tuple[str, str]]:
        good = self.token({"jti": "as good as it gets"})
        header, payload, signature = good.split(".")
        twice = base64url.encode(b'{"alg":"none","alg":"ES256"}')
        encrypted = base64url.encode(b'{"alg":"RSA-OAEP","enc":"A128GCM"}')
        unsigned = base64url.encode(b'{"alg":"none"}')
        for name, shape in {
            "empty": "",
            "dots": "..",
            "not a token": "garbage",
            "two segments": f"{header}.{payload}",
            "four segments": f"{good}.x",
            "encrypted": f"{encrypted}.AAAA.AAAA.AAAA.AAAA",
            "five segments": f"{good}.AAAA.AAAA",
            "space before": f" {good}",
            "line feed after": f"{good}\n",
            "NUL after": f"{good}\0",
            "padded": f"{header}.{payload}=.{signature}",
            "signature padded": f"{good}==",
            "not ASCII": f"{header}.{payload}.\u00e9{signature}",
            "JSON": json.dumps({"payload": payload, "protected": header, "signature": signature}),
            "alg twice": f"{twice}.{payload}.{signature}",
            "header an array": f"{base64url.encode(b'[]')}.{payload}.{signature}",
            "header missing": f".{payload}.{signature}",
            "unsigned": f"{unsigned}.{payload}.",
            "quoted": f'"{good}"',
            "two tokens": f"{good},{good}",
        }.items():
            yield f"shape: {name}", shape
