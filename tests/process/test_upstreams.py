"""
Applications over real TLS and real names.
"""

from __future__ import annotations

import ssl

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

    def test_nobody_there(self) -> None:
        """
        An application that does not listen is a page with status 503.
        """
        self.start()
        self.assertEqual(self.get("/")[0], 503)
