"""
Tests for `pomerium_tx.oidc.id_token`.
"""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.jose.jwt import InvalidToken, Verified
from pomerium_tx.oidc.id_token import IdToken, check, check_times_given, identity, merge_claims
from tests.doubles.keys import b64

NOW = 1_800_000_000.0
ISSUER = "https://op.example"
CLIENT = "rp1"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "alice",
    "aud": CLIENT,
    "iat": NOW,
    "exp": NOW + 300,
    "nonce": "n",
    "sid": "s1",
    "auth_time": NOW - 5,
}
GONE = object()
YEAR_10_000 = 253_402_300_800


def at_hash(name: str, access_token: str = "at") -> str:
    """
    The left half of a hash.
    """
    digest = hashlib.new(name, access_token.encode()).digest()
    return b64(digest[: len(digest) // 2])


def checked(claims: dict[str, Any], header: dict[str, Any] | None = None, **arguments: Any) -> IdToken:
    """
    The ID Token of the usual claims with *claims* changed.
    """
    members = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not GONE}
    return check(
        Verified(header={"alg": "RS256", **(header or {})}, claims=members),
        "raw",
        **{"issuer": ISSUER, "client_id": CLIENT, "now": NOW, "nonce": "n", "access_token": "at", **arguments},
    )


REFUSED: list[tuple[str, Any]] = [
    *[("iss", value) for value in (GONE, None, ISSUER + "/", "https://OP.example", "https://evil.test", [ISSUER])],
    *[
        ("aud", value)
        for value in (GONE, None, "", "other", "rp", "rp1x", "RP1", [], ["other"], [CLIENT, 7], [[CLIENT]])
    ],
    *[("aud", value) for value in ({CLIENT: 1}, 7, [CLIENT, "other"])],
    *[("azp", value) for value in ("other", "", 7, [CLIENT])],
    *[("sub", value) for value in (GONE, None, "", 7, ["alice"], "x" * 256, "\u00e9", "a\nb", "a\0")],
    *[
        ("exp", value)
        for value in (GONE, None, NOW - 60, NOW - 61, 0, "9999999999", YEAR_10_000, 1e300, 10**30, -1, True, [NOW], {})
    ],
    *[
        ("iat", value)
        for value in (GONE, None, NOW + 61, NOW + 3600, NOW - 3601, NOW - 86400, str(NOW), True, -1, 1e300)
    ],
    *[("nbf", value) for value in (None, NOW + 61, "0", 1e300)],
    *[("nonce", value) for value in (GONE, None, "", "x", "N", 7, ["n"])],
    *[("sid", value) for value in ("", 7, ["s1"], {}, "x" * 1025)],
    *[("auth_time", value) for value in ("0", [0], -1, 1e300, True)],
    *[
        ("at_hash", value)
        for value in (None, "", 7, at_hash("sha512"), at_hash("sha256", "other"), at_hash("sha256") + "=")
    ],
    *[("events", value) for value in (None, {}, {"http://schemas.openid.net/event/backchannel-logout": {}})],
]
ACCEPTED: list[tuple[str, Any]] = [
    *[("aud", value) for value in ([CLIENT], [CLIENT, CLIENT])],
    ("azp", CLIENT),
    ("sub", "x" * 255),
    *[("exp", value) for value in (NOW - 59, NOW + 0.5, YEAR_10_000 - 1)],
    *[("iat", value) for value in (NOW + 60, NOW - 3600, NOW - 3599, int(NOW))],
    ("nbf", NOW + 60),
    *[("sid", value) for value in (GONE, None, "x", "x" * 1024)],
    *[("auth_time", value) for value in (GONE, None, 0, NOW - 0.25)],
    *[("at_hash", value) for value in (GONE, at_hash("sha256"))],
    *[("unknown", value) for value in (None, [], {"x": 1})],
]


class CheckTests(SynchronousTestCase):
    """
    Tests for `check`.
    """

    def test_read(self) -> None:
        """
        An ID Token says who, for whom, in which session, and when; what is secret in it is not shown.
        """
        token = checked({"aud": [CLIENT], "nonce": "n0nce"}, nonce="n0nce")
        self.assertEqual(
            (token.raw, token.iss, token.sub, token.aud, token.sid), ("raw", ISSUER, "alice", (CLIENT,), "s1")
        )
        self.assertEqual((token.iat, token.exp, token.auth_time, token.nonce), (NOW, NOW + 300, NOW - 5, "n0nce"))
        self.assertNotIn("raw", repr(token))
        self.assertNotIn("n0nce", repr(token))

    def test_accepted(self) -> None:
        """
        What real providers send is accepted.
        """
        for name, value in ACCEPTED:
            with self.subTest(name, value=str(value)[:40]):
                self.assertEqual(checked({name: value}).iss, ISSUER)
        self.assertEqual(checked({"aud": [CLIENT, "other"], "azp": CLIENT}).aud, (CLIENT, "other"))

    def test_refused(self) -> None:
        """
        What a specification forbids is refused, and is not quoted.
        """
        for name, value in REFUSED:
            with self.subTest(name, value=str(value)[:40]):
                refusal = self.assertRaises(InvalidToken, checked, {name: value})
                self.assertNotIn("evil", refusal.reason)

    def test_audiences_of_wrong_types(self) -> None:
        """
        An audience that is not a name is refused, also where ``azp`` names us.
        """
        for other in (7, None, [], {}):
            with self.subTest(str(other)):
                self.assertRaises(InvalidToken, checked, {"aud": [CLIENT, other], "azp": CLIENT})

    def test_types(self) -> None:
        """
        A token that says it is of another type is not an ID Token.
        """
        for typ in ("JWT", "jwt", "application/jwt"):
            self.assertEqual(checked({}, {"typ": typ}).sub, "alice")
        for typ in ("at+jwt", "logout+jwt", "application/at+jwt", "", "token-introspection+jwt"):
            with self.subTest(typ):
                self.assertRaises(InvalidToken, checked, {}, {"typ": typ})

    def test_nonce_of_a_refreshed_token(self) -> None:
        """
        A refreshed token has the nonce of the sign-in or none (section 12.2).
        """
        for said, accepted in ((None, True), ("n-1", True), ("n-2", False), ("", False)):
            with self.subTest(said=said):
                changes = {"nonce": GONE if said is None else said}
                if accepted:
                    self.assertEqual(checked(changes, nonce=None, earlier_nonce="n-1").sub, "alice")
                else:
                    self.assertRaises(InvalidToken, checked, changes, nonce=None, earlier_nonce="n-1")

    def test_at_hash(self) -> None:
        """
        The hash of the access token is the one that the token's own algorithm names.
        """
        for algorithm, name in (("ES384", "sha384"), ("PS512", "sha512"), ("EdDSA", "sha512"), ("HS256", "sha256")):
            with self.subTest(algorithm):
                self.assertEqual(checked({"at_hash": at_hash(name)}, {"alg": algorithm}).sub, "alice")
                wrong = "sha384" if name != "sha384" else "sha256"
                self.assertRaises(InvalidToken, checked, {"at_hash": at_hash(wrong)}, {"alg": algorithm})
        self.assertEqual(checked({"at_hash": "x"}, access_token=None).sub, "alice")

    def test_refreshed(self) -> None:
        """
        A refreshed token needs no nonce and may be the old one, but is about the same End-User.
        """
        for claims in ({"nonce": GONE}, {"nonce": "other"}, {"iat": NOW - 86400}):
            with self.subTest(str(claims)):
                self.assertEqual(checked(claims, nonce=None, sub="alice").sub, "alice")
        self.assertRaises(InvalidToken, checked, {}, nonce=None, sub="bob")
        self.assertRaises(InvalidToken, checked, {"exp": NOW - 61}, nonce=None, sub="alice")

    def test_at_hash_of_any_letters(self) -> None:
        """
        The hash is compared whole, whatever letter it ends with.
        """
        endings = set()
        for number in range(400):
            said = at_hash("sha384", f"at{number}")
            endings.add(said[-1])
            checked({"at_hash": said}, header={"alg": "RS384"}, access_token=f"at{number}")
        self.assertLessEqual(set("AXx_"), endings)

    def test_max_age_to_the_second(self) -> None:
        """
        An authentication may be as old as was asked for, or in the future, by a minute for clocks and no more.
        """
        for auth_time, is_good in ((-160, True), (-161, False), (60, True), (61, False)):
            with self.subTest(auth_time=auth_time):
                if is_good:
                    checked({"auth_time": NOW + auth_time}, max_age=100)
                else:
                    self.assertRaises(InvalidToken, checked, {"auth_time": NOW + auth_time}, max_age=100)

    def test_max_age(self) -> None:
        """
        Where a recent authentication was asked for, one that is older or unknown is refused.
        """
        self.assertEqual(checked({"auth_time": NOW - 100}, max_age=100.0).sub, "alice")
        for auth_time in (NOW - 161, NOW + 61, 0, GONE, None):
            with self.subTest(str(auth_time)):
                self.assertRaises(InvalidToken, checked, {"auth_time": auth_time}, max_age=100.0)


class TimesGivenTests(SynchronousTestCase):
    """
    Tests for `check_times_given`.
    """

    def test_times(self) -> None:
        """
        A token that says its times is believed between them, with a minute for clocks; what it does not say, it does
        not say.
        """
        for name, value, is_good in (
            ("exp", NOW - 59, True),
            ("exp", NOW - 60, False),
            ("exp", "x", False),
            ("exp", None, False),
            *[(name, NOW + 60, True) for name in ("iat", "nbf")],
            *[(name, NOW + 61, False) for name in ("iat", "nbf")],
            *[(name, "x", False) for name in ("iat", "nbf")],
            ("unknown", "x", True),
        ):
            with self.subTest(name=name, value=value):
                if is_good:
                    check_times_given({name: value}, NOW)
                else:
                    self.assertRaises(InvalidToken, check_times_given, {name: value}, NOW)
        check_times_given({}, NOW)


class MergeClaimsTests(SynchronousTestCase):
    """
    Tests for `merge_claims`.
    """

    def test_merged(self) -> None:
        """
        UserInfo's claims go before the ID Token's, except where it says nothing; what is about the token is left out.
        """
        merged = merge_claims(
            {**CLAIMS, "email": "old@x", "name": "Alice", "at_hash": "h"},
            {"sub": "alice", "email": "new@x", "name": None, "groups": ["a", "b"]},
        )
        self.assertEqual(
            merged,
            {
                "sub": ("alice",),
                "aud": (CLIENT,),
                "sid": ("s1",),
                "auth_time": (NOW - 5,),
                "email": ("new@x",),
                "name": ("Alice",),
                "groups": ("a", "b"),
            },
        )

    def test_about_the_token(self) -> None:
        """
        What a token says about itself is no claim about a person, whichever of the two says it.
        """
        about = dict.fromkeys(("iss", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash", "s_hash"), "x")
        self.assertEqual(merge_claims({"sub": "alice", **about}, {}), {"sub": ("alice",)})
        self.assertEqual(merge_claims({"sub": "alice"}, {"sub": "alice", **about}), {"sub": ("alice",)})

    def test_first_that_says_something(self) -> None:
        """
        Of several values the first text that is not empty counts.
        """
        self.assertEqual(identity({"sub": ("", 7, "alice"), "email": ("",), "name": (None, "A")}), ("alice", "", "A"))

    def test_flattened(self) -> None:
        """
        Nested claims have dotted names, lists stay lists, null is absent.
        """
        merged = merge_claims(
            {"sub": "a", "x": {"y": {"z": 1}, "n": None, "l": [1, {"k": 2}]}, "e": [], "f": False}, {}
        )
        self.assertEqual(merged, {"sub": ("a",), "x.y.z": (1,), "x.l": (1, {"k": 2}), "e": (), "f": (False,)})

    def test_somebody_else(self) -> None:
        """
        UserInfo about somebody else is not used.
        """
        for sub in ("bob", "Alice", None, 7, ["alice"]):
            with self.subTest(str(sub)):
                self.assertRaises(InvalidToken, merge_claims, CLAIMS, {"sub": sub, "email": "x"})
        self.assertRaises(InvalidToken, merge_claims, CLAIMS, {"email": "x"})


class IdentityTests(SynchronousTestCase):
    """
    Tests for `identity`.
    """

    def test_identity(self) -> None:
        """
        A user is known by ``oid``, else by ``sub``; what is missing or of a wrong type is empty.
        """
        claims = {"sub": ("s",), "oid": ("o",), "email": ("a@x",), "name": ("Alice",)}
        self.assertEqual(identity(claims), ("o", "a@x", "Alice"))
        for oid in ((), (7,), ("",), (None,)):
            with self.subTest(str(oid)):
                self.assertEqual(identity({**claims, "oid": oid})[0], "s")
        self.assertEqual(identity({"sub": ("s",), "email": (7,), "name": ({},)}), ("s", "", ""))
