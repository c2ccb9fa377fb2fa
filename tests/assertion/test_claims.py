"""
What an application is told about a person.
"""

from __future__ import annotations

import math

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.assertion.claims import BASE_CLAIMS, assertion_claims, claim_headers
from pomerium_tx.sessions.session import Session
from tests.policy.people import alice


def told(session: Session | None, *extra: str) -> dict[str, object]:
    """
    The claims for an application at ``app.test``, without what differs each time.
    """
    return assertion_claims(session, issuer="app.test", audience="app.test", now=1000.9, extra=extra)


class ClaimsTests(SynchronousTestCase):
    """
    Pomerium's eleven claims, and the configured ones.
    """

    def test_person(self) -> None:
        """
        All eleven are there, about the person, for five minutes.
        """
        claims = told(alice())
        self.assertEqual(len(str(claims.pop("jti"))), 36)
        self.assertEqual(
            claims,
            {
                "iss": "app.test",
                "aud": "app.test",
                "iat": 1000,
                "exp": 1300,
                "sub": "alice",
                "user": "alice",
                "email": "alice@example.com",
                "groups": ["staff", "readers"],
                "sid": "session-of-alice",
                "name": "Alice Liddell",
            },
        )

    def test_nobody(self) -> None:
        """
        All eleven are there about nobody too, and name nobody.
        """
        claims = told(None, "department")
        self.assertEqual(set(claims), BASE_CLAIMS)
        self.assertEqual([claims[name] for name in ("sub", "user", "email", "sid", "name")], [""] * 5)
        self.assertEqual(claims["groups"], [])

    def test_jti(self) -> None:
        """
        No two assertions have the same ``jti``.
        """
        self.assertNotEqual(told(alice())["jti"], told(alice())["jti"])

    def test_name(self) -> None:
        """
        Without a name in the session, the claim speaks.
        """
        self.assertEqual(told(alice(name="", claims={"name": ("Alice", "Liddell")}))["name"], "Alice,Liddell")
        self.assertEqual(told(alice(name="", claims={}))["name"], "")

    def test_groups(self) -> None:
        """
        Groups are always a list of strings.
        """
        self.assertEqual(told(alice(claims={}))["groups"], [])
        self.assertEqual(told(alice(claims={"groups": (7, "x", None, {"a": 1}, True)}))["groups"], ["7", "x", "true"])

    def test_extra(self) -> None:
        """
        A configured claim is told if the session has it, its values joined, whatever has no plain form left out.
        """
        values = ("a", 1, 2.0, 2.5, True, False, None, {"x": 1}, ["y"])
        claims = told(alice(claims={"department": values, "secret": ("s",)}), "department", "absent")
        self.assertEqual(claims["department"], "a,1,2,2.5,true,false")
        self.assertNotIn("absent", claims)
        self.assertNotIn("secret", claims)

    def test_base_claims_stay(self) -> None:
        """
        A claim of the provider never replaces one of ours.
        """
        forged = dict.fromkeys(BASE_CLAIMS - {"groups"}, ("forged",))
        claims = told(alice(claims=forged), *BASE_CLAIMS)
        self.assertNotIn("forged", claims.values())


class ClaimHeadersTests(SynchronousTestCase):
    """
    Claims as header fields.
    """

    def test_values(self) -> None:
        """
        A list is joined by commas, a missing claim is empty, and text is UTF-8.
        """
        claims = {"email": "a@b.test", "groups": ["x", "y"], "iat": 5, "name": "José", "odd": {"a": 1}}
        names = {
            "x-email": "email",
            "x-groups": "groups",
            "x-iat": "iat",
            "x-name": "name",
            "x-no": "no",
            "x-odd": "odd",
        }
        self.assertEqual(
            claim_headers(claims, names),
            (
                (b"x-email", b"a@b.test"),
                (b"x-groups", b"x,y"),
                (b"x-iat", b"5"),
                (b"x-name", "José".encode()),
                (b"x-no", b""),
                (b"x-odd", b""),
            ),
        )

    def test_one_line(self) -> None:
        """
        Whatever a claim says, it stays inside its own field.
        """
        for claim in ("a\r\nX-Admin: yes", "\x00a\x7f", "\na\n", "a\x85b", ["a\r\nb", "c"], "\ud800"):
            with self.subTest(claim=claim):
                ((_, value),) = claim_headers({"c": claim}, {"x-c": "c"})
                self.assertNotRegex(value, rb"[\x00-\x1f\x7f]")
                self.assertEqual(value, value.strip())

    def test_unusual_numbers(self) -> None:
        """
        No number makes it fail.
        """
        for claim in (math.inf, math.nan, 1e300, -0.0, 10**30):
            with self.subTest(claim=claim):
                ((_, value),) = claim_headers({"c": claim}, {"x-c": "c"})
                self.assertNotEqual(value, b"")
