"""
Checks 1 to 6: URLs that carry their own signature. The sign-in URL stands for all of them.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from pomerium_tx.web.signed_url import UrlSigner
from tests.conformance.case import SIGN_IN, CheckTestCase, location_of, query_of, with_query
from tests.scenarios.world import APP, AUTHENTICATE, CHAT


class SignedUrlTests(CheckTestCase):
    """
    The authenticate host goes on with a signed URL (302) or refuses it (400).
    """

    def setUp(self) -> None:
        super().setUp()
        self.url = self.sign_in_url(self.browser(), APP + "/x?a=1&b=2")

    def test_2_changes(self) -> None:
        """
        Changing any query value, path, host or key fails.
        """
        self.assertEqual(self.status_of(self.url), 302)
        for name, value in query_of(self.url).items():
            with self.subTest(changed=name):
                self.assertEqual(self.status_of(with_query(self.url, **{name: _changed(value)})), 400)
        with self.subTest(changed="path"):
            self.assertEqual(self.status_of(self.signer.sign(SIGN_IN + "?" + _query(self.url), self.now())), 302)
            other = self.signer.sign(AUTHENTICATE + "/.pomerium/sign_out?" + _query(self.url), self.now())
            self.assertEqual(self.status_of(SIGN_IN + "?" + _query(other)), 400)
        with self.subTest(changed="host"):
            alice = self.browser()
            handover = self.handover_url(alice)
            self.assertEqual(self.status_of(handover.replace(APP, CHAT, 1)), 400)
            self.assertEqual(alice.get(handover, follow=False).status, 302)
        with self.subTest(changed="key"):
            self.assertEqual(self.status_of(UrlSigner(b"another key").sign(self.url, self.now())), 400)

    def test_3_order(self) -> None:
        """
        Query order in the request does not matter.
        """
        pairs = parse_qsl(_query(self.url))
        for turned in (pairs[::-1], pairs[2:] + pairs[:2]):
            self.assertEqual(self.status_of(f"{SIGN_IN}?{urlencode(turned)}"), 302)

    def test_4_expiry(self) -> None:
        """
        Valid at expiry+60 s, invalid at expiry+61 s.
        """
        expiry = float(query_of(self.url)["pomerium_expiry"])
        self.clock.advance(expiry + 60 - self.now())
        self.assertEqual(self.status_of(self.url), 302)
        self.clock.advance(1)
        self.assertEqual(self.status_of(self.url), 400)

    def test_5_future(self) -> None:
        """
        Invalid when issued is more than 60 s ahead.
        """
        self.assertEqual(self.status_of(self.signer.sign(self.url, self.now() + 60)), 302)
        self.assertEqual(self.status_of(self.signer.sign(self.url, self.now() + 61)), 400)

    def test_6_malformed(self) -> None:
        """
        Missing issued or expiry is invalid. So is a malformed base64 signature; no exception leaks.
        """
        for name in ("pomerium_issued", "pomerium_expiry", "pomerium_signature"):
            for value in (None, "", "!", "=", "a", "\N{SNOWMAN}"):
                with self.subTest(name=name, value=value):
                    refused = self.browser().get(with_query(self.url, **{name: value}), follow=False)
                    self.assertEqual(refused.status, 400)
                    self.assertNotIn("Traceback", refused.text)
        flood = self.url + "".join(f"&p{number}=1" for number in range(200))
        self.assertEqual(self.status_of(flood), 400)
        self.assertEqual([event for event in self.events if "log_failure" in event], [])


class RedirectedTests(CheckTestCase):
    """
    The other signed URLs are of the same make.
    """

    def test_2_every_host(self) -> None:
        """
        The handover to a route host and the sign-out at the authenticate host are signed likewise.
        """
        alice = self.browser()
        handover = self.handover_url(alice)
        self.signer.verify(handover, self.now())
        alice.get(handover)
        self.signer.verify(location_of(alice.get(APP + "/.pomerium/sign_out", follow=False)), self.now())
        for name, value in query_of(handover).items():
            with self.subTest(changed=name):
                self.assertEqual(alice.get(with_query(handover, **{name: _changed(value)}), follow=False).status, 400)


def _changed(value: str) -> str:
    return value[:-1] + ("1" if value[-1] != "1" else "2")


def _query(url: str) -> str:
    return url.partition("?")[2]
