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
        urls = {"direct": f"ws://127.0.0.1:{echo}", "proxied": f"ws://localhost:{self.port}"}
        compared, different = self.compare(urls, CASES)
        if different:
            # Some depend on how long things take, also without the proxy.
            _, different = self.compare(urls, sorted(different))
        print(f"\nAutobahn: {compared} cases, {len(different)} differ")
        self.assertTrue(compared)
        self.assertEqual(different, {})

    def compare(self, urls: dict[str, str], cases: list[str]) -> tuple[int, dict[str, object]]:
        """
        How many cases were run, and the results of those that differ.
        """
        assert WSTEST is not None
        reports = self.folder / f"reports-{len(cases)}"
        specification: dict[str, Any] = {
            "options": {"failByDrop": False},
            "outdir": str(reports),
            "servers": [{"agent": agent, "url": url} for agent, url in urls.items()],
            "cases": cases,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        path = self.folder / "fuzzingclient.json"
        path.write_text(json.dumps(specification))
        client = self.run_command(WSTEST, "-m", "fuzzingclient", "-s", str(path))
        client.process.wait(float(os.environ.get("WSTEST_SECONDS", "900")))
        found = json.loads((reports / "index.json").read_text())
        direct, proxied = ({case: _result(of) for case, of in found[agent].items()} for agent in urls)
        self.assertEqual(direct.keys(), proxied.keys())
        return len(direct), {case: (direct[case], proxied[case]) for case in direct if direct[case] != proxied[case]}


def _result(found: dict[str, Any]) -> tuple[object, ...]:
    if found["behavior"] == "INFORMATIONAL":
        # There is no right or wrong, and the close code is that of whoever is faster.
        return ("INFORMATIONAL",)
    return tuple(PASSED.get(found[key], found[key]) for key in COMPARED)
