"""
Tests for `pomerium_tx.oidc.token_response`.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.oidc.fetch import Answer, ProviderUnavailable
from pomerium_tx.oidc.token_response import AuthenticationRefused, read, refusal

GOOD = {"access_token": "at", "token_type": "Bearer", "expires_in": 60, "refresh_token": "rt", "id_token": "it"}


def answer(members: Any, status: int = 200) -> Answer:
    """
    An answer with a JSON body.
    """
    body = members if isinstance(members, bytes) else json.dumps(members).encode()
    return Answer(status=status, media_type="application/json", body=body)


class ReadTests(SynchronousTestCase):
    """
    Tests for `read`.
    """

    def test_all(self) -> None:
        """
        The tokens are read and not shown.
        """
        tokens = read(answer({**GOOD, "access_token": "s3cret", "unknown": []}))
        self.assertEqual((tokens.access_token, tokens.refresh_token, tokens.id_token), ("s3cret", "rt", "it"))
        self.assertEqual(tokens.expires_in, 60.0)
        self.assertEqual(repr(tokens), "TokenResponse(expires_in=60.0)")

    def test_least(self) -> None:
        """
        An access token and its type are enough; null and empty are absent.
        """
        for more in ({}, {"refresh_token": None, "id_token": None, "expires_in": None}, {"refresh_token": ""}):
            with self.subTest(str(more)):
                tokens = read(answer({"access_token": "at", "token_type": "bearer", **more}))
                self.assertEqual((tokens.refresh_token, tokens.id_token, tokens.expires_in), (None, None, None))

    def test_expires_in(self) -> None:
        """
        A life may come as digits in a string; one that is no sensible number of seconds is refused.
        """
        for value, read_as in ((0, 0.0), (3599.5, 3599.5), ("3600", 3600.0)):
            with self.subTest(str(value)):
                self.assertEqual(read(answer({**GOOD, "expires_in": value})).expires_in, read_as)
        for value in (-1, "-1", 1e300, "1e300", 10**39, "9999999999", "", "soon", "\u0663", True, [60], {"s": 60}):
            with self.subTest(str(value)):
                self.assertRaises(ProviderUnavailable, read, answer({**GOOD, "expires_in": value}))
        self.assertRaises(ProviderUnavailable, read, answer(b'{"expires_in":Infinity}'))

    def test_token_type(self) -> None:
        """
        A token of another type than Bearer is not used.
        """
        for value in (None, "", "mac", "Bearer ", "DPoP", 7, ["Bearer"]):
            with self.subTest(str(value)):
                self.assertRaises(ProviderUnavailable, read, answer({**GOOD, "token_type": value}))
        for value in ("Bearer", "bearer", "BEARER"):
            self.assertEqual(read(answer({**GOOD, "token_type": value})).access_token, "at")

    def test_malformed_tokens(self) -> None:
        """
        A token that could not be a header's value is refused.
        """
        for value in ("a\r\nX: y", "a b", "\u00e9", "a\0", 7, ["a"], {"a": 1}, True):
            for name in ("access_token", "refresh_token", "id_token"):
                with self.subTest(name, value=str(value)):
                    self.assertRaises(ProviderUnavailable, read, answer({**GOOD, name: value}))
        for value in (None, ""):
            self.assertRaises(ProviderUnavailable, read, answer({**GOOD, "access_token": value}))

    def test_not_an_object(self) -> None:
        """
        HTML, arrays, nothing and doubled members are no token response.
        """
        for body in (b"<html>", b"[]", b"", b"null", b'{"access_token":"a","access_token":"b"}', b"\xff"):
            for status in (200, 400, 401, 500):
                with self.subTest(body, status=status):
                    self.assertRaises(ProviderUnavailable, read, answer(body, status))

    def test_refused(self) -> None:
        """
        OAuth's errors are refusals, with 400 and 401 only.
        """
        said = {"error": "invalid_grant", "error_description": "no <b>\u202e\n more"}
        for status in (400, 401):
            refused = self.assertRaises(AuthenticationRefused, read, answer(said, status))
            self.assertEqual((refused.error, refused.description), ("invalid_grant", "no <b> more"))
            self.assertEqual(str(refused), "invalid_grant")
        for status in (200, 201, 204, 403, 404, 429, 500, 503):
            with self.subTest(status=status):
                self.assertRaises(ProviderUnavailable, read, answer(said, status))
                if status != 200:
                    self.assertRaises(ProviderUnavailable, read, answer(GOOD, status))

    def test_errors_that_are_none(self) -> None:
        """
        A 400 that does not say OAuth's error refuses nobody.
        """
        for error in (None, 7, "", {}, ["invalid_grant"], "x" * 101, 'a"b', "a\nb", "\u00e9"):
            with self.subTest(str(error)):
                self.assertRaises(ProviderUnavailable, read, answer({"error": error}, 400))


class RefusalTests(SynchronousTestCase):
    """
    Tests for `refusal`.
    """

    def test_description(self) -> None:
        """
        A description of another type is none, a long one is cut.
        """
        for description, shown in ((None, ""), (7, ""), ({}, ""), ("x" * 1000, "x" * 300)):
            refused = refusal("e", description)
            assert refused is not None
            self.assertEqual(refused.description, shown)
