"""
``twistd pomerium`` with everything on: fifty routes with policies, an identity assertion, access log lines in a file.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.deployment import ROOT, Browser, Daemon
from benchmarks.processes import cores_for, pin
from benchmarks.rivals.certificate import Certificate
from benchmarks.rivals.peer import Peer

ROUTES = 50
"""
The one that is asked for stands in the middle.
"""

TITLES = {
    "pomerium": "pomerium_tx",
    "pomerium_tls": "pomerium_tx, TLS",
    "pomerium_full": "pomerium_tx, TLS, none resumed",
}
OF_THE_OTHER = {name: name.replace("pomerium", "other") for name in TITLES}
"""
What each of them is called when it is another checkout's.
"""
TITLES |= {other: f"{TITLES[name]}, the other checkout" for name, other in OF_THE_OTHER.items()}
WITH_TLS = frozenset({"pomerium_tls", "pomerium_full", "other_tls", "other_full"})
WITHOUT_RESUMPTION = frozenset({"pomerium_full", "other_full"})
_WITHOUT_TICKETS = """
openssl_conf = all
[all]
ssl_conf = tls
[tls]
system_default = every_context
[every_context]
Options = -SessionTicket
"""
"""
OpenSSL's own configuration: no client can resume a session, which both clients here otherwise do.
"""


def with_workers(count: int) -> str:
    """
    The name of ours with so many workers.
    """
    return f"pomerium_{count}_workers"


def workers_of(name: str) -> int:
    """
    How many workers ours of that name has.
    """
    found = re.fullmatch(r"pomerium_(\d+)_workers", name)
    return int(found[1]) if found else 1


def title_of(name: str) -> str:
    """
    What ours of that name is called.
    """
    return TITLES.get(name, f"pomerium_tx, workers: {workers_of(name)}")


def routes(origin: str, application: str) -> list[dict[str, Any]]:
    """
    A table as a company has it: hosts of their own, paths of a common one, and who may use each.
    """
    asked = {"from": origin, "to": application, "allowed_domains": ["example.com"], "allowed_users": ["root@localhost"]}
    scheme, _, netloc = origin.partition("://")
    port = netloc.rpartition(":")[2]
    hosts = [f"{scheme}://host-{number}.localhost:{port}" for number in range(ROUTES // 2)]
    others: list[dict[str, Any]] = [
        {"from": host, "to": application, "allowed_domains": ["example.com", f"team-{number}.example.com"]}
        for number, host in enumerate(hosts)
    ]
    others += [
        {
            "from": f"{scheme}://shared.localhost:{port}",
            "prefix": f"/service-{number}/",
            "to": application,
            "allowed_users": [f"person-{number}@example.com"],
        }
        for number in range(ROUTES - 1 - len(others))
    ]
    return [*others[: ROUTES // 2], asked, *others[ROUTES // 2 :]]


def daemon(
    folder: Path,
    *,
    application_port: int,
    provider_port: int,
    certificate: Certificate | None = None,
    resumes: bool = True,
    workers: int = 1,
    source: Path | None = None,
) -> Daemon:
    """
    Ours, configured, not started.
    """
    folder.mkdir()
    openssl = folder / "openssl.cnf"
    openssl.write_text(_WITHOUT_TICKETS)
    return Daemon(
        folder,
        application_port=application_port,
        provider_port=provider_port,
        certificate=None if certificate is None else (certificate.path, certificate.key_path),
        configure=lambda daemon: {
            "routes": routes(daemon.origin, f"http://127.0.0.1:{application_port}"),
            "pass_identity_headers": True,
            "jwt_claims_headers": ["email"],
            **({} if workers == 1 else {"workers": workers}),
        },
        prepare=pin(*cores_for(workers)),
        environment={} if resumes else {"OPENSSL_CONF": str(openssl)},
        source=source or ROOT,
    )


def peer(stack: ExitStack, daemon: Daemon, *, name: str, title: str) -> Peer:
    """
    Ours, running, and somebody signed in.
    """
    stack.callback(daemon.stop)
    daemon.start()
    return Peer(
        name=name,
        title=title,
        pid=daemon.pid,
        port=daemon.port,
        host=daemon.host,
        is_tls=daemon.origin.startswith("https:"),
        cookie=Browser().sign_in(daemon.origin),
        anonymous=401,
        identity={"assertion": "eyJ"},
    )
