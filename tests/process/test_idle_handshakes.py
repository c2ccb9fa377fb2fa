"""
Thousands of TLS handshakes that are begun and never finished.
"""

from __future__ import annotations

import resource
import socket

from benchmarks.slow_peer import memory
from tests.process.daemon import Running, eventually, is_answering
from tests.process.test_limits import LimitTestCase, open_files
from tests.tls.authorities import Authority

WANTED = 5_000
FOR_OTHERS = 200
"""
Descriptors of this process that are for something else.
"""
MOST_EACH = 64 / 1024
"""
Mebibytes of resident memory that a connection may take whose handshake is not over.
"""
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""
The beginning of a handshake.
"""


class IdleHandshakeTests(LimitTestCase):
    """
    One peer holds as many connections as it can get.
    """

    def start_tls(self, most: int) -> Running:
        """
        The daemon, with room for so many connections.
        """
        files = (self.folder / "certificate.pem", self.folder / "key.pem")
        for path, pem in zip(files, Authority("A test authority").issue("app.localhost"), strict=True):
            path.touch(mode=0o600)
            path.write_bytes(pem)
        return self.start(
            insecure_server=None,
            authenticate_service_url=f"https://authenticate.localhost:{self.authenticate_port}",
            certificate_file=str(files[0]),
            certificate_key_file=str(files[1]),
            routes=[{**self.route("http://127.0.0.1:1"), "from": f"https://app.localhost:{self.port}"}],
            # That such connections end when it is over is for `test_limits`.
            timeout_request_head="10m",
            max_connections=most + 100,
            max_connections_per_address=most,
        )

    def descriptors(self) -> int:
        """
        How many connections there can be: as many as are wanted, where this machine lets a process have them.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        # The daemon keeps as many again for applications, and 64.
        available = hard if hard != resource.RLIM_INFINITY else 1 << 20
        return min(WANTED, (available - FOR_OTHERS) // 2 - 200)

    def test_thousands(self) -> None:
        """
        Each takes little memory, others are answered all the while, and nothing of them is left when they are gone.
        """
        most = self.descriptors()
        self.assertGreater(most, 100)
        running = self.start_tls(most)
        before, held = memory(running.process.pid), open_files(running)
        sockets: list[socket.socket] = []
        self.addCleanup(lambda: [each.close() for each in sockets])
        for _ in range(most):
            # From another address than those who are to be answered.
            each = socket.create_connection(("127.0.0.1", self.port), timeout=30, source_address=("127.0.0.2", 0))
            each.sendall(HELLO)
            sockets.append(each)
        # A connection of whoever asked whether it is up may still have counted before.
        eventually("they are all held", lambda: open_files(running) >= held + most - 10)
        self.assertLess(memory(running.process.pid) - before, most * MOST_EACH)
        for _ in range(10):
            self.assertTrue(is_answering(self.port, tls=True))
        for each in sockets:
            each.close()
        eventually("they are all gone", lambda: open_files(running) <= held + 5)
        self.assertTrue(is_answering(self.port, tls=True))
        self.assert_no_surprise(running)
