"""
Twisted as it comes: ``twisted.web.proxy.ReverseProxyResource`` under a ``Site``.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.deployment import ROOT, free_ports
from benchmarks.processes import PROXY_CORE, start
from benchmarks.rivals.peer import Peer
from benchmarks.rivals.upstream import Upstream


def peers(stack: ExitStack, folder: Path, upstream: Upstream) -> list[Peer]:
    """
    It asks nobody who they are.
    """
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "benchmarks.rivals.stock", str(port), str(upstream.port)]
    pid = start(stack, folder, "twisted", command, core=PROXY_CORE, ports=[port], environment={"PYTHONPATH": str(ROOT)})
    title = "stock Twisted, nobody asked"
    return [Peer(name="twisted", title=title, pid=pid, port=port, cookie=upstream.session_cookie)]


def main(port: int, upstream: int) -> None:
    """
    Serve until the process is ended.
    """
    from twisted.internet import reactor as installed  # noqa: TID251 - a process of its own
    from twisted.web.proxy import ReverseProxyResource
    from twisted.web.server import Site

    reactor: Any = installed
    site = Site(ReverseProxyResource("127.0.0.1", upstream, b""))  # type: ignore[no-untyped-call] # Twisted's own
    reactor.listenTCP(port, site, 4096, "127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
