"""
Tests for `pomerium_tx.oidc.logout_token`; many more wrong ones are in `tests.logout.wrong_tokens`.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.jose.jwt import InvalidToken, UnverifiedToken
from pomerium_tx.oidc.logout_token import LogoutToken, audience, check

NOW = 1_800_000_000.0
EVENT = "http://schemas.openid.net/event/backchannel-logout"
ISSUER = "https://op.example"
CLIENT = "rp1"
GONE = object()
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "iat": NOW,
    "exp": NOW + 120,
    "jti": "j",
    "events": {EVENT: {}},
    "sub": "alice",
    "sid": "s1",
}


def checked(
    claims: dict[str, Any] | None = None, header: dict[str, Any] | None = None, **arguments: Any
) -> LogoutToken:
    """
    The Logout Token of the usual claims with *claims* changed.
    """
    members = {name: value for name, value in {**CLAIMS, **(claims or {})}.items() if value is not GONE}
    return check(
        UnverifiedToken(header={"alg": "RS256", **(header or {})}, claims=members, signing_input=b"", signature=b""),
        **{
            "issuer": ISSUER,
            "client_id": CLIENT,
            "algorithm": "RS256",
            "now": NOW,
            "typed_only": False,
            "allow_missing_exp": False,
            **arguments,
        },
    )


ACCEPTED: list[tuple[str, Any]] = [
    *[("aud", value) for value in ([CLIENT], [CLIENT, "other"], ["other", CLIENT, CLIENT])],
    *[("iat", value) for value in (NOW + 60, NOW - 86_400, int(NOW), 0, NOW - 0.5)],
    *[("exp", value) for value in (NOW - 59, NOW + 86_400, NOW + 86_400 * 365, int(NOW + 5), NOW + 0.5)],
    *[("nbf", value) for value in (NOW + 60, 0)],
    *[("jti", value) for value in ("x", "x" * 1024, "\u00e9")],
    *[("sid", value) for value in (GONE, "x", "x" * 1024, "\u00e9 %/?#")],
    *[("sub", value) for value in (GONE, "x" * 255, "a b")],
    ("events", {EVENT: {"unknown": [1]}, "http://other.example/event": None}),
    *[(name, None) for name in ("azp", "unknown", "auth_time", "trace_id")],
    ("toe", 7),
]
REFUSED: list[tuple[str, Any]] = [
    *[(name, GONE) for name in ("iss", "aud", "iat", "exp", "jti", "events")],
    *[(name, None) for name in (*CLAIMS, "nbf", "nonce")],
    *[(name, True) for name in (*CLAIMS, "nbf", "nonce")],
    *[("aud", value) for value in ("other", "RP1", [], [CLIENT, 7], {CLIENT: 1})],
    *[("iat", value) for value in (NOW + 61, str(NOW), -1, 1e300, float("nan"), float("inf"))],
    *[("exp", value) for value in (NOW - 60, 0, -1, 1e300, 10**30, float("nan"), float("inf"))],
    *[("events", value) for value in (EVENT, [EVENT], {}, {EVENT: None}, {EVENT: "x"}, {EVENT: []})],
    *[("jti", value) for value in ("", "x" * 1025, 7)],
    *[("sid", value) for value in ("", "x" * 1025, 7)],
    *[("sub", value) for value in ("", "x" * 256, "\u00e9", "a\n")],
    ("nonce", ""),
]


class CheckTests(SynchronousTestCase):
    """
    Tests for `check`.
    """

    def test_read(self) -> None:
        """
        A Logout Token says whose session is over, and when that was; a person's names are not shown.
        """
        token = checked()
        self.assertEqual((token.iss, token.sub, token.sid, token.jti), (ISSUER, "alice", "s1", "j"))
        self.assertEqual((token.iat, token.exp, token.client_id, token.is_typed), (NOW, NOW + 120, None, False))
        self.assertNotIn("alice", repr(token))
        self.assertNotIn("s1", repr(token))
        self.assertNotIn("jti", repr(token))

    def test_accepted(self) -> None:
        """
        What real providers send is accepted.
        """
        for name, value in ACCEPTED:
            with self.subTest(name, value=str(value)[:40]):
                self.assertEqual(checked({name: value}).iss, ISSUER)

    def test_refused(self) -> None:
        """
        What the specification forbids is refused, and not quoted.
        """
        for name, value in REFUSED:
            with self.subTest(name, value=str(value)[:40]):
                refusal = self.assertRaises(InvalidToken, checked, {name: value})
                self.assertNotIn("alice", refusal.reason)
        self.assertRaises(InvalidToken, checked, {"sub": GONE, "sid": GONE})

    def test_types(self) -> None:
        """
        A token may say nothing of its type, that it is a JWT, or that it is a Logout Token, in the ways of the RFCs.
        """
        for typ, is_typed in (
            (None, False),
            ("JWT", False),
            ("jwt", False),
            ("application/JWT", False),
            ("logout+jwt", True),
            ("LOGOUT+JWT", True),
            ("application/logout+jwt", True),
            ("Application/Logout+jwt", True),
        ):
            with self.subTest(typ):
                header = {} if typ is None else {"typ": typ}
                self.assertIs(checked(header=header).is_typed, is_typed)
                if is_typed:
                    self.assertTrue(checked(header=header, typed_only=True).is_typed)
                else:
                    self.assertRaises(InvalidToken, checked, header=header, typed_only=True)
        for typ in ("", "at+jwt", "logout", "logout+jwt ", "text/logout+jwt", "logout+j\u017ft", "\u212aWT", 7, None):
            with self.subTest(typ):
                self.assertRaises(InvalidToken, checked, header={"typ": typ} if typ is not None else {"typ": []})

    def test_without_exp(self) -> None:
        """
        Where it is configured so, a token without exp is good for two minutes; an exp that is there counts.
        """
        token = checked({"exp": GONE}, allow_missing_exp=True)
        self.assertEqual(token.exp, NOW + 120)
        self.assertEqual(checked({"exp": GONE, "iat": NOW - 119}, allow_missing_exp=True).exp, NOW + 1)
        for claims in ({"exp": GONE, "iat": NOW - 120}, {"exp": None}, {"exp": NOW - 60}):
            with self.subTest(str(claims)):
                self.assertRaises(InvalidToken, checked, claims, allow_missing_exp=True)
        refusal = self.assertRaises(InvalidToken, checked, {"exp": GONE})
        self.assertIn("backchannel_logout_allow_missing_exp", refusal.reason)

    def test_alg(self) -> None:
        """
        Only the one alg is taken, and a token by the client's own secret is about that client's sessions only.
        """
        for algorithm in ("RS384", "PS256", "ES256", "HS256"):
            with self.subTest(algorithm):
                self.assertRaises(InvalidToken, checked, header={"alg": algorithm})
        self.assertEqual(checked(header={"alg": "HS256"}, algorithm="HS256").client_id, CLIENT)

    def test_audience(self) -> None:
        """
        An audience is a text or a list of texts.
        """
        self.assertEqual(audience({"aud": "a"}), ("a",))
        self.assertEqual(audience({"aud": ["a", "b"]}), ("a", "b"))
        for wrong in (None, 7, {}, [7], [["a"]], True):
            with self.subTest(str(wrong)):
                self.assertRaises(InvalidToken, audience, {"aud": wrong})
        self.assertRaises(InvalidToken, audience, {})
