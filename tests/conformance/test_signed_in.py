"""
Checks 19 to 30: from the OP's answer to a session on every route.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

from pomerium_tx.demo.messages import Fault
from tests.conformance.case import SIGN_IN, CheckTestCase, location_of, query_of, set_cookies, with_query
from tests.scenarios.browser import Response
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP


class TokenTests(CheckTestCase):
    """
    What the OP says about the person.
    """

    def _sign_in_fails(self) -> None:
        alice = self.browser()
        response = alice.get(self.callback_url(alice), follow=False)
        self.assert_nobody_signed_in(alice, response)
        # The OP knows the browser now; nothing of that may reach the next try.
        self.assertNotEqual(alice.cookie("op.example.com", "op_session"), None)

    def test_19_id_token(self) -> None:
        """
        An id_token with wrong aud, iss, signature or time: the login fails, no cookie.
        """
        for changed in (
            {"aud": "somebody-else"},
            {"iss": "https://other.example.org"},
            {"exp": self.now() - 3600},
        ):
            with self.subTest(changed=changed):
                self.provider.alterations["id_token"] = lambda claims, changed=changed: {**claims, **changed}
                self._sign_in_fails()
        del self.provider.alterations["id_token"]
        with self.subTest(changed="signature"):
            self.provider.alterations["token"] = _with_broken_signature
            self._sign_in_fails()

    def test_20_userinfo(self) -> None:
        """
        A userinfo failure fails the login.
        """
        for fault in (Fault(status=500), Fault(status=401), Fault(status=200, body=b"<html>")):
            with self.subTest(fault=fault):
                self.provider.faults["userinfo"] = fault
                self._sign_in_fails()

    def test_28_oid(self) -> None:
        """
        The ``oid`` claim wins over ``sub``, which the session keeps beside it.
        """
        self.provider.alterations["id_token"] = lambda claims: {**claims, "oid": "the-oid"}
        self.sign_in(self.browser())
        claims = self.assertion_claims(self.app.take())
        self.assertEqual((claims["sub"], claims["user"]), ("the-oid", "the-oid"))
        (session,) = self.house.registry.sessions()
        self.assertEqual((session.user_id, session.sub), ("the-oid", "248289761001"))

    def test_30_nonce(self) -> None:
        """
        A nonce is sent and verified.
        """
        nonces = {query_of(location_of(self.to_op(self.browser())))["nonce"] for _ in range(3)}
        self.assertEqual(len(nonces), 3)
        for changed in (
            lambda claims: {**claims, "nonce": "another"},
            lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
        ):
            self.provider.alterations["id_token"] = changed
            self._sign_in_fails()


class HandoverTests(CheckTestCase):
    """
    From the authenticate host to the route.
    """

    def test_21_callback(self) -> None:
        """
        Success is the ``_pomerium_authenticate`` cookie and a 302 to the sign_in URL.
        """
        alice = self.browser()
        asked = self.sign_in_url(alice, APP + "/wanted")
        response = alice.get(self.callback_url(alice, APP + "/wanted"), follow=False)
        self.assertEqual(response.status, 302)
        self.assertTrue(set_cookies(response)["_pomerium_authenticate"][0])
        back = location_of(response)
        self.assertTrue(back.startswith(SIGN_IN + "?"))
        for name in ("pomerium_redirect_uri", "pomerium_idp_id"):
            self.assertEqual(query_of(back)[name], query_of(asked)[name])
        self.signer.verify(back, self.now())

    def test_22_tampered(self) -> None:
        """
        Sign_in with a tampered query and a live session gets 400.
        """
        alice = self.browser()
        self.sign_in(alice)
        url = self.sign_in_url(self.browser())
        self.assertEqual(alice.get(url, follow=False).status, 302)
        response = alice.get(with_query(url, pomerium_redirect_uri=CHAT + "/"), follow=False)
        self.assertEqual((response.status, response.get("Location")), (400, None))

    def test_23_sign_in(self) -> None:
        """
        Sign_in with a session is a 302 to the route's callback with pomerium_session_encrypted.
        """
        location = self.handover_url(self.browser(), APP + "/wanted")
        self.assertTrue(location.startswith(APP + "/.pomerium/callback/?"))
        query = query_of(location)
        self.assertTrue(query["pomerium_session_encrypted"])
        self.assertEqual(query["pomerium_redirect_uri"], APP + "/wanted")

    def test_24_cookie(self) -> None:
        """
        The route's callback sets ``_pomerium`` and is a 302 to the redirect_uri.
        """
        alice = self.browser()
        response = alice.get(self.handover_url(alice, APP + "/wanted?x=1"), follow=False)
        self.assertEqual((response.status, location_of(response)), (302, APP + "/wanted?x=1"))
        self.assertTrue(set_cookies(response)["_pomerium"][0])

    def test_25_refused(self) -> None:
        """
        An unsigned callback gets 400; an undecryptable session 5xx, no cookie.
        """
        alice = self.browser()
        url = self.handover_url(alice)
        unsigned = alice.get(with_query(url, pomerium_signature=None), follow=False)
        self.assertEqual((unsigned.status, set_cookies(unsigned)), (400, {}))
        sealed = query_of(url)["pomerium_session_encrypted"]
        for broken in ("rubbish", sealed[:-2] + ("AA" if sealed[-2:] != "AA" else "BB"), ""):
            with self.subTest(broken=broken):
                signed = self.signer.sign(with_query(url, pomerium_session_encrypted=broken), self.now())
                response = alice.get(signed, follow=False)
                self.assertEqual((response.status // 100, set_cookies(response)), (5, {}))

    def test_26_second_route(self) -> None:
        """
        The second route signs in without visiting the OP, and shares the session id.
        """
        alice = self.browser()
        self.sign_in(alice)
        page = alice.get(CHAT + "/")
        self.assertEqual((page.status, page.url), (200, CHAT + "/"))
        self.assertFalse([url for url in page.trail if url.startswith(OP)])
        ids = {self.handle(self.handle_of(alice, origin)).session_id for origin in (APP, CHAT)}
        self.assertEqual(len(ids), 1)


class DefaultCookieTests(CheckTestCase):
    """
    Cookies where nothing is configured.
    """

    def test_27_defaults(self) -> None:
        """
        Host-only, HttpOnly, Secure, no SameSite, for the 14 hours of the session; Expires alone says so.
        """
        for name, response in _sign_in_responses(self):
            value, attributes = set_cookies(response)[name]
            with self.subTest(name=name):
                self.assertTrue(value)
                self.assertEqual(set(attributes), {"path", "expires", "httponly", "secure"})
                self.assertEqual(attributes["path"], "/")
                expires = parsedate_to_datetime(attributes["expires"]).timestamp()
                self.assertEqual(expires, self.now() + 14 * 3600)


class ConfiguredCookieTests(CheckTestCase):
    """
    Cookies by configuration.
    """

    settings = {
        "cookie_name": "sso",
        "cookie_domain": "example.com",
        "cookie_http_only": False,
        "cookie_same_site": "none",
        "cookie_expire": "1h",
    }

    def test_27_options(self) -> None:
        """
        Cookie flags follow the ``cookie_*`` options; Secure always.
        """
        for name, response in _sign_in_responses(self):
            _, attributes = set_cookies(response)[name.replace("_pomerium", "sso")]
            with self.subTest(name=name):
                self.assertEqual(set(attributes), {"path", "domain", "expires", "samesite", "secure"})
                self.assertEqual((attributes["domain"], attributes["samesite"]), ("example.com", "None"))
                expires = parsedate_to_datetime(attributes["expires"]).timestamp()
                self.assertEqual(expires, self.now() + 3600)


def _sign_in_responses(case: CheckTestCase) -> list[tuple[str, Response]]:
    alice = case.browser()
    on_authenticate = alice.get(case.callback_url(alice), follow=False)
    handover = location_of(alice.get(location_of(on_authenticate), follow=False))
    assert location_of(on_authenticate).startswith(AUTHENTICATE)
    return [("_pomerium_authenticate", on_authenticate), ("_pomerium", alice.get(handover, follow=False))]


def _with_broken_signature(document: dict[str, object]) -> Any:
    id_token = str(document["id_token"])
    signed, _, signature = id_token.rpartition(".")
    return {**document, "id_token": f"{signed}.{signature[::-1]}"}
