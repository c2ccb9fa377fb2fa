"""
A deployment on https, under names of two sites that only this test's browsers know.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.interop.authority import certify, fingerprint
from tests.interop.browsers import Person
from tests.interop.deployment import DeploymentCase, Site
from tests.interop.processes import free_ports
from tests.interop.wire import Response, fetch

FOREIGN = "https://www.other.test"
"""
An origin of another site than everything else; a public page.
"""


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="interop-")


@functools.cache
def _certificate() -> tuple[Path, Path]:
    return certify(Path(_folder().name), "*.corp.test", "*.other.test")


@functools.cache
def _port() -> int:
    """
    Always the same one: a browser is told of it when it starts, and starts once.
    """
    [port] = free_ports(1)
    return port


class SecureDeploymentCase(DeploymentCase):
    """
    A proxy on https, under names of one site.
    """

    certificate: Path

    def deploy_securely(self, more_routes: Sequence[Mapping[str, Any]] = (), **settings: Any) -> None:
        """
        Everything is running.
        """
        port = _port()
        self.certificate, key = _certificate()
        self.site = Site(**{name: f"https://{name}.corp.test" for name in ("app", "chat", "public", "authenticate")})
        self.deploy_at(
            port,
            authenticate_address=f"127.0.0.1:{port}",
            certificates=[{"cert": str(self.certificate), "key": str(key)}],
            more_routes=[{"from": FOREIGN, "allow_public_unauthenticated_access": True}, *more_routes],
            **settings,
        )

    def colleague(self) -> Person:
        """
        Somebody whose browser finds these names, and believes them.
        """
        return self.person(
            f"--host-resolver-rules=MAP *.corp.test 127.0.0.1:{self.port}, MAP *.other.test 127.0.0.1:{self.port}",
            # A page with a certificate that somebody had to click away is not prefetched, and gets no service worker.
            f"--ignore-certificate-errors-spki-list={fingerprint(self.certificate)}",
            bypass_csp=True,
        )

    def fetch(self, url: str, *, cookie: str = "", method: str = "GET", **fields: str) -> Response:
        """
        The answer to a request without a browser.
        """
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        if cookie:
            headers["Cookie"] = cookie
        return fetch(url, method=method, headers=headers, port=self.port)
