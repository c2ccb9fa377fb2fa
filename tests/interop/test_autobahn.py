"""
Autobahn's WebSocket test suite against its own echo server: through the proxy it sees what it sees without.

It needs Python 2.7, and so is not installed with the rest. ``WSTEST`` names its ``wstest``; in a virtual environment of
Python 2.7, ``pip install Twisted==20.3.0 autobahn==0.10.9 txaio==2.1.0 klein==17.2.0`` and ``--no-deps
autobahntestsuite``. ``WSTEST_CASES`` chooses cases (``*`` for all of the more than 500, which take some minutes).
"""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

from tests.process.daemon import DaemonTestCase, eventually, free_ports, is_listening

WSTEST = os.environ.get("WSTEST") or shutil.which("wstest")
CASES = os.environ.get("WSTEST_CASES", "1.* 2.* 3.* 4.* 5.* 6.* 7.* 10.*").split()
COMPARED = ("behavior", "behaviorClose", "remoteCloseCode")
PASSED = {"NON-STRICT": "OK"}
"""
Both are a pass; which of them it is depends on how the kernel cuts what comes before an error.
"""


class AutobahnTests(DaemonTestCase):
    """
    The fuzzing client, once directly and once through the real daemon.
    """

    if WSTEST is None:
        skip = "WSTEST does not name Autobahn's wstest"

    def test_no_difference(self) -> None:
        """
        Every case has the same result both ways, and the same close code.
        """
        assert WSTEST is not None
        (echo,) = free_ports(1)
        self.run_command(WSTEST, "-m", "echoserver", "-w", f"ws://127.0.0.1:{echo}")
        eventually("the echo server listens", lambda: is_listening(echo))
        route = self.route(f"http://127.0.0.1:{echo}", allow_websockets=True)
        # Python 2.7 knows no other name of this machine.
        self.start(routes=[route | {"from": f"http://localhost:{self.port}"}])
        servers = [
            {"agent": "direct", "url": f"ws://127.0.0.1:{echo}"},
            {"agent": "proxied", "url": f"ws://localhost:{self.port}"},
        ]
        specification: dict[str, Any] = {
            "options": {"failByDrop": False},
            "outdir": str(self.folder / "reports"),
            "servers": servers,
            "cases": CASES,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        path = self.folder / "fuzzingclient.json"
        path.write_text(json.dumps(specification))
        client = self.run_command(WSTEST, "-m", "fuzzingclient", "-s", str(path))
        client.process.wait(float(os.environ.get("WSTEST_SECONDS", "600")))
        found = json.loads((self.folder / "reports" / "index.json").read_text())
        direct, proxied = (
            {
                case: tuple(PASSED.get(result.get(key), result.get(key)) for key in COMPARED)
                for case, result in of.items()
            }
            for of in (found[server["agent"]] for server in servers)
        )
        different = {case: (direct[case], proxied.get(case)) for case in direct if proxied.get(case) != direct[case]}
        print(f"\nAutobahn: {len(direct)} cases, {len(different)} differ")
        self.assertTrue(direct)
        self.assertEqual(direct.keys(), proxied.keys())
        self.assertEqual(different, {})
