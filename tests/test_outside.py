"""
Tests of `pomerium_tx.outside`.
"""

from __future__ import annotations

import time
from base64 import b64encode
from ipaddress import ip_address
from typing import Any

from cryptography.x509 import DNSName, GeneralName, IPAddress, RFC822Name, UniformResourceIdentifier
from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides, providedBy

from pomerium_tx import logs
from pomerium_tx.config.model import Config
from pomerium_tx.outside import Outside, _ProviderTls
from pomerium_tx.tls.client_certificate import Shown
from pomerium_tx.tls.downstream import DownstreamContexts
from tests.config.keys.test_client_certificates import with_tls
from tests.config.material import SMALLEST, key_pair, loaded
from tests.tls.authorities import Authority
from tests.tls.clients import Identity, Presenter, authority, identity, principal, revocation_list
from tests.tls.handshakes import handshake

URL = "http://op.example.com/.well-known/openid-configuration"
AUTHORITY = b64encode(key_pair()[0]).decode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Resolver:
    """
    Every name is one address.
    """

    def resolveHostName(self, receiver: Any, name: str, port: int = 0, *args: object, **options: object) -> object:
        receiver.resolutionBegan(self)
        receiver.addressResolved(IPv4Address("TCP", "192.0.2.1", port))
        receiver.resolutionComplete()
        return self


class ProviderConnectionsTests(SynchronousTestCase):
    """
    Connections to the OP.
    """

    def setUp(self) -> None:
        self.addCleanup(logs.threshold.set, "info")
        self.reactor: Any = MemoryReactorClock()
        self.reactor.nameResolver = Resolver()
        directlyProvides(self.reactor, providedBy(self.reactor), IReactorPluggableNameResolver)
        self.outside = Outside(self.reactor, self.config())
        self.connections: list[StringTransportWithDisconnection] = []

    def config(self, **changes: object) -> Config:
        """
        What a file says.
        """
        return loaded(self.mktemp(), {**SMALLEST, **changes}).config

    def ask(self) -> Deferred[Any]:
        """
        A request that the OP has heard; over a new connection if there has to be one.
        """
        asked: Deferred[Any] = self.outside.http.request("GET", URL)
        if len(self.reactor.tcpClients) > len(self.connections):
            protocol = self.reactor.tcpClients[-1][2].buildProtocol(None)
            transport = StringTransportWithDisconnection()
            transport.protocol = protocol
            protocol.makeConnection(transport)
            self.connections.append(transport)
        return asked

    def answer(self, asked: Deferred[Any]) -> None:
        """
        The OP answers on the newest connection.
        """
        self.connections[-1].protocol.dataReceived(ANSWER)
        response = self.successResultOf(asked)
        self.successResultOf(response.content())

    def test_kept(self) -> None:
        """
        A connection serves again, also when other settings change.
        """
        for level in ("info", "error", "info"):
            self.outside.configure(self.config(log_level=level))
            self.answer(self.ask())
        self.assertEqual(len(self.connections), 1)

    def test_other_authorities(self) -> None:
        """
        When other authorities are trusted no idle connection is used again, and none stays.
        """
        self.answer(self.ask())
        self.outside.configure(self.config(certificate_authority=AUTHORITY))
        self.assertFalse(self.connections[0].connected)
        self.answer(self.ask())
        self.assertEqual(len(self.connections), 2)
        self.outside.configure(self.config(certificate_authority=AUTHORITY))
        self.answer(self.ask())
        self.assertEqual(len(self.connections), 2)

    def test_other_authorities_meanwhile(self) -> None:
        """
        What was asked before is still answered; its connection is not kept.
        """
        asked = self.ask()
        self.outside.configure(self.config(certificate_authority=AUTHORITY))
        self.answer(asked)
        self.reactor.advance(0)
        self.assertFalse(self.connections[0].connected)
        self.answer(self.ask())
        self.assertEqual(len(self.connections), 2)
        Deferred.fromCoroutine(self.outside.close())
        self.assertFalse(self.connections[1].connected)
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class ProviderTlsTests(SynchronousTestCase):
    """
    How the OP is known.
    """

    def test_wrong_certificate(self) -> None:
        """
        Nothing is said to whom another name, another authority or nobody vouches for, at discovery or any other
        endpoint; whom the configured authority vouches for is spoken to.
        """
        root = Authority("root")
        for trusted, names, is_believed in (
            (root, ("op.example.com",), True),
            (root, ("evil.example.com",), False),
            (Authority("another"), ("op.example.com",), False),
            (None, ("op.example.com",), False),
        ):
            with self.subTest(trusted=trusted is root, names=names):
                pem = {} if trusted is None else {"certificate_authority": b64encode(trusted.pem).decode()}
                outside = Outside(MemoryReactorClock(), loaded(self.mktemp(), {**SMALLEST, **pem}).config)
                self.addCleanup(logs.threshold.set, "info")
                creator = _ProviderTls(outside).creatorForNetloc(b"op.example.com", 443)
                outcome = handshake(DownstreamContexts([root.issue(*names)]), creator)
                self.assertIs(outcome.succeeded, is_believed)

    def test_used(self) -> None:
        """
        That is how each request to an OP connects.
        """
        reactor: Any = MemoryReactorClock()
        outside = Outside(reactor, loaded(self.mktemp(), SMALLEST).config)
        self.addCleanup(logs.threshold.set, "info")
        self.assertIsInstance(outside._agent.now._endpointFactory._policyForHTTPS, _ProviderTls)


class ClientCertificatesTests(SynchronousTestCase):
    """
    ``downstream_mtls``: each of its keys decides whom we trust.
    """

    def setUp(self) -> None:
        self.addCleanup(logs.threshold.set, "info")
        self.root = authority("root")
        self.alice = identity("alice", self.root, names=(RFC822Name("alice@example.com"),))

    def outside(self, **mtls: object) -> Outside:
        """
        The network with these keys beside ``ca``.
        """
        return Outside(MemoryReactorClock(), self.config(**mtls))

    def config(self, **mtls: object) -> Config:
        """
        What a file says.
        """
        values = with_tls(**{"ca": self.root.pem.decode(), **mtls}) if mtls != {"ca": None} else with_tls()
        return loaded(self.mktemp(), values).config

    def shown(self, outside: Outside, who: Identity) -> Shown | None:
        """
        What is thought of *who*.
        """
        contexts: DownstreamContexts = outside.wrapped(Factory.forProtocol(Protocol)).contexts
        server, _ = Presenter(who).shake_hands(contexts)
        return None if contexts.authorities is None else contexts.authorities.shown_on(server, time.time())

    def is_trusted(self, outside: Outside, who: Identity) -> bool:
        """
        Whether *who* is trusted.
        """
        shown = self.shown(outside, who)
        return shown is not None and shown.certificate is not None and shown.certificate.is_trusted

    def test_keys(self) -> None:
        """
        Whoever is trusted is not when one key says otherwise, and is again when the key is gone.
        """
        middle = authority("middle", self.root)
        deep = identity("deep", middle, names=(RFC822Name("alice@example.com"),)).sending(middle)
        for who, mtls, trusted in [
            (self.alice, {}, True),
            (self.alice, {"ca": authority("other").pem.decode()}, False),
            (self.alice, {"crl": revocation_list(self.root, self.alice).decode()}, False),
            (deep, {}, False),
            (deep, {"max_verify_depth": 2}, True),
            (self.alice, {"match_subject_alt_names": [{"email": r".*@example\.com"}]}, True),
            (self.alice, {"match_subject_alt_names": [{"email": r"alice"}]}, False),
            (self.alice, {"match_subject_alt_names": [{"dns": ".*"}]}, False),
            (self.alice, {"match_subject_alt_names": [{"dns": ".*"}, {"email": ".*"}]}, True),
        ]:
            with self.subTest(mtls=mtls):
                self.assertEqual(self.is_trusted(self.outside(**mtls), who), trusted)

    def test_kinds_of_names(self) -> None:
        """
        Every kind of name is looked for among the names of its kind.
        """
        names: dict[str, GeneralName] = {
            "dns": DNSName("x"),
            "email": RFC822Name("x"),
            "uri": UniformResourceIdentifier("x"),
            "ip_address": IPAddress(ip_address("192.0.2.1")),
            "user_principal_name": principal("x"),
        }
        for wanted in names:
            pattern = r"192\.0\.2\.1|x"
            outside = self.outside(match_subject_alt_names=[{wanted: pattern}])
            for kind, name in names.items():
                with self.subTest(wanted=wanted, kind=kind):
                    self.assertEqual(self.is_trusted(outside, identity("x", self.root, names=(name,))), kind == wanted)

    def test_enforcement(self) -> None:
        """
        Only ``reject_connection`` does not speak with who has none.
        """
        stranger = identity("x", authority("other"))
        for enforcement in ("policy", "policy_with_default_deny"):
            shown = self.shown(self.outside(enforcement=enforcement), stranger)
            assert shown is not None
            self.assertTrue(shown.is_welcome)
        self.assertRaises(SSL.Error, self.shown, self.outside(enforcement="reject_connection"), stranger)

    def test_reload(self) -> None:
        """
        Other authorities and lists are in force at once, nobody is asked any more without, and what does not change
        costs nobody their session of TLS.
        """
        outside = self.outside()
        contexts = outside.wrapped(Factory.forProtocol(Protocol)).contexts
        authorities = contexts.authorities
        outside.configure(self.config())
        self.assertIs(contexts.authorities, authorities)
        outside.configure(self.config(crl=revocation_list(self.root, self.alice).decode()))
        self.assertFalse(self.is_trusted(outside, self.alice))
        outside.configure(self.config(ca=None))
        self.assertIsNone(self.shown(outside, self.alice))
