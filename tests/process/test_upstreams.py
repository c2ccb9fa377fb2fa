"""
Applications over real TLS and real names.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.process.daemon import DaemonTestCase, Upstream, json_lines
from tests.tls.authorities import Authority


class UpstreamTests(DaemonTestCase):
    """
    What is behind a route.
    """

    def serve(self, authority: Authority, *names: str) -> Upstream:
        """
        An application whose certificate is for *names*.
        """
        certificate, key = authority.issue(*names)
        files = (self.folder / "upstream.pem", self.folder / "upstream.key")
        for path, pem in zip(files, (certificate, key), strict=True):
            path.write_bytes(pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        upstream = Upstream(tls=context)
        self.addCleanup(upstream.close)
        return upstream

    def test_verified_https(self) -> None:
        """
        An application over https is believed if its certificate is for the name in ``to`` and signed by
        ``tls_custom_ca``; with another name, or another authority, the person sees a page with status 503, and the log
        says why.
        """
        authority, stranger = Authority("A test authority"), Authority("A stranger")
        upstream = self.serve(authority, "upstream.localhost")
        for name, believed in (("good", authority), ("wrong", authority), ("unknown", stranger)):
            (self.folder / f"{name}.pem").write_bytes(believed.pem)
        running = self.start(
            routes=[
                self.route(
                    f"https://{'other' if name == 'wrong' else 'upstream'}.localhost:{upstream.port}",
                    prefix=f"/{name}",
                    tls_custom_ca_file=str(self.folder / f"{name}.pem"),
                )
                for name in ("good", "wrong", "unknown")
            ]
        )
        self.assertEqual(self.get("/good"), (200, b"You asked for /good"))
        for path in ("/wrong", "/unknown"):
            with self.subTest(path):
                status, content = self.get(path, Accept="text/html")
                self.assertEqual(status, 503)
                self.assertIn(b"<h1", content)
        reasons = [line["reason"] for line in json_lines(running.out) if line["level"] == "warn" and "reason" in line]
        self.assertEqual(
            reasons,
            [
                "cannot be trusted with TLS: its certificate is for another name",
                "cannot be trusted with TLS: certificate verify failed",
            ],
        )

    def test_localhost_names(self) -> None:
        """
        A name below ``localhost`` is this machine, whatever its resolver thinks.
        """
        upstream = Upstream()
        self.addCleanup(upstream.close)
        self.start(routes=[self.route(f"http://an.application.localhost:{upstream.port}")])
        self.assertEqual(self.get("/x?y"), (200, b"You asked for /x?y"))

    def test_a_name_each(self) -> None:
        """
        Of several applications over https each must show a certificate for its own name; one that does not gets no
        request, and the others have them all. One name for all of them may be written.
        """
        authority = Authority("A test authority")
        (self.folder / "ca.pem").write_bytes(authority.pem)
        names = ("one.localhost", "two.localhost", "two.localhost")
        upstreams = [self.serve(authority, name) for name in names]
        hosts = ("one", "two", "three")
        to = [f"https://{host}.localhost:{upstream.port}" for host, upstream in zip(hosts, upstreams, strict=True)]
        settings = {"to": to, "tls_custom_ca_file": str(self.folder / "ca.pem")}
        running = self.start(
            routes=[
                self.route("", prefix="/own", **settings),
                self.route("", prefix="/two", tls_upstream_server_name="two.localhost", **settings),
            ]
        )
        for prefix in ("/own", "/two"):
            for _ in range(6):
                self.assertEqual(self.get(prefix)[0], 200)
        refused = {line["upstream"] for line in json_lines(running.out) if "another one is tried" in line["message"]}
        self.assertEqual(refused, {to[2], to[0]})

    def test_sockets(self) -> None:
        """
        Applications may listen on UNIX sockets, without TLS or with it; one whose socket is gone is 503.
        """
        authority = Authority("A test authority")
        certificate, key = authority.issue("application.test")
        for name, pem in (("leaf.pem", certificate), ("leaf.key", key), ("ca.pem", authority.pem)):
            (self.folder / name).write_bytes(pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "leaf.pem", self.folder / "leaf.key")
        # A socket's path must be short.
        with TemporaryDirectory() as short:
            for name, tls in (("plain", None), ("tls", context)):
                self.addCleanup(Upstream(tls=tls, path=Path(short) / name).close)
            self.start(
                routes=[
                    self.route(f"unix://{short}/plain", prefix="/plain"),
                    self.route(
                        f"https+unix://{short}/tls",
                        prefix="/tls",
                        tls_custom_ca_file=str(self.folder / "ca.pem"),
                        tls_upstream_server_name="application.test",
                    ),
                    self.route(f"unix://{short}/gone", prefix="/gone"),
                ]
            )
            for _ in range(2):
                self.assertEqual(self.get("/plain/x"), (200, b"You asked for /plain/x"))
                self.assertEqual(self.get("/tls/y"), (200, b"You asked for /tls/y"))
            self.assertEqual(self.get("/gone")[0], 503)

    def test_several(self) -> None:
        """
        Several applications share a route's requests; when one is gone the others have them all.
        """
        upstreams = [Upstream() for _ in range(3)]
        for upstream in upstreams[1:]:
            self.addCleanup(upstream.close)
        self.start(
            routes=[
                self.route(
                    "",
                    to=[f"http://127.0.0.1:{upstream.port}" for upstream in upstreams],
                    health_checks=[{"timeout": "1s", "interval": "200ms", "http_health_check": {"path": "/healthz"}}],
                )
            ]
        )
        for number in range(6):
            self.assertEqual(self.get(f"/{number}"), (200, f"You asked for /{number}".encode()))
        upstreams[0].close()
        for number in range(6):
            self.assertEqual(self.get(f"/{number}"), (200, f"You asked for /{number}".encode()))

    def test_nobody_there(self) -> None:
        """
        An application that does not listen is a page with status 503.
        """
        self.start()
        self.assertEqual(self.get("/")[0], 503)
