"""
Tests of `pomerium_tx.config.rules.client_certificates`, through whole files.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.keys.test_client_certificates import CA, CRL, ROOT, with_tls
from tests.config.material import ROUTE, complaints, loaded
from tests.tls.clients import authority, revocation_list


class RulesTests(SynchronousTestCase):
    """
    What several keys can get wrong together.
    """

    def refused(self, values: dict[str, object]) -> list[tuple[str, str]]:
        """
        Keys and messages of all problems.
        """
        return [(each.key, each.message) for each in complaints(self.mktemp(), values)]

    def warned(self, values: dict[str, object]) -> list[tuple[str, str]]:
        """
        Keys and messages of all warnings.
        """
        return [(each.key, each.message) for each in loaded(self.mktemp(), values).warnings]

    def test_good(self) -> None:
        """
        Where all is well nothing is said.
        """
        self.assertEqual(self.warned(with_tls(ca=CA, crl=CRL)), [])

    def test_nobody_to_believe(self) -> None:
        """
        Without an authority the rest would be of no effect, and let everybody in.
        """
        for mtls in ({"enforcement": "policy"}, {"crl": CRL}, {"max_verify_depth": 2}):
            ((key, message),) = self.refused(with_tls(**mtls))
            self.assertEqual(key, "downstream_mtls.ca")
            self.assertIn("is missing", message)

    def test_without_tls(self) -> None:
        """
        Where TLS is not spoken nobody can show a certificate.
        """
        ((key, message),) = self.refused({"insecure_server": True, "routes": [ROUTE], "downstream_mtls": {"ca": CA}})
        self.assertEqual(key, "downstream_mtls")
        self.assertIn("insecure_server", message)

    def test_rejecting(self) -> None:
        """
        Who keeps everybody out is told that this means the provider, too.
        """
        ((key, message),) = self.warned(with_tls(ca=CA, enforcement="reject_connection"))
        self.assertEqual(key, "downstream_mtls.enforcement")
        self.assertIn("back-channel logout", message)

    def test_lists(self) -> None:
        """
        A list of nobody known, or out of date, is worth a warning; one that its authority has not signed is refused.
        """
        old = revocation_list(ROOT, days=(-2, -1)).decode()
        for mtls, words in [
            ({"crl": revocation_list(authority("other")).decode()}, "CN=other, which is not in ca"),
            ({"crl": old}, "is out of date"),
        ]:
            ((key, message),) = self.warned(with_tls(ca=CA, **mtls))
            self.assertEqual(key, "downstream_mtls.crl")
            self.assertIn(words, message)
        forged = revocation_list(ROOT, signer=authority("x")).decode()
        ((key, message),) = self.refused(with_tls(ca=CA, crl=forged))
        self.assertEqual((key, "not signed by it" in message), ("downstream_mtls.crl", True))

    def test_expired(self) -> None:
        """
        An authority that has expired vouches for nobody.
        """
        ((key, message),) = self.warned(with_tls(ca=authority("old", days=(-2, -1)).pem.decode()))
        self.assertEqual((key, "has expired for CN=old" in message), ("downstream_mtls.ca", True))

    def test_policies(self) -> None:
        """
        A rule that would refuse nobody, since nobody is asked for a certificate, is refused; one that would admit
        nobody is worth a warning; with ``downstream_mtls`` both are good.
        """
        wanted = {"client_certificate": {"san_email": "a@example.com"}}
        deny = [{"deny": {"or": [{"invalid_client_certificate": True}]}}, {"allow": {"or": [{"accept": True}]}}]
        allow = [{"allow": {"or": [wanted]}}]
        route = {key: value for key, value in ROUTE.items() if not key.startswith("allow")}
        values = [{**with_tls(), "routes": [{**route, "policy": policy}]} for policy in (deny, allow)]
        ((key, message),) = self.refused(values[0])
        self.assertEqual(key, "routes[0].policy[0].deny.or[0].invalid_client_certificate")
        self.assertIn("refuses nobody", message)
        ((key, message),) = self.warned(values[1])
        self.assertEqual(key, "routes[0].policy[0].allow.or[0].client_certificate")
        for each in values:
            self.assertEqual(self.warned({**each, "downstream_mtls": {"ca": CA}}), [])
