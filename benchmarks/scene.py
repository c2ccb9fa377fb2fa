"""
Everything that runs beside the measurement: the application, the provider, every proxy that is wanted.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path

from benchmarks.deployment import Daemon, free_ports, run_provider
from benchmarks.processes import DidNotStart
from benchmarks.rivals import apache, envoy, nginx, ours, stock
from benchmarks.rivals.certificate import write_certificate
from benchmarks.rivals.peer import Missing, Peer
from benchmarks.rivals.upstream import Upstream

NAMES = ("nginx", "apache", "envoy", "twisted", "pomerium")
"""
The programs; the name of a peer begins with that of its program.
"""


class Scene:
    """
    All of it, until *stack* is closed.

    :param wanted: Names of peers.
    :param against: Another checkout of ours, to be measured beside this one.
    :raises Missing: If not even the application can run.
    """

    def __init__(self, stack: ExitStack, folder: Path, wanted: Collection[str], against: Path | None = None) -> None:
        self.peers: dict[str, Peer] = {}
        self.logs: dict[str, Path] = {}
        self.missing: list[str] = []
        self._stack, self._folder = stack, folder
        self.certificate = write_certificate(folder)
        (provider_port,) = free_ports(1)
        self.upstream = Upstream(stack, folder, self.certificate, provider_port)
        daemons = {name: self._daemon(name, provider_port) for name in wanted if name.startswith("pomerium")}
        if against is not None:
            others = [ours.OF_THE_OTHER[name] for name in daemons if name in ours.OF_THE_OTHER]
            daemons |= {name: self._daemon(name, provider_port, source=against) for name in others}
        (apache_port,) = free_ports(1)
        self._start_provider(
            provider_port, *(daemon.redirect_uri for daemon in daemons.values()), apache.redirect_uri(apache_port)
        )
        makers: dict[str, Callable[[], list[Peer]]] = {
            "nginx": lambda: nginx.peers(stack, folder, self.upstream, self.certificate),
            "apache": lambda: apache.peers(stack, folder, self.upstream, apache_port, provider_port),
            "envoy": lambda: envoy.peers(stack, folder, self.upstream),
            "twisted": lambda: stock.peers(stack, folder, self.upstream),
        }
        for name, make in makers.items():
            if any(peer.startswith(name) for peer in wanted):
                self._attempt(make, wanted)
        for name, daemon in daemons.items():
            self.peers[name] = ours.peer(stack, daemon, name=name, title=ours.title_of(name))
            self.logs[name] = daemon.log

    def _daemon(self, name: str, provider_port: int, source: Path | None = None) -> Daemon:
        return ours.daemon(
            self._folder / name,
            application_port=self.upstream.port,
            provider_port=provider_port,
            certificate=self.certificate if name in ours.WITH_TLS else None,
            workers=ours.workers_of(name),
            resumes=name not in ours.WITHOUT_RESUMPTION,
            source=source,
        )

    def _attempt(self, make: Callable[[], list[Peer]], wanted: Collection[str]) -> None:
        try:
            self.peers.update((peer.name, peer) for peer in make() if peer.name in wanted)
        except (Missing, DidNotStart) as lacking:
            self.missing.append(str(lacking))

    def _start_provider(self, port: int, *redirect_uris: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        here, there = spawn.Pipe()
        process = spawn.Process(target=run_provider, args=(there, port, *redirect_uris), daemon=True)
        process.start()
        self._stack.callback(process.terminate)
        # Should it die, the pipe ends here too.
        there.close()
        here.recv()
        # Kept: it ends with its pipe.
        self._provider = here
