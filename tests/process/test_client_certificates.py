"""
Client certificates, with sockets and handshakes: Python's own TLS on the other end.
"""

from __future__ import annotations

import http.client
import signal
import socket
import ssl
from pathlib import Path
from threading import Event
from typing import Any

from tests.process.daemon import DaemonTestCase, Running, Upstream, eventually, json_lines
from tests.tls.authorities import Authority, key_pem
from tests.tls.clients import Identity, authority, identity, revocation_list

NAMES = ("app.localhost", "other.localhost")


class CertificatesTestCase(DaemonTestCase):
    """
    A daemon with two certificates of its own, that asks for others.
    """

    def setUp(self) -> None:
        super().setUp()
        self.hold = Event()
        self.upstream = Upstream(hold=self.hold)
        self.addCleanup(self.upstream.close)
        self.addCleanup(self.hold.set)
        self.root = authority("root")
        self.alice = identity("alice", self.root)
        self.ca, self.crl = self.folder / "ca.pem", self.folder / "crl.pem"
        self.ca.write_bytes(self.root.pem)
        self.crl.write_bytes(revocation_list(self.root))
        ours = Authority("ours")
        self.pairs = []
        for name in NAMES:
            certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
            issued, its_key = ours.issue(name)
            certificate.write_bytes(issued)
            key.touch(mode=0o600)
            key.write_bytes(its_key)
            self.pairs.append({"cert": str(certificate), "key": str(key)})

    def settings(self, **mtls: object) -> dict[str, Any]:
        """
        TLS for both names, and certificates of *root*'s.
        """
        url = f"http://127.0.0.1:{self.upstream.port}"
        return {
            "insecure_server": None,
            "certificates": self.pairs,
            "authenticate_service_url": f"https://authenticate.localhost:{self.authenticate_port}",
            "routes": [self.route(url) | {"from": f"https://{name}:{self.port}"} for name in NAMES],
            "downstream_mtls": {"ca_file": str(self.ca), "crl_file": str(self.crl), **mtls},
        }

    def context(self, who: Identity | None) -> ssl.SSLContext:
        """
        TLS as *who*.
        """
        context = ssl._create_unverified_context()
        if who is not None:
            path = Path(self.mktemp())
            path.write_bytes(who.pem + b"".join(Identity(each, who.key).pem for each in who.chain) + key_pem(who.key))
            context.load_cert_chain(path)
        return context

    def connect(self, who: Identity | None, name: str = NAMES[0]) -> http.client.HTTPSConnection:
        """
        A connection, after its handshake.
        """
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection = http.client.HTTPSConnection(name, self.port, timeout=10)
        self.addCleanup(connection.close)
        connection.sock = self.context(who).wrap_socket(raw, server_hostname=name)
        return connection

    def status(self, connection: http.client.HTTPSConnection, path: str = "/") -> int:
        """
        The status of an answer; -1 if there is none.
        """
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return -1
        return answer.status

    def reload(self, running: Running, **mtls: object) -> None:
        """
        Have the configuration read again.
        """
        self.write(self.configuration(**self.settings(**mtls)))
        before = len(json_lines(running.out))
        running.signal(signal.SIGHUP)
        eventually(
            "it was read",
            lambda: any("was read again" in line["message"] for line in json_lines(running.out)[before:]),
        )


class HandshakeTests(CertificatesTestCase):
    """
    What becomes of real connections.
    """

    def test_asked(self) -> None:
        """
        By whichever name: only a trusted certificate opens the route, and our own pages need none.
        """
        self.hold.set()
        self.crl.write_bytes(revocation_list(self.root, revoked := identity("revoked", self.root)))
        self.start(**self.settings())
        for name in NAMES:
            for who, expected in [
                (self.alice, 200),
                (None, 495),
                (revoked, 495),
                (identity("expired", self.root, days=(-2, -1)), 495),
                (identity("x", authority("stranger")), 495),
            ]:
                self.assertEqual(self.status(self.connect(who, name)), expected)
                self.assertEqual(self.status(self.connect(who, name), "/.pomerium/"), 200)

    def test_reload(self) -> None:
        """
        A revocation that is read on SIGHUP cuts what is open, is in force on connections that are, and on new ones.
        """
        running = self.start(**self.settings())
        waiting, idle, bobs = (
            self.connect(self.alice),
            self.connect(self.alice),
            self.connect(bob := identity("bob", self.root)),
        )
        self.assertEqual((self.status(idle, "/ping"), self.status(bobs, "/ping")), (200, 200))
        waiting.request("GET", "/slow")
        self.assertTrue(self.upstream.asked.wait(5))
        self.crl.write_bytes(revocation_list(self.root, self.alice))
        self.reload(running)
        answer = waiting.getresponse()
        self.assertEqual((answer.status, answer.headers["Connection"]), (302, "close"))
        self.hold.set()
        self.assertEqual([self.status(each) for each in (idle, self.connect(self.alice))], [495, 495])
        self.assertEqual([self.status(each) for each in (bobs, self.connect(bob))], [200, 200])

    def test_workers(self) -> None:
        """
        Several processes ask, refuse and read revocations as one does.
        """
        self.hold.set()
        running = self.start(workers=2, **self.settings(match_subject_alt_names=[]))
        for _ in range(4):
            self.assertEqual([self.status(self.connect(who)) for who in (self.alice, None)], [200, 495])
        open_ones = [self.connect(self.alice) for _ in range(4)]
        self.assertEqual({self.status(each, "/ping") for each in open_ones}, {200})
        self.crl.write_bytes(revocation_list(self.root, self.alice))
        self.write(self.configuration(workers=2, **self.settings(match_subject_alt_names=[])))
        running.signal(signal.SIGHUP)
        eventually("it was read", lambda: any("was read again" in line["message"] for line in json_lines(running.out)))
        self.assertEqual({self.status(each) for each in open_ones}, {495})
        self.assertEqual({self.status(self.connect(self.alice)) for _ in range(4)}, {495})

    def test_rejected(self) -> None:
        """
        Where connections are rejected there is no answer without a certificate, and the log says who was turned away,
        and why.
        """
        self.hold.set()
        running = self.twistd("-n", configuration=self.configuration(**self.settings(enforcement="reject_connection")))
        eventually("it listens", lambda: "listening" in running.out.lower() or running.process.poll() is not None)
        self.assertEqual(self.status(self.connect(self.alice)), 200)
        for who in (None, identity("x", authority("stranger"))):
            try:
                self.assertEqual(self.status(self.connect(who), "/ping"), -1)
            except ssl.SSLError:
                pass
        eventually("all is told", lambda: running.out.count("refused for its certificate") == 2)
        told = [line for line in json_lines(running.out) if "refused for its certificate" in line["message"]]
        problems = ["no certificate", "unable to get local issuer certificate"]
        self.assertEqual([line["problem"] for line in told], problems)
        self.assertEqual({line["ip"] for line in told}, {"127.0.0.1"})
