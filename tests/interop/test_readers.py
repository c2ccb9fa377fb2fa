"""
What is passed on, read by Node.js: it understands what was meant, and nothing else.
"""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

from tests.hostile.passed_on import PassedOnTestCase, probe_cases
from tests.hostile.readers import by_the_letter, read_of
from tests.process.daemon import PATIENCE, Running, eventually, free_ports, is_listening
from tests.proxy.test_byte_boundaries import CONVERSATIONS


class NodeTests(PassedOnTestCase):
    """
    A server of Node.js that says how it reads.
    """

    def setUp(self) -> None:
        super().setUp()
        folder = Path(self.mktemp())
        folder.mkdir()
        (self.port,) = free_ports(1)
        node = shutil.which("node")
        assert node is not None
        self.node = Running([node, str(Path(__file__).with_name("reader.mjs")), str(self.port)], folder, {})
        self.addCleanup(self.node.kill)
        eventually("Node.js listens", lambda: is_listening(self.port))

    def test_same(self) -> None:
        """
        Node.js reads each request as it was meant, with its content, and as many of them.
        """
        asked = [conversation.asked for conversation in CONVERSATIONS if b"evil" not in conversation.asked]
        asked += probe_cases()
        compared = 0
        for each in asked:
            with self.subTest(asked=each):
                heard = self.passed_on(each)
                if b"\r\nUpgrade: " in heard or not heard:
                    continue
                meant = by_the_letter(heard)
                said = self._said(heard, len(meant))
                self.assertEqual([one for one in said if "problem" in one], [], heard)
                read = [
                    read_of(
                        one["method"],
                        one["target"],
                        [tuple(pair) for pair in one["fields"]],
                        one["content"].encode("latin-1"),
                    )
                    for one in said
                ]
                self.assertEqual(read, meant)
                compared += len(meant)
        self.assertGreater(compared, 25)

    def _said(self, heard: bytes, count: int) -> list[dict[str, object]]:
        before = len(self.node.out.splitlines())
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            connection.sendall(heard)
            eventually("it has read all", lambda: len(self.node.out.splitlines()) >= before + count)
        return [json.loads(line) for line in self.node.out.splitlines()[before:]]
