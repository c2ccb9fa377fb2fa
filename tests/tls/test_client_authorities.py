"""
Tests of `pomerium_tx.tls.client_authorities`: with OpenSSL on both ends.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL, crypto

# pyOpenSSL has no name of its own for it.
from OpenSSL._util import lib
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.tls.certificates import UnusableCertificate
from pomerium_tx.tls.client_authorities import NOT_SHOWN, ClientAuthorities
from pomerium_tx.tls.client_certificate import Names, Shown
from pomerium_tx.tls.downstream import DownstreamContexts
from tests.tls.authorities import Authority, altered
from tests.tls.clients import (
    Identity,
    Presenter,
    authority,
    identity,
    named,
    principal,
    revocation_list,
    session_after_a_word,
)

# An authority, and what it has signed with each digest: nothing here makes such signatures any more.
OLD_ROOT = b"""\
-----BEGIN CERTIFICATE-----
MIIBdjCCARugAwIBAgIUZuuRzMWHDs1g0/Bm08Weu+6E024wCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEcm9vdDAgFw0yNjExMjYwMTA1MzFaGA8yMTI2MTEwMjAxMDUz
MVowDzENMAsGA1UEAwwEcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIDb
cocWrGRxIAp7xi5+fMSwjOnB365G7uUPq4wOPJPvu+RpvNqKmVTPIRdCiC54Ke1l
d2woWdz/x4c3VQmEkKqjUzBRMB0GA1UdDgQWBBTD2zrwfmCHHc0StXPF23jy/lET
fDAfBgNVHSMEGDAWgBTD2zrwfmCHHc0StXPF23jy/lETfDAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0kAMEYCIQDTj28VQW6jnpdeviM2Cd1H0EKx5FP0ilm2
Va+dL77KXAIhAOljw44C5eSRmIX40F34c7AERj5nngEcXerxM6hTMjt1
-----END CERTIFICATE-----
"""
OLD = {
    "SHA-1": b"""\
-----BEGIN CERTIFICATE-----
MIIBGDCBvwIUYNEmX2Rccd0v8TfFjM1aqubR6OIwCQYHKoZIzj0EATAPMQ0wCwYD
VQQDDARyb290MCAXDTI2MTEyNjAxMDUzMVoYDzIxMjYxMTAyMDEwNTMxWjAOMQww
CgYDVQQDDANvbGQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARaWZUO0+tw6GHo
v1nh5ofbk3HyOZhkIN2PJdtQMy9Jekbwysn/0MJxwXeXDEz3SmXZC7AcNSz5B+kx
g4+rYmzQMAkGByqGSM49BAEDSQAwRgIhALROtJ/zUrO+vu5k5ZaYu/GTA8SXW1ko
oFUVl5YZYOSeAiEA3Te8wSXDitn43LqFOl3Xj77fchgFWLuBA7Mu58IN4Cw=
-----END CERTIFICATE-----
""",
    "": b"""\
-----BEGIN CERTIFICATE-----
MIIBGTCBwAIUFRF1+0T0VcAec4tFS51RZDxAL7YwCgYIKoZIzj0EAwIwDzENMAsG
A1UEAwwEcm9vdDAgFw0yNjExMjYwMTA1MzFaGA8yMTI2MTEwMjAxMDUzMVowDjEM
MAoGA1UEAwwDb2xkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEWlmVDtPrcOhh
6L9Z4eaH25Nx8jmYZCDdjyXbUDMvSXpG8MrJ/9DCccF3lwxM90pl2QuwHDUs+Qfp
MYOPq2Js0DAKBggqhkjOPQQDAgNIADBFAiB9z6rgC+eRBhB9ZCbgGyfJ4faQgzzU
ejT1fJFzwZtK/wIhAItlDATJSEFxaqOTjmGrXDzng7meWGxHIhz9/+XM0Tra
-----END CERTIFICATE-----
""",
}
VERSIONS = (SSL.TLS1_3_VERSION, SSL.TLS1_2_VERSION)
NAMES = (b"app.example.com", b"other.example.com", b"elsewhere.test")
DAY = 86_400.0


class ClientCase(SynchronousTestCase):
    """
    A listener with two certificates, and authorities for clients.
    """

    def setUp(self) -> None:
        ours = Authority("ours")
        self.pairs = [ours.issue("app.example.com"), ours.issue("other.example.com")]
        self.root = authority("root")
        self.alice = identity("alice", self.root)

    def contexts(self, **settings: object) -> DownstreamContexts:
        """
        What asks for certificates of *root*'s.
        """
        given: dict[str, object] = {"ca_pem": self.root.pem, **settings}
        return DownstreamContexts(self.pairs, ClientAuthorities(**given))  # type: ignore[arg-type] # as named

    def shown(
        self,
        contexts: DownstreamContexts,
        who: Identity | None,
        newest: int = SSL.TLS1_3_VERSION,
        name: bytes = b"app.example.com",
        after: float = 0.0,
    ) -> Shown:
        """
        What is thought of *who*, some seconds after now.
        """
        server, _ = Presenter(who, newest).shake_hands(contexts, name)
        assert contexts.authorities is not None
        return contexts.authorities.shown_on(server, time.time() + after)

    def problem(self, contexts: DownstreamContexts, who: Identity, after: float = 0.0) -> str:
        """
        Why *who* is not trusted.
        """
        certificate = self.shown(contexts, who, after=after).certificate
        assert certificate is not None
        return certificate.problem


class JudgedTests(ClientCase):
    """
    A certificate is trusted if it is what it says, for every name that a connection may ask for, in each version.
    """

    def test_trusted(self) -> None:
        """
        Whichever of our certificates is shown, the user agent is asked for its own, and known by it.
        """
        contexts = self.contexts()
        for newest in VERSIONS:
            for name in NAMES:
                with self.subTest(newest=newest, name=name):
                    certificate = self.shown(contexts, self.alice, newest, name).certificate
                    assert certificate is not None
                    self.assertEqual((certificate.problem, certificate.is_trusted), ("", True))
                    self.assertEqual(certificate.pem.encode(), self.alice.pem)

    def test_without_a_connection(self) -> None:
        """
        A file is judged as it would be if somebody showed it.
        """
        authorities = self.contexts().authorities
        assert authorities is not None
        for who in (self.alice, identity("alice", authority("another root"))):
            shown = self.shown(self.contexts(), who)
            self.assertEqual(authorities.judge(who.pem, time.time()), shown)

    def test_none(self) -> None:
        """
        Who has no certificate is spoken with all the same.
        """
        contexts = self.contexts()
        for newest in VERSIONS:
            for name in NAMES:
                with self.subTest(newest=newest, name=name):
                    self.assertEqual(self.shown(contexts, None, newest, name), Shown(certificate=None, is_welcome=True))

    def test_distrusted(self) -> None:
        """
        What is wrong is said, and who has shown it is spoken with, so that they can be told.
        """
        stranger = authority("stranger")
        impostor = authority("root")
        middle = authority("middle", self.root)
        no_authority = identity("none", self.root)
        expired_middle = authority("old middle", self.root, days=(-2, -1))
        contexts = self.contexts(max_depth=3)
        for title, who, expected in [
            ("of its own", identity("alone"), "self-signed certificate"),
            ("a stranger's", identity("x", stranger), "unable to get local issuer certificate"),
            ("a stranger's, with the stranger", identity("x", stranger).sending(stranger), "self-signed"),
            ("an impostor's", identity("x", impostor), "signature failure"),
            ("expired", identity("x", self.root, days=(-2, -1)), "has expired"),
            ("not yet valid", identity("x", self.root, days=(1, 2)), "not yet valid"),
            ("for servers", identity("x", self.root, usages=(ExtendedKeyUsageOID.SERVER_AUTH,)), "not for clients"),
            ("without what stands between", identity("x", middle), "unable to get local issuer certificate"),
            ("by no authority", identity("x", no_authority).sending(no_authority), "invalid CA certificate"),
            ("by an expired one", identity("x", expired_middle).sending(expired_middle), "has expired"),
        ]:
            with self.subTest(title):
                shown = self.shown(contexts, who)
                assert shown.certificate is not None
                self.assertIn(expected, shown.certificate.problem)
                self.assertEqual((shown.is_welcome, shown.certificate.judged_until), (True, None))

    def test_weak_signature(self) -> None:
        """
        What could have been forged is not trusted.
        """
        authorities = ClientAuthorities(ca_pem=OLD_ROOT)
        for digest, pem in OLD.items():
            leaf = crypto.X509.from_cryptography(x509.load_pem_x509_certificate(pem))
            problem = authorities._judged(leaf, [], time.time()).problem
            self.assertEqual((digest in problem, problem == ""), (True, digest == ""))

    def test_any_usage(self) -> None:
        """
        A certificate that does not say what it is for is for everything.
        """
        for usages in ((), (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)):
            self.assertEqual(self.problem(self.contexts(), identity("x", self.root, usages=usages)), "")

    def test_depth(self) -> None:
        """
        So many certificates may stand before the one that is believed; zero stands for any number.
        """
        first = authority("first", self.root)
        second = authority("second", first)
        chains = (self.alice, identity("b", first).sending(first), identity("c", second).sending(second, first))
        for most, trusted in [(1, 1), (2, 2), (3, 3), (0, 3)]:
            with self.subTest(most=most):
                problems = [self.problem(self.contexts(max_depth=most), who) for who in chains]
                self.assertEqual([not problem for problem in problems], [number < trusted for number in range(3)])
                self.assertTrue(all("max_verify_depth" in problem for problem in problems if problem))

    def test_authority_between(self) -> None:
        """
        An authority that is no root can be believed by itself, or beside its root: then it is the nearer one.
        """
        middle = authority("middle", self.root)
        for ca_pem in (middle.pem, self.root.pem + middle.pem):
            self.assertEqual(self.problem(self.contexts(ca_pem=ca_pem), identity("b", middle)), "")
        self.assertNotEqual(self.problem(self.contexts(ca_pem=middle.pem), self.alice), "")

    def test_several_authorities(self) -> None:
        """
        All in the bundle are believed, also two of one name.
        """
        twin, other = authority("root"), authority("other")
        contexts = self.contexts(ca_pem=self.root.pem + other.pem)
        for issuer in (self.root, other):
            self.assertEqual(self.problem(contexts, identity("x", issuer)), "")
        self.assertNotEqual(self.problem(contexts, identity("x", twin)), "")

    def test_names(self) -> None:
        """
        One name of a wanted kind is enough, one of another kind is not.
        """
        contexts = self.contexts(
            wanted_names=[lambda names: "a@example.com" in names.emails, lambda names: "a.test" in names.dns]
        )
        for title, names, is_wanted in [
            ("none", (), False),
            ("an address", (x509.RFC822Name("b@example.com"), x509.RFC822Name("a@example.com")), True),
            ("a host", (x509.DNSName("a.test"),), True),
            ("of another kind", (x509.DNSName("a@example.com"), x509.UniformResourceIdentifier("a.test")), False),
        ]:
            with self.subTest(title):
                problem = self.problem(contexts, identity("x", self.root, names=names))
                self.assertEqual(problem, "" if is_wanted else "no name in it is wanted (match_subject_alt_names)")

    def test_what_is_known(self) -> None:
        """
        Every kind of name is read, and certificate and key have the names that OpenSSL gives them.
        """
        who = identity(
            "x",
            self.root,
            names=(
                x509.RFC822Name("a@example.com"),
                x509.DNSName("a.test"),
                x509.UniformResourceIdentifier("spiffe://a/b"),
                x509.IPAddress(ip_address("2001:db8::1")),
                principal("alice@realm"),
            ),
            is_critical=True,
        )
        certificate = self.shown(self.contexts(), who).certificate
        assert certificate is not None
        self.assertEqual(
            certificate.names,
            Names(
                emails=("a@example.com",),
                dns=("a.test",),
                uris=("spiffe://a/b",),
                addresses=("2001:db8::1",),
                principals=("alice@realm",),
            ),
        )
        self.assertTrue(certificate.is_trusted)
        self.assertEqual(
            certificate.fingerprint,
            SSL.X509.from_cryptography(who.certificate).digest("sha256").decode().lower().replace(":", ""),
        )
        self.assertNotIn("der", repr(certificate))

    def test_told_whom_to_choose(self) -> None:
        """
        The user agent hears the names of the authorities, whichever certificate of ours it is shown.
        """
        other = authority("other")
        contexts = self.contexts(ca_pem=self.root.pem + other.pem)
        for newest in VERSIONS:
            for name in NAMES:
                with self.subTest(newest=newest, name=name):
                    _, client = Presenter(None, newest).shake_hands(contexts, name)
                    self.assertEqual(named(client.get_client_ca_list()), ["root", "other"])

    def test_nobody_is_asked(self) -> None:
        """
        Without authorities there is no question, and a certificate is not sent.
        """
        contexts = DownstreamContexts(self.pairs)
        self.assertIsNone(contexts.authorities)
        server, _ = Presenter(self.alice).shake_hands(contexts)
        self.assertIsNone(server.get_peer_certificate())

    def test_unusable(self) -> None:
        """
        What is no certificate, or no list, is refused at once.
        """
        refused = altered(authority("abcd").pem, b"\x0c\x04abcd", b"\x04\x04abcd")
        for settings in ({"ca_pem": b"x"}, {"ca_pem": self.root.pem, "crl_pem": b"x"}, {"ca_pem": refused}):
            self.assertRaises(UnusableCertificate, ClientAuthorities, **settings)

    def test_unknown_version(self) -> None:
        """
        Whoever shows a certificate of a version that there is not is not trusted; nothing else comes of it.
        """
        contexts = self.contexts()
        for newest in VERSIONS:
            presenter = Presenter(self.alice, newest)
            wrong = altered(self.alice.pem, b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09")
            presenter.context.use_certificate(crypto.load_certificate(crypto.FILETYPE_PEM, wrong))
            server, _ = presenter.shake_hands(contexts)
            assert contexts.authorities is not None
            certificate = contexts.authorities.shown_on(server, time.time()).certificate
            assert certificate is not None
            self.assertEqual((certificate.problem, certificate.is_trusted), ("it cannot be read", False))

    def test_next_connection(self) -> None:
        """
        What is wrong with a certificate leaves nothing behind in OpenSSL for the next connection to fall over.
        """
        self.problem(self.contexts(), identity("x", authority("root")))
        self.assertEqual(lib.ERR_peek_error(), 0)


class TimeTests(ClientCase):
    """
    What was good once is judged again.
    """

    def test_until(self) -> None:
        """
        A certificate is good until it, or an authority in its chain, expires, by our own clock.
        """
        short = authority("short", self.root, days=(-2, 0.5))
        contexts = self.contexts(max_depth=2)
        for who, ends in ((self.alice, self.alice), (identity("x", short).sending(short), short)):
            certificate = self.shown(contexts, who).certificate
            assert certificate is not None
            until = ends.certificate.not_valid_after_utc.timestamp()
            self.assertEqual(certificate.judged_until, until)
            self.assertEqual(self.problem(contexts, who, until - time.time() - 1), "")
            self.assertIn("has expired", self.problem(contexts, who, until - time.time() + 2))
            # What was asked about another time does not stay.
            self.assertEqual(self.problem(contexts, who), "")

    def test_another_time(self) -> None:
        """
        A connection that is open is judged by what is believed now.
        """
        contexts = self.contexts()
        server, _ = Presenter(self.alice).shake_hands(contexts)
        for settings, is_trusted in [
            ({}, True),
            ({"crl_pem": revocation_list(self.root, self.alice)}, False),
            ({"ca_pem": authority("new").pem}, False),
            ({}, True),
        ]:
            contexts = self.contexts(**settings)
            assert contexts.authorities is not None
            certificate = contexts.authorities.shown_on(server, time.time()).certificate
            assert certificate is not None
            self.assertEqual(certificate.is_trusted, is_trusted)


class RevocationTests(ClientCase):
    """
    A certificate that was taken back is not trusted.
    """

    def test_revoked(self) -> None:
        """
        It alone, by the list of its own issuer; all lists of one issuer count.
        """
        bob, other = identity("bob", self.root), authority("other")
        one, two = revocation_list(self.root, self.alice), revocation_list(self.root, bob)
        strange = revocation_list(other, self.alice, bob)
        for lists, revoked in [
            (one, (True, False)),
            (two, (False, True)),
            (one + b"\n" + two, (True, True)),
            (strange, (False, False)),
        ]:
            contexts = self.contexts(crl_pem=lists)
            self.assertEqual(
                (self.problem(contexts, self.alice), self.problem(contexts, bob)),
                tuple("it is revoked" if each else "" for each in revoked),
            )

    def test_only_the_issuer(self) -> None:
        """
        A list of one authority says nothing about certificates of another, nor about authorities.
        """
        middle = authority("middle", self.root)
        who = identity("x", middle).sending(middle)
        contexts = self.contexts(max_depth=2, crl_pem=revocation_list(self.root, middle))
        self.assertEqual(self.problem(contexts, who), "")
        contexts = self.contexts(max_depth=2, crl_pem=revocation_list(middle, who))
        self.assertEqual(self.problem(contexts, who), "it is revoked")

    def test_forged(self) -> None:
        """
        Where the only list in an authority's name is not its own, nobody of it is trusted.
        """
        forged = revocation_list(self.root, signer=authority("root"))
        self.assertIn("not signed", self.problem(self.contexts(crl_pem=forged), self.alice))
        both = forged + revocation_list(self.root)
        self.assertEqual(self.problem(self.contexts(crl_pem=both), self.alice), "")

    def test_out_of_date(self) -> None:
        """
        An old list counts as it is, but where connections are rejected nobody is trusted without a new one.
        """
        bob = identity("bob", self.root)
        old = revocation_list(self.root, bob, days=(-2, -1))
        contexts = self.contexts(crl_pem=old)
        self.assertEqual((self.problem(contexts, self.alice), self.problem(contexts, bob)), ("", "it is revoked"))
        self.assertRaises(SSL.Error, self.shown, self.contexts(crl_pem=old, rejects=True), self.alice)
        new = revocation_list(self.root, bob, days=(-1, 0.5))
        certificate = self.shown(self.contexts(crl_pem=new, rejects=True), self.alice).certificate
        assert certificate is not None and certificate.judged_until is not None
        until = datetime.fromtimestamp(certificate.judged_until, UTC)
        self.assertLess(until, self.alice.certificate.not_valid_after_utc)


class RejectedTests(ClientCase):
    """
    Where connections are rejected, there is none without a trusted certificate.
    """

    def test_rejected(self) -> None:
        """
        The handshake fails for everything that is not trusted, for each name and in each version; and it is known why.
        """
        middle = authority("middle", self.root)
        contexts = self.contexts(
            rejects=True,
            crl_pem=revocation_list(self.root, revoked := identity("revoked", self.root)),
            wanted_names=[lambda names: names.dns != ("bad.test",)],
        )
        for title, who, expected in [
            ("none", None, NOT_SHOWN),
            ("a stranger's", identity("x", authority("stranger")), "unable to get local issuer certificate"),
            ("an impostor's", identity("x", authority("root")), "signature failure"),
            ("expired", identity("x", self.root, days=(-2, -1)), "has expired"),
            ("revoked", revoked, "revoked"),
            ("too deep", identity("x", middle).sending(middle), "max_verify_depth"),
            ("unwanted", identity("x", self.root, names=(x509.DNSName("bad.test"),)), "match_subject_alt_names"),
            ("for servers", identity("x", self.root, usages=(ExtendedKeyUsageOID.SERVER_AUTH,)), "purpose"),
        ]:
            for newest in VERSIONS:
                for name in NAMES:
                    with self.subTest(title, newest=newest, name=name):
                        presenter = Presenter(who, newest)
                        servers: list[SSL.Connection] = []
                        self.patch(DownstreamContexts, "serverConnectionForTLS", _kept(servers))
                        problem = self.assertRaises(SSL.Error, presenter.shake_hands, contexts, name)
                        self.assertIn(expected, ClientAuthorities.why_refused(servers[0], problem))

    def test_trusted(self) -> None:
        """
        Who has a certificate comes in.
        """
        contexts = self.contexts(rejects=True, crl_pem=revocation_list(self.root))
        for newest in VERSIONS:
            for name in NAMES:
                with self.subTest(newest=newest, name=name):
                    shown = self.shown(contexts, self.alice, newest, name)
                    assert shown.certificate is not None
                    self.assertEqual((shown.is_welcome, shown.certificate.problem), (True, ""))

    def test_no_list(self) -> None:
        """
        An authority whose list nobody has given is believed all the same.
        """
        other = authority("other")
        contexts = self.contexts(rejects=True, ca_pem=self.root.pem + other.pem, crl_pem=revocation_list(other))
        self.assertTrue(self.shown(contexts, self.alice).is_welcome)

    def test_authority_between(self) -> None:
        """
        One that is no root is believed here too, and a chain to it counts from it.
        """
        middle = authority("middle", self.root)
        contexts = self.contexts(rejects=True, ca_pem=middle.pem)
        self.assertTrue(self.shown(contexts, identity("x", middle)).is_welcome)
        self.assertRaises(SSL.Error, self.shown, contexts, self.alice)

    def test_no_longer_welcome(self) -> None:
        """
        Who came in is not welcome any more when the certificate has expired, or when certificates are wanted since.
        """
        contexts = self.contexts(rejects=True)
        self.assertFalse(self.shown(contexts, self.alice, after=3 * DAY).is_welcome)
        server, _ = Presenter(None).shake_hands(self.contexts())
        assert contexts.authorities is not None
        self.assertEqual(contexts.authorities.shown_on(server, time.time()), Shown(certificate=None, is_welcome=False))

    def test_other_failures(self) -> None:
        """
        A handshake that fails for another reason is not said to have failed for a certificate.
        """
        server = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
        self.assertEqual(ClientAuthorities.why_refused(server, SSL.Error([("SSL routines", "", "wrong version")])), "")
        self.assertEqual(ClientAuthorities.why_refused(server, SSL.SysCallError(-1, "Unexpected EOF")), "")


class ResumptionTests(ClientCase):
    """
    A certificate is proven on every connection: none is carried over from another one.
    """

    def is_resumed(
        self, first: DownstreamContexts, second: DownstreamContexts, newest: int, names: tuple[bytes, bytes]
    ) -> bool:
        """
        Whether a session of *first* is resumed by *second*.
        """
        presenter = Presenter(self.alice, newest)
        session = session_after_a_word(*presenter.shake_hands(first, names[0]))
        _, client = presenter.shake_hands(second, names[1], session)
        return bool(lib.SSL_session_reused(client._ssl))

    def test_never(self) -> None:
        """
        Neither with the same authorities nor with others, neither for the same name nor for another, in no version.
        """
        asking, others = self.contexts(), self.contexts(ca_pem=authority("new").pem)
        rejecting = self.contexts(rejects=True)
        plain = DownstreamContexts(self.pairs)
        for newest in VERSIONS:
            # Else the rest would be true of a client that cannot resume.
            self.assertTrue(self.is_resumed(plain, plain, newest, (NAMES[0], NAMES[1])))
            for title, first, second in [
                ("the same", asking, asking),
                ("other authorities", asking, others),
                ("none before", plain, asking),
                ("none after", asking, plain),
                ("rejecting", rejecting, rejecting),
            ]:
                for names in ((NAMES[0], NAMES[0]), (NAMES[0], NAMES[1]), (NAMES[1], NAMES[1])):
                    with self.subTest(title, newest=newest, names=names):
                        self.assertFalse(self.is_resumed(first, second, newest, names))

    def test_switched_on(self) -> None:
        """
        When certificates begin to be asked for, tickets of before are worth nothing.
        """
        for newest in VERSIONS:
            with self.subTest(newest=newest):
                contexts = DownstreamContexts(self.pairs)
                presenter = Presenter(self.alice, newest)
                session = session_after_a_word(*presenter.shake_hands(contexts))
                contexts.replace(self.pairs, ClientAuthorities(ca_pem=self.root.pem))
                server, client = presenter.shake_hands(contexts, earlier=session)
                self.assertFalse(lib.SSL_session_reused(client._ssl))
                self.assertIsNotNone(server.get_peer_certificate())

    def test_renewed(self) -> None:
        """
        Certificates are asked for also after the keys of tickets were renewed.
        """
        contexts = self.contexts()
        contexts._renew()
        for name in NAMES:
            self.assertIsNotNone(self.shown(contexts, self.alice, name=name).certificate)


def _kept(servers: list[SSL.Connection]) -> object:
    make = DownstreamContexts.serverConnectionForTLS

    def made(contexts: DownstreamContexts, protocol: object) -> SSL.Connection:
        server = make(contexts, protocol)  # type: ignore[arg-type] # it does not look at it
        servers.append(server)
        return server

    return made
