"""
Tests of ``docs/migrating.md``: its examples load, and mean what the files that they come from have meant.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import yaml
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.advice.explained import Explained, Question, explain
from pomerium_tx.config.loader import Loaded, load
from pomerium_tx.policy.explanation import a_person
from tests.config.material import KEY_32, key_pair, written

PAGE = Path(__file__).resolve().parents[2] / "docs" / "migrating.md"
_SNIPPET = re.compile(r"^## (.+?)$|^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)


def examples() -> dict[str, str]:
    """
    The configurations of the page, by the heading that they stand below.
    """
    found: dict[str, str] = {}
    heading = ""
    for match in _SNIPPET.finditer(PAGE.read_text("utf-8")):
        if match[1] is None:
            found[heading] = match[2]
        else:
            heading = match[1]
    return found


class MigratingTests(SynchronousTestCase):
    """
    The examples.
    """

    def example(self, heading: str) -> Loaded:
        """
        One of them, loaded, with the files that it names.
        """
        directory = self.mktemp()
        certificate, key = key_pair()
        contents = {"certificate": certificate, "key": key, "secret": KEY_32.encode("ascii")}
        for name, content in contents.items():
            written(directory, content, name)
        values = yaml.safe_load(examples()[heading])
        for name in values:
            if name.endswith("_file"):
                kind = "key" if name.endswith("key_file") else "certificate" if "certificate" in name else "secret"
                values[name] = str(Path(directory, kind))
        return load(written(directory, yaml.safe_dump(values, sort_keys=False)), {})

    def ask(self, heading: str, url: str, email: str | None, *groups: str, **more: str) -> Explained:
        """
        What would become of a request there.
        """
        person = None if email is None else a_person(email=email, groups=groups)
        return explain(self.example(heading), replace(Question(url=url, person=person), **more))

    def test_all_of_them_load(self) -> None:
        """
        Each example is a whole configuration, and there is nothing to be warned of.
        """
        headings = list(examples())
        self.assertEqual(
            headings, ["From Pomerium", "From oauth2-proxy", "From mod_auth_openidc", "From nginx with auth_request"]
        )
        for heading in headings:
            with self.subTest(heading):
                self.assertEqual([str(warning) for warning in self.example(heading).warnings], [])

    def test_pomerium(self) -> None:
        """
        Pomerium's policy decides as it did.
        """
        for url, email, groups, wanted in (
            ("https://wiki.example.com/", "alice@example.com", (), True),
            ("https://wiki.example.com/", "carol@else.example", ("contractors",), True),
            ("https://wiki.example.com/", "carol@else.example", (), False),
            ("https://wiki.example.com/", "mallory@example.com", (), False),
            ("https://api.example.com/v1/x", "carol@else.example", (), True),
            ("https://api.example.com/x", "alice@example.com", (), False),
            ("https://status.example.com/", None, (), True),
        ):
            with self.subTest(f"{email}: {url}"):
                self.assertEqual(self.ask("From Pomerium", url, email, *groups).is_admitted, wanted)
        [first, second] = self.ask("From Pomerium", "https://api.example.com/v1/x", "alice@example.com").outcome
        self.assertIn("http://10.0.0.1:3000/x", first)
        self.assertIn("http://10.0.0.2:3000/x", second)

    def test_oauth2_proxy(self) -> None:
        """
        Domain and group must both fit, but for what was skipped.
        """
        wiki = "https://wiki.example.com"
        for url, email, groups, method, wanted in (
            (f"{wiki}/", "alice@example.com", ("staff",), "GET", True),
            (f"{wiki}/api/x", "alice@example.com", ("staff",), "GET", True),
            (f"{wiki}/", "alice@example.com", (), "GET", False),
            (f"{wiki}/", "alice@else.example", ("staff",), "GET", False),
            (f"{wiki}/api/x", "alice@else.example", ("staff",), "GET", False),
            (f"{wiki}/public/x", None, (), "GET", True),
            (f"{wiki}/public/x", None, (), "POST", False),
        ):
            with self.subTest(f"{email}: {method} {url}"):
                found = self.ask("From oauth2-proxy", url, email, *groups, method=method)
                self.assertEqual(found.is_admitted, wanted)

    def test_mod_auth_openidc(self) -> None:
        """
        Whoever has signed in may pass, and some people further.
        """
        for path, email, groups, wanted in (
            ("/", "alice@example.com", (), True),
            ("/admin/x", "alice@example.com", ("admins",), True),
            ("/admin/x", "alice@example.com", (), False),
            ("/", None, (), False),
        ):
            with self.subTest(f"{email}: {path}"):
                found = self.ask("From mod_auth_openidc", f"https://www.example.com{path}", email, *groups)
                self.assertEqual(found.is_admitted, wanted)

    def test_nginx(self) -> None:
        """
        What nginx has answered itself is answered here.
        """
        for path, status in (("/", 200), ("/metrics", 403), ("/old/x", 301)):
            with self.subTest(path):
                found = self.ask("From nginx with auth_request", f"https://grafana.example.com{path}", "a@example.com")
                self.assertEqual(found.status, status)
