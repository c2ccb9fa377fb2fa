"""
Tests of `pomerium_tx.policy.certificate_criteria` and of what `pomerium_tx.policy.client` knows of certificates.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.keys.route_access import RouteAccessKeys
from pomerium_tx.config.policy.rules import rules
from pomerium_tx.policy.certificate_criteria import EMAIL_TOKEN, HEADER_TOKENS, header_value
from pomerium_tx.policy.client import Client
from pomerium_tx.policy.criteria import policy_of, rules_of
from pomerium_tx.policy.decision import Decision, Policy
from pomerium_tx.policy.words import policy_in_words
from pomerium_tx.tls.client_certificate import ClientCertificate, Names, Shown
from tests.policy.clients import CANONICAL, CLIENT, HEAD, policy
from tests.policy.people import alice

FINGERPRINT = "17859273e8a980631d367b2d5a6a6635412b0f22835f69e47b3f65624546a704"
OTHER_FINGERPRINT = "df6ff72fe9116521268f6f2dd4966f51df479883fe7037b39f75916ac3049d1a"
HASH = "FsDbM0rUYIiL3V339eIKqiz6HPSB+Pz2WeAWhqlqh8U="
OTHER_HASH = "NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A="
CERTIFICATE = ClientCertificate(
    der=b"",
    fingerprint=FINGERPRINT,
    spki_hash=HASH,
    names=Names(
        emails=("email-1@example.com", "email-2@example.com"),
        dns=("1.example.com", "2.example.com"),
        uris=("https://example.com/uri-1", "https://example.com/uri-2"),
    ),
)
TRUSTED = CLIENT.showing(Shown(certificate=CERTIFICATE, is_welcome=True))
UNTRUSTED = CLIENT.showing(Shown(certificate=replace(CERTIFICATE, problem="it is revoked"), is_welcome=True))
WITHOUT = CLIENT.showing(Shown(certificate=None, is_welcome=True))
NOT_ASKED = CLIENT


def decision(of: Policy, client: Client) -> Decision:
    """
    What a policy says about alice with *client*.
    """
    return of(alice(), HEAD, CANONICAL, client)


class ClientTests(SynchronousTestCase):
    """
    What is known of a client.
    """

    def test_showing(self) -> None:
        """
        What was shown replaces what was shown before, and the address stays.
        """
        self.assertEqual((TRUSTED.certificate, TRUSTED.lacks_certificate), (CERTIFICATE, False))
        self.assertEqual((WITHOUT.certificate, WITHOUT.lacks_certificate), (None, True))
        self.assertEqual(TRUSTED.showing(None), NOT_ASKED)
        self.assertEqual(TRUSTED.address, CLIENT.address)


class ClientCertificateTests(SynchronousTestCase):
    """
    ``client_certificate``.
    """

    def test_matched(self) -> None:
        """
        By Pomerium's own cases: any of several hashes, any of several names, and all conditions that are written.
        """
        for matcher, matches in [
            ({"fingerprint": FINGERPRINT}, True),
            ({"fingerprint": OTHER_FINGERPRINT}, False),
            ({"fingerprint": [FINGERPRINT, OTHER_FINGERPRINT]}, True),
            ({"spki_hash": HASH}, True),
            ({"spki_hash": [OTHER_HASH, HASH]}, True),
            ({"spki_hash": OTHER_HASH}, False),
            ({"san_email": {"is": "email-2@example.com"}}, True),
            ({"san_email": {"is": "not-present@example.com"}}, False),
            ({"san_email": "EMAIL-1@example.com"}, False),
            ({"san_dns": {"is": "1.example.com"}}, True),
            ({"san_dns": "email-1@example.com"}, False),
            ({"san_uri": {"starts_with": "https://example.com/"}}, True),
            ({"fingerprint": FINGERPRINT, "spki_hash": HASH, "san_dns": "2.example.com"}, True),
            ({"fingerprint": FINGERPRINT, "spki_hash": OTHER_HASH}, False),
            ({"fingerprint": FINGERPRINT, "san_dns": "3.example.com"}, False),
            # Of one name, not of several together.
            ({"san_dns": {"starts_with": "1.", "ends_with": ".example.com"}}, True),
            ({"san_email": {"starts_with": "email-1", "contains": "email-2"}}, False),
        ]:
            with self.subTest(matcher=matcher):
                found = decision(policy({"allow": {"or": [{"client_certificate": matcher}]}}), TRUSTED)
                self.assertEqual(found.admits, matches)
                reason = "client-certificate-ok" if matches else "client-certificate-unauthorized"
                self.assertEqual(found.reasons, (reason,))

    def test_nobodys(self) -> None:
        """
        Who shows none has none that is meant, asked or not.
        """
        allow = policy({"allow": {"or": [{"client_certificate": {"fingerprint": FINGERPRINT}}]}})
        for client in (WITHOUT, NOT_ASKED):
            self.assertEqual(decision(allow, client).reasons, ("client-certificate-unauthorized",))

    def test_untrusted(self) -> None:
        """
        A key counts whoever vouches for it; a name that nobody vouches for is anybody's.
        """
        for matcher, matches in [
            ({"fingerprint": FINGERPRINT}, True),
            ({"spki_hash": HASH}, True),
            ({"san_email": "email-1@example.com"}, False),
            ({"san_dns": {"not": "x"}}, False),
            ({"fingerprint": FINGERPRINT, "san_uri": "https://example.com/uri-1"}, False),
        ]:
            with self.subTest(matcher=matcher):
                allow = policy({"allow": {"or": [{"client_certificate": matcher}]}})
                self.assertEqual(decision(allow, UNTRUSTED).admits, matches)

    def test_combined(self) -> None:
        """
        Several are asked about together as any others: one of them, all of them, none of them.
        """
        one, other = ({"client_certificate": {"fingerprint": each}} for each in (FINGERPRINT, OTHER_FINGERPRINT))
        for operator, admits in (("or", True), ("and", False), ("not", False), ("nor", True)):
            self.assertEqual(decision(policy({"allow": {operator: [one, other]}}), TRUSTED).admits, admits)

    def test_not_another_ones(self) -> None:
        """
        The same person with another certificate is decided anew: like answers are the same object, others are not.
        """
        allow = policy({"allow": {"or": [{"client_certificate": {"fingerprint": FINGERPRINT}}]}})
        admitted = decision(allow, TRUSTED)
        self.assertIs(decision(allow, TRUSTED), admitted)
        self.assertIsNot(decision(allow, WITHOUT), admitted)


class InvalidClientCertificateTests(SynchronousTestCase):
    """
    ``invalid_client_certificate``.
    """

    def test_denied(self) -> None:
        """
        Who has none, or one that is not trusted, is refused for it, with Pomerium's reasons.
        """
        denying = policy(
            [{"allow": {"or": [{"accept": True}]}}, {"deny": {"or": [{"invalid_client_certificate": True}]}}]
        )
        for client, denies, reason in [
            (TRUSTED, False, "valid-client-certificate"),
            (NOT_ASKED, False, "valid-client-certificate"),
            (WITHOUT, True, "client-certificate-required"),
            (UNTRUSTED, True, "invalid-client-certificate"),
        ]:
            found = decision(denying, client)
            self.assertEqual((found.deny, found.without_certificate, found.admits), (denies, denies, not denies))
            self.assertEqual((found.allow, found.deny_reasons), (True, (reason,)))

    def test_added_to_every_route(self) -> None:
        """
        Where the configuration says so every route has the rule, a public one too, and it can be read.
        """
        route = RouteAccessKeys(allow_public_unauthenticated_access=True)
        for refuses in (True, False):
            found = policy_of(route, refuses_without_certificate=refuses)
            self.assertEqual([decision(found, client).admits for client in (TRUSTED, WITHOUT)], [True, not refuses])
            words = policy_in_words(rules_of(route, refuses_without_certificate=refuses))
            self.assertEqual("deny if the client has shown no valid certificate" in words, refuses)

    def test_words(self) -> None:
        """
        A policy about certificates reads as a sentence.
        """
        matcher = {
            "fingerprint": [FINGERPRINT, OTHER_FINGERPRINT],
            "spki_hash": HASH,
            "san_dns": {"ends_with": ".test"},
        }
        (said,) = policy_in_words(rules({"allow": {"or": [{"client_certificate": matcher}]}}))
        self.assertEqual(
            said,
            f"allow if of the client's certificate: its fingerprint is one of {FINGERPRINT}, {OTHER_FINGERPRINT} and "
            f"the hash of its key is {HASH} and a host name of it ends with .test",
        )
        names = {"san_email": "a@example.com", "san_uri": {"starts_with": "spiffe://"}}
        (said,) = policy_in_words(rules({"allow": {"or": [{"client_certificate": names}]}}))
        self.assertEqual(
            said,
            "allow if of the client's certificate: an e-mail address of it is a@example.com and "
            'a URI of it begins with "spiffe://"',
        )


class HeaderValueTests(SynchronousTestCase):
    """
    What applications are told of a certificate.
    """

    def test_tokens(self) -> None:
        """
        Of a trusted one fingerprint and names, of another one the fingerprint alone, of none nothing.
        """
        for client, expected in [
            (TRUSTED, (FINGERPRINT, "1.example.com,2.example.com", "email-1@example.com,email-2@example.com")),
            (UNTRUSTED, (FINGERPRINT, "", "")),
            (WITHOUT, ("", "", "")),
            (NOT_ASKED, ("", "", "")),
        ]:
            self.assertEqual(tuple(header_value(client, token) for token in HEADER_TOKENS), expected)

    def test_names_of_tokens(self) -> None:
        """
        They are called as in Pomerium's configuration.
        """
        self.assertEqual(HEADER_TOKENS, ("client_cert_fingerprint", "client_cert_san_dns", "client_cert_san_email"))

    def test_strange_names(self) -> None:
        """
        A name that could pass for two, or for another header, is left out.
        """
        names = Names(emails=('"a,b"@example.com', "c@example.com", "d@example.com\r\nX-Admin: 1"))
        shown = Shown(certificate=replace(CERTIFICATE, names=names), is_welcome=True)
        self.assertEqual(header_value(CLIENT.showing(shown), EMAIL_TOKEN), "c@example.com")
