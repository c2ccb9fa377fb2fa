"""
The figures in the documentation.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import document


class DocumentTests(SynchronousTestCase):
    """
    What stands between the marks.
    """

    def test_replaced(self) -> None:
        """
        Old figures go, and nothing else.
        """
        other = f"{document.begin('workers')}\n\nothers\n\n{document.END}\n"
        before = f"above\n{other}{document.begin('compare')}\n\nold\n\n{document.END}\nbelow\n"
        after = document.replaced(before, "compare", "new\n")
        self.assertEqual(after, before.replace("old", "new"))
        self.assertEqual(document.replaced(after, "compare", "new"), after)

    def test_no_marks(self) -> None:
        """
        A document without a place for them is not overwritten.
        """
        for text in ("", document.begin("compare"), document.END, document.END + document.begin("compare")):
            with self.subTest(text), self.assertRaises(document.NoMarks):
                document.replaced(text, "compare", "new")

    def test_written(self) -> None:
        """
        The file is written anew.
        """
        docs = Path(self.mktemp())
        docs.mkdir()
        (docs / "performance.md").write_text(f"{document.begin('workers')}\n{document.END}\n")
        document.write(document.WORKERS, "33.3", docs)
        self.assertIn("33.3", (docs / "performance.md").read_text())

    def test_ours_has_marks(self) -> None:
        """
        The document there is has a place for each.
        """
        text = (document.DOCS / "performance.md").read_text("utf-8")
        for module in (document.COMPARISON, document.WORKERS):
            with self.subTest(module):
                self.assertEqual(text.count(document.begin(module)), 1)
                self.assertEqual(document.replaced(text, module, "").count(document.END), text.count(document.END))
