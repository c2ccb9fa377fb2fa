"""
Tests for `pomerium_tx.demo.authorization`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.authorization import (
    AuthenticationRequest,
    ResponseRefused,
    one,
    parse_query,
    read_request,
    response_location,
)
from pomerium_tx.demo.ledger import OPSession, RequestRefused
from pomerium_tx.demo.registration import ALICE
from tests.demo.support import CALLBACK, CHALLENGE, ISSUER, OTHER, RP, authorization_url, query_of

CLIENTS = {"rp": RP, "other": OTHER}


def read(extra: str = "", **changes: str | None) -> AuthenticationRequest:
    """
    The request of a good URL, but for *changes*.
    """
    return read_request(urlsplit(authorization_url(**changes)).query + extra, CLIENTS)


class ReadRequestTests(SynchronousTestCase):
    """
    An Authentication Request is read strictly.
    """

    def test_good(self) -> None:
        """
        A good request is understood whole.
        """
        request = read(prompt="login select_account", max_age="30")
        self.assertIs(request.client, RP)
        self.assertEqual(request.redirect_uri, CALLBACK)
        self.assertEqual((request.state, request.nonce), ("the state", "the nonce"))
        self.assertEqual(request.code_challenge, CHALLENGE)
        self.assertEqual(request.prompt, {"login", "select_account"})
        self.assertEqual(request.max_age, 30.0)

    def test_without_options(self) -> None:
        """
        What is optional may be missing.
        """
        request = read(state=None, nonce=None, code_challenge=None, code_challenge_method=None)
        self.assertEqual((request.state, request.nonce, request.code_challenge), (None, None, None))

    def test_nobody_is_told(self) -> None:
        """
        Without a known client and one of its URIs, nobody is sent anywhere.
        """
        table: list[tuple[str, dict[str, str | None]]] = [
            ("", {"client_id": "unknown"}),
            ("", {"client_id": None}),
            ("&client_id=rp", {}),
            ("", {"redirect_uri": None}),
            ("", {"redirect_uri": CALLBACK + "?x=1"}),
            ("", {"redirect_uri": OTHER.redirect_uris[0]}),
            ("&redirect_uri=http://evil.test/", {}),
            ("&a=b" * 101, {}),
        ]
        for extra, changes in table:
            with self.subTest(extra=extra[:20], changes=changes):
                refused = self.assertRaises(RequestRefused, read, extra, **changes)
                self.assertNotIsInstance(refused, ResponseRefused)

    def test_relying_party_is_told(self) -> None:
        """
        Any other fault is the relying party's to learn, with its state and our issuer.
        """
        table: list[tuple[str, str, dict[str, str | None]]] = [
            ("unsupported_response_type", "", {"response_type": "token"}),
            ("unsupported_response_type", "", {"response_type": None}),
            ("invalid_request", "", {"response_mode": "form_post"}),
            ("invalid_scope", "", {"scope": "profile"}),
            ("invalid_scope", "", {"scope": None}),
            ("invalid_request", "", {"prompt": "none login"}),
            ("invalid_request", "", {"prompt": "sudo"}),
            ("invalid_request", "", {"max_age": "-1"}),
            ("invalid_request", "", {"code_challenge_method": None}),
            ("invalid_request", "", {"code_challenge_method": "plain"}),
            ("invalid_request", "", {"code_challenge": "short"}),
            ("invalid_request", "", {"code_challenge": None}),
            ("invalid_request", "&nonce=again", {}),
            ("request_not_supported", "", {"request": "e30.e30."}),
            ("request_uri_not_supported", "", {"request_uri": "https://x"}),
        ]
        for error, extra, changes in table:
            with self.subTest(error=error, extra=extra, changes=changes):
                refused = self.assertRaises(ResponseRefused, read, extra, **changes)
                told = query_of(refused.location(ISSUER))
                self.assertEqual((told["error"], told["state"], told["iss"]), (error, "the state", ISSUER))

    def test_repeated_state(self) -> None:
        """
        A repeated ``state`` is an error, and neither value is sent back.
        """
        refused = self.assertRaises(ResponseRefused, read, "&state=b")
        self.assertNotIn("state", query_of(refused.location(ISSUER)))

    def test_nothing_secret_is_shown(self) -> None:
        """
        State, nonce and challenge are not in a request's ``repr``.
        """
        shown = repr(read(state="the-state", nonce="the-nonce"))
        for secret in ("the-state", "the-nonce", CHALLENGE):
            self.assertNotIn(secret, shown)


class NeedsAuthenticationTests(SynchronousTestCase):
    """
    Whether the person has to authenticate anew.
    """

    def test_table(self) -> None:
        """
        Without a session, by ``prompt=login``, and when the last time is longer ago than ``max_age``.
        """
        session = OPSession(handle="h", sid="s", user=ALICE, auth_time=100.0, expires=1000.0)
        table = [
            (read(), None, True),
            (read(), session, False),
            (read(prompt="login"), session, True),
            (read(prompt="select_account"), session, False),
            (read(max_age="10"), session, False),
            (read(max_age="9"), session, True),
            (read(max_age="0"), session, True),
        ]
        for request, current, expected in table:
            with self.subTest(prompt=request.prompt, max_age=request.max_age):
                self.assertIs(request.needs_authentication(current, 110.0), expected)


class ParametersTests(SynchronousTestCase):
    """
    How parameters are read and written.
    """

    def test_one(self) -> None:
        """
        An absent and an empty parameter are the same; a repeated one is refused.
        """
        parameters = parse_query("a=1&b=&c=1&c=1")
        self.assertEqual(one(parameters, "a"), "1")
        self.assertIsNone(one(parameters, "b"))
        self.assertIsNone(one(parameters, "d"))
        self.assertRaises(RequestRefused, one, parameters, "c")

    def test_location(self) -> None:
        """
        The URI's own query is kept, the response follows.
        """
        location = response_location("http://rp/cb?own=1", {"code": "a b"}, state="s&", issuer=ISSUER)
        self.assertEqual(query_of(location), {"own": "1", "code": "a b", "state": "s&", "iss": ISSUER})
        self.assertEqual(response_location("http://rp/out", {}, state=None), "http://rp/out")
