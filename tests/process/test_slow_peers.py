"""
Memory does not grow with what waits for a slow reader; `benchmarks.slow_peer` shows it for ten gibibytes.
"""

from __future__ import annotations

import socket
import threading

from benchmarks.slow_peer import DIRECTIONS, MOST_GROWTH, connect, memory, pass_slowly, serve
from tests.process.daemon import DaemonTestCase, Running
from tests.tls.authorities import Authority

PIECES = 48
"""
Mebibytes that pass: many times what may be kept.
"""


class SlowPeerTests(DaemonTestCase):
    """
    Whoever writes has to wait for whoever reads.
    """

    def setUp(self) -> None:
        super().setUp()
        listening = socket.create_server(("127.0.0.1", 0))
        self.application_port = listening.getsockname()[1]
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()

        def close() -> None:
            # To close it would not wake who accepts on it.
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            listening.close()

        self.addCleanup(close)

    def assert_bounded(self, running: Running, *, tls: bool) -> None:
        """
        Nothing that passes, either way, has to be kept.
        """
        host = f"app.localhost:{self.port}"
        for name in DIRECTIONS:
            with self.subTest(name), connect(self.port, tls=tls) as peer:
                peer.settimeout(60)
                with connect(self.port, tls=tls) as first:
                    pass_slowly(first, host, name, 1)
                before = most = memory(running.process.pid)

                def progress(passed: int) -> None:
                    nonlocal most
                    most = max(most, memory(running.process.pid))

                pass_slowly(peer, host, name, PIECES, progress)
                self.assertLessEqual(most - before, MOST_GROWTH)

    def test_plain(self) -> None:
        """
        Downloads, uploads and WebSockets, whole or in small chunks, take no memory while they wait.
        """
        url = f"http://127.0.0.1:{self.application_port}"
        running = self.start(routes=[self.route(url, allow_websockets=True)])
        self.assert_bounded(running, tls=False)

    def test_tls(self) -> None:
        """
        Nor do they over TLS.
        """
        files = (self.folder / "certificate.pem", self.folder / "key.pem")
        for path, pem in zip(files, Authority("A test authority").issue("app.localhost"), strict=True):
            path.touch(mode=0o600)
            path.write_bytes(pem)
        route = self.route(f"http://127.0.0.1:{self.application_port}", allow_websockets=True)
        running = self.start(
            insecure_server=None,
            authenticate_service_url=f"https://authenticate.localhost:{self.authenticate_port}",
            certificate_file=str(files[0]),
            certificate_key_file=str(files[1]),
            routes=[{**route, "from": f"https://app.localhost:{self.port}"}],
        )
        self.assert_bounded(running, tls=True)
