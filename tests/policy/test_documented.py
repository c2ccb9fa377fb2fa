"""
``docs/policy.md`` is whole, and its examples are read.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.policy.criteria import FORMS, REFUSED
from pomerium_tx.config.policy.rules import rules
from pomerium_tx.policy.known_criteria import KINDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "policy.md").read_text("utf-8")


class DocumentedTests(SynchronousTestCase):
    """
    The reference for whoever writes a policy.
    """

    def test_examples(self) -> None:
        """
        Every example is a policy, or a configuration with one.
        """
        examples = [
            yaml.safe_load(text) for text in re.findall(r"^```ya?ml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
        ]
        self.assertGreater(len(examples), 4)
        for example in examples:
            written = example["routes"][0]["policy"] if "routes" in example else example
            with self.subTest(written=written):
                self.assertTrue(rules(written))

    def test_criteria(self) -> None:
        """
        Every criterion has a row with all of its reasons, and every one that is refused is named with the reason.
        """
        for name, form in FORMS.items():
            row, *_ = re.findall(rf"^\| `{name}{'/NAME' * form.has_path}` \|.*$", PAGE, re.MULTILINE)
            for outcome in KINDS[name].outcomes:
                with self.subTest(name=name, reason=outcome.reason):
                    self.assertIn(f"`{outcome.reason}`", row)
        refused = PAGE[PAGE.index("Refused by name") :]
        for name in REFUSED:
            with self.subTest(name=name):
                self.assertIn(f"`{name}`", refused)
