"""
Tests of ``docs/providers``: what stands there works.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import yaml
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx import paths
from pomerium_tx.config.forms.provider_types import PROVIDER_TYPES
from pomerium_tx.oidc.fetch import HTTPClient
from pomerium_tx.registrations import Registrations
from tests.config.material import ROUTE, SMALLEST, loaded, written

PAGES = Path(__file__).parents[2] / "docs" / "providers"
AUTHENTICATE = "https://authenticate.example.com"
URIS = {
    AUTHENTICATE + path
    for path in (paths.PROVIDER_CALLBACK, paths.SIGNED_OUT, paths.BACKCHANNEL_LOGOUT, paths.SIGN_OUT)
}
BASE = {key: value for key, value in SMALLEST.items() if not key.startswith("idp_")}


class ProviderPagesTests(SynchronousTestCase):
    """
    The pages about providers.
    """

    def snippets(self, page: Path) -> list[dict[str, Any]]:
        """
        The configurations on a page, with files that are there.
        """
        secret = str(written(self.mktemp(), "a-secret", "secret"))
        text = re.sub(r"/etc/pomerium-tx/[a-z_]+", secret, page.read_text("utf-8"))
        return [yaml.safe_load(found) for found in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]

    def test_every_configuration_loads(self) -> None:
        """
        Whoever copies a configuration has one that can be used, without a warning.
        """
        for page in sorted(PAGES.glob("*.md")):
            with self.subTest(page.name):
                snippets = self.snippets(page)
                self.assertGreater(len(snippets), 0)
                for snippet in snippets:
                    values = {**{key: ... for key in SMALLEST if key.startswith("idp_")}, "routes": [ROUTE], **snippet}
                    result = loaded(self.mktemp(), {**BASE, **values})
                    self.assertEqual([str(warning) for warning in result.warnings], [])
                    registrations = Registrations(
                        result.config, http=cast(HTTPClient, None), clock=Clock(), previous={}
                    )
                    self.assertIn(registrations.default_idp_id, registrations.providers)

    def test_a_page_for_each(self) -> None:
        """
        Each kind of provider has a page, which configures that kind, and a line in the table.
        """
        table = (PAGES / "README.md").read_text("utf-8")
        for name in PROVIDER_TYPES:
            with self.subTest(name):
                (snippet,) = self.snippets(PAGES / f"{name}.md")
                self.assertEqual(snippet["idp_provider"], name)
                self.assertIn(f"| `{name}` |", table)
                self.assertIn(f"({name}.md)", table)

    def test_what_to_register(self) -> None:
        """
        The URIs to register are those that are served, letter for letter.
        """
        for page in sorted(PAGES.glob("*.md")):
            with self.subTest(page.name):
                found = re.findall(rf"{AUTHENTICATE}[^`|, ]*", page.read_text("utf-8"))
                self.assertLessEqual({url.partition("?")[0] for url in found}, URIS)
                if page.name != "README.md":
                    self.assertIn(AUTHENTICATE + paths.PROVIDER_CALLBACK, found)

    def test_links(self) -> None:
        """
        Links between pages lead somewhere.
        """
        for page in sorted(PAGES.glob("*.md")):
            for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
                with self.subTest(page=page.name, link=link):
                    self.assertFalse(urlsplit(link).scheme)
                    self.assertTrue((PAGES / link.partition("#")[0]).exists())
