"""
Configurations to ask about.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx import cli
from pomerium_tx.advice.explained import Explained, Question, explain
from pomerium_tx.config.loader import load
from pomerium_tx.policy.explanation import a_person
from tests.config.material import SMALLEST, written

ROUTES: list[dict[str, object]] = [
    {
        "from": "https://app.example.com",
        "to": "http://127.0.0.1:3000",
        "prefix": "/admin",
        "policy": {
            "allow": {"or": [{"email": {"is": "alice@example.com"}}, {"claim/groups": {"has": "admins"}}]},
            "deny": {"or": [{"source_ip": "10.0.0.0/8"}]},
        },
    },
    {
        "from": "https://app.example.com",
        "to": "http://127.0.0.1:3001",
        "allow_any_authenticated_user": True,
        "allow_websockets": True,
        "set_request_headers": {"X-Key": "planted-header-secret"},
    },
    {
        "from": "https://app.example.com",
        "to": "http://127.0.0.1:3002",
        "prefix": "/late",
        "allowed_users": ["bob@example.com"],
    },
    {"from": "https://public.example.com", "to": "http://127.0.0.1:3003", "allow_public_unauthenticated_access": True},
    {"from": "https://closed.example.com", "to": "http://127.0.0.1:3004"},
]


class AskingTestCase(SynchronousTestCase):
    """
    A configuration in a file.
    """

    def file(self, values: Mapping[str, object] | None = None) -> Path:
        """
        The smallest configuration with the routes above, and *values* on top.
        """
        merged = {**SMALLEST, "routes": ROUTES, **(values or {})}
        return written(self.mktemp(), yaml.safe_dump(merged, sort_keys=False))

    def explain(
        self,
        url: str,
        email: str | None = "alice@example.com",
        values: Mapping[str, object] | None = None,
        **more: object,
    ) -> Explained:
        """
        What would become of a request of that person, or of nobody.
        """
        person = None if email is None else a_person(email=email, groups=more.pop("groups", ()))  # type: ignore[arg-type]
        return explain(load(self.file(values), {}), Question(url=url, person=person, **more))  # type: ignore[arg-type]

    def run_command(self, *arguments: str) -> tuple[int, str, str]:
        """
        The exit status of ``pomerium-tx``, and what it has written on each of its two outputs.
        """
        out, err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        try:
            status = cli.main(arguments)
        except SystemExit as left:
            status = int(str(left.code))
        return status, out.getvalue(), err.getvalue()
