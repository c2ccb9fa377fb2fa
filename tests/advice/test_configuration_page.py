"""
Tests of `pomerium_tx.advice.configuration_page`: ``docs/configuration.md`` is what the model says.
"""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.advice.configuration_page import configuration_page
from pomerium_tx.config.told import unsupported as keys
from pomerium_tx.config.told.described import described

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


class ConfigurationPageTests(SynchronousTestCase):
    """
    The page.
    """

    def test_not_stale(self) -> None:
        """
        The document tells of the model as it is now.
        """
        if PAGE.read_text("utf-8") != configuration_page():
            self.fail("docs/configuration.md is stale; renew it with: make docs")

    def test_every_key_has_a_heading(self) -> None:
        """
        Each key can be linked to.
        """
        lines = configuration_page().splitlines()
        for section in described():
            for key in section.keys:
                self.assertIn(f"#### `{key.name}`", lines)

    def test_every_key_that_is_not_supported(self) -> None:
        """
        What becomes of Pomerium's other keys is told in the words of the daemon.
        """
        page = configuration_page()
        model = {key.name for section in described() for key in section.keys}
        for name, known in {**keys.ROOT_KEYS, **keys.ROUTE_KEYS}.items():
            if name not in model:
                with self.subTest(name):
                    self.assertIn(f"| `{name}` | {known.key_class.value} | ", page)
        self.assertIn("| `services` | refused | one process does everything; remove it, or write services: all", page)

    def test_facts(self) -> None:
        """
        A key's line has forms, default, variable, and whether it waits for a restart.
        """
        self.assertIn(
            "#### `workers`\n\nA whole number from 1 to 64 · default `1` · `WORKERS` · **restart** · **ours**\n",
            configuration_page(),
        )

    def test_links(self) -> None:
        """
        Every link of the page leads to a heading of it.
        """
        page = configuration_page()
        headings = {
            re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", page, re.MULTILINE)
        }
        links = re.findall(r"\]\(#([^)]+)\)", page)
        self.assertGreater(len(links), 10)
        self.assertEqual([link for link in links if link not in headings], [])

    def test_titles(self) -> None:
        """
        What stands within a key is found by the name of that key.
        """
        page = configuration_page()
        for title in ("In one of `certificates`", "In `runtime_flags`", "In one of `expected_statuses` and one of"):
            self.assertIn(f"\n## {title}", page)
