"""
An OP that publishes what is wrong signs nobody in: metadata and keys.
"""

from __future__ import annotations

from collections.abc import Iterable

from pomerium_tx.demo.messages import Fault
from tests.conformance import adversarial_answers as answers
from tests.conformance import adversarial_published as published
from tests.conformance.adversarial_provider import GONE, PAGE, SILENT, AdversarialTestCase
from tests.scenarios.browser import Response
from tests.scenarios.world import AUTHENTICATE, CLIENT_SECRET


class PublishedTests(AdversarialTestCase):
    """
    What the OP publishes; each case meets a house that knows nothing yet.
    """

    def refuse(self, endpoint: str, cases: Iterable[answers.Case]) -> None:
        """
        Nobody is signed in by any of these, until the OP publishes what it should; then the last of them is.
        """

        def check(wrong: answers.Wrong) -> None:
            self.browser_refused = self.visitor()
            with self.misbehaving(endpoint, wrong):
                answer = self.browser_refused.get(PAGE)
            self.assertEqual((answer.status, answer.url.startswith(AUTHENTICATE)), (502, True), answer.text[:200])
            self.assertIn(SILENT, answer.text)
            self.assertGreaterEqual(len(self.provider.received_at(endpoint)), 1)
            # After the pause it is asked again: with what was refused it is as if it knew nothing.
            self.advance(5.0, step=5.0)
            self.assert_harmless(self.browser_refused, answer)

        self.each(cases, check)
        # A set in which a key has the wrong name or value is believed for an hour.
        self.clock.advance(3600.0)
        self.assert_signs_in(self.browser_refused)

    def accepted(self, endpoint: str, unusual: answers.Wrong) -> None:
        """
        The person is signed in.
        """
        self.anew()
        with self.misbehaving(endpoint, unusual):
            self.assert_accepted(self.visitor().get(PAGE))

    def test_metadata(self) -> None:
        """
        Metadata are of this very issuer, and name endpoints that may be used.
        """
        self.refuse("discovery", published.metadata())

    def test_algorithms(self) -> None:
        """
        Tokens are signed by an algorithm that the metadata name, and never by one that the client secret is for.
        """
        for case in published.metadata_with_which_no_token_is_good():
            self.anew()
            with self.misbehaving("discovery", case[1]):
                browser, answer = self.by_id_token(lambda mint: mint.token())
            self.assertEqual(answer.status, 502, case[0])
            self.assert_harmless(browser, answer)

    def test_unusual_metadata(self) -> None:
        """
        What can be done without is done without.
        """
        self.each(published.unusual_metadata(), lambda unusual: self.accepted("discovery", unusual))

    def test_keys(self) -> None:
        """
        Without a usable key of that name nothing is verified.
        """
        self.refuse("jwks", answers.broken())
        for case in published.key_sets(self.signer.public_jwk()):
            self.anew()
            self.refuse("jwks", [case])

    def test_unfit_keys(self) -> None:
        """
        A key that must not be used is not, even if a token is signed with it.
        """
        for name, key_set, make in published.unfit_keys():
            self.anew()
            with self.misbehaving("jwks", lambda _, key_set=key_set: key_set):
                browser, answer = self.by_id_token(make)
            self.assertEqual(answer.status, 502, name)
            self.assert_harmless(browser, answer)

    def test_secret(self) -> None:
        """
        Metadata that name HS256 do not bring in the client secret, nor a public key in its place.
        """
        for key in (CLIENT_SECRET.encode(), self.signer.kid.encode()):
            for algorithms in (["HS256"], ["RS256", "HS256"]):
                for kid in (self.signer.kid, GONE):
                    self.anew()
                    named = {"id_token_signing_alg_values_supported": algorithms}
                    with self.misbehaving("discovery", lambda document, named=named: {**document, **named}):
                        browser, answer = self.by_id_token(
                            lambda mint, key=key, kid=kid: mint.token(alg="HS256", key=key, header={"kid": kid})
                        )
                    self.assertEqual(answer.status, 502)
                    self.assert_harmless(browser, answer)

    def test_unusual_keys(self) -> None:
        """
        One good key is enough, whatever is published with it.
        """
        self.each(published.unusual_key_sets(self.signer.public_jwk()), lambda unusual: self.accepted("jwks", unusual))

    def test_known_stay(self) -> None:
        """
        What is known of an OP is kept for as long as nothing better is to be had.
        """
        for endpoint in ("discovery", "jwks"):
            self.anew()
            # A sign-in that fails only at the signature: no session is looked after while the hour passes.
            _, answer = self.by_id_token(lambda mint: mint.token(signature=bytes(256)))
            self.assertEqual(answer.status, 502)
            # Its tokens are revoked before.
            self.advance(2.0)
            self.clock.advance(3700.0)
            for name, wrong in answers.broken():
                self.clock.advance(5.0)
                self.watch()
                with self.misbehaving(endpoint, wrong):
                    self.assert_accepted(self.visitor().get(PAGE))
                self.assertEqual(len(self.provider.received_at(endpoint)), 1, name)

    def test_unreachable(self) -> None:
        """
        The OP may be out of reach.
        """
        for path in ("/.well-known/openid-configuration", "/jwks"):
            for reason in answers.UNREACHABLE:
                self.anew()
                browser = self.visitor()
                with self.cut_off(path, reason):
                    answer = browser.get(PAGE)
                self.assertEqual(answer.status, 502)
                self.assert_harmless(browser, answer)
                self.advance(5.0, step=5.0)
                self.assert_signs_in(browser)

    def slow(self, endpoint: str, url: str) -> Response:
        """
        What the person sees for whom that endpoint never answers.
        """
        browser = self.visitor()
        with self.misbehaving(endpoint, Fault(silent=True)):
            answer = self.slowly(browser, url or self.to_callback(browser), 5.0)
        self.assertEqual(answer.status, 502)
        self.advance(5.0, step=5.0)
        self.assert_signs_in(browser)
        return answer

    def test_slow(self) -> None:
        """
        Metadata or keys that never come cost ten seconds.
        """
        self.watch()
        self.slow("discovery", self.sign_in_url(self.visitor()))
        self.anew()
        self.slow("jwks", "")
