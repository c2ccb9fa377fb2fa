"""
Tests of `pomerium_tx.config.policy.schema`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.policy.criteria import FORMS, REFUSED
from pomerium_tx.config.policy.rules import rules
from pomerium_tx.config.policy.schema import POLICY
from tests.config.json_schema import complaints
from tests.config.policies import GOOD, PROBLEMS


class SchemaTests(SynchronousTestCase):
    """
    What an editor marks.
    """

    def test_what_is_read(self) -> None:
        """
        Nothing that is read is marked.
        """
        for written in GOOD:
            with self.subTest(written=written):
                self.assertEqual(list(complaints(POLICY, written, {})), [])
                rules(written)

    def test_names(self) -> None:
        """
        Every criterion is known by its name, and what is refused or misspelt is marked.
        """
        for name, form in FORMS.items():
            key = f"{name}/a" if form.has_path else name
            self.assertEqual(list(complaints(POLICY, {"allow": {"or": [{key: "x"}]}}, {})), [])
        for name in (*REFUSED, "emial", "claim", "email/x", "ssh_username"):
            with self.subTest(name=name):
                self.assertNotEqual(list(complaints(POLICY, {"allow": {"or": [{name: "x"}]}}, {})), [])

    def test_marked_is_refused(self) -> None:
        """
        Whatever is marked is refused when it is read.
        """
        for written, _ in PROBLEMS:
            if list(complaints(POLICY, written, {})):
                with self.subTest(written=written), self.assertRaises(ValueError):
                    rules(written)
