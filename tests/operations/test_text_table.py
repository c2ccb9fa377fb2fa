"""
Tests of `pomerium_tx.operations.text_table`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.operations.text_table import clean, table


class TableTests(SynchronousTestCase):
    """
    Columns.
    """

    def test_aligned(self) -> None:
        """
        Each column begins where its header does, and no line ends in spaces.
        """
        self.assertEqual(
            table(("A", "LONG", "C"), [("alice", "b", ""), ("x", "yy", "z")]),
            ["A      LONG  C", "alice  b", "x      yy    z"],
        )

    def test_fits(self) -> None:
        """
        What is too wide is cut where it is widest, and shows that it was.
        """
        lines = table(("USER", "ROUTES"), [("alice", "x" * 300), ("y" * 60, "z")], width=100)
        self.assertEqual([len(line) for line in lines], [57, 100, 52])
        self.assertEqual(lines[1], "alice" + " " * 44 + "  " + "x" * 48 + "…")
        self.assertEqual(lines[2].index("z"), lines[0].index("ROUTES"))
        self.assertTrue(all(len(line) <= 20 for line in table(("A", "B"), [("x" * 99, "y" * 99)], width=20)))

    def test_narrow(self) -> None:
        """
        A terminal for which nothing fits still gets something.
        """
        self.assertEqual(table(("A", "B"), [("x" * 9, "y" * 9)], width=3)[1], "xxxxx…  yyyyy…")

    def test_wide_letters(self) -> None:
        """
        Letters that take two columns, or none, do not move the others.
        """
        lines = table(("A", "B"), [("日本", "x"), ("e\u0301", "x"), ("abcd", "x")])
        self.assertEqual(lines, ["A     B", "日本  x", "e\u0301     x", "abcd  x"])
        self.assertEqual(table(("A",), [("日本日本",)], width=6)[1], "日本…")

    def test_clean(self) -> None:
        """
        What somebody calls themselves cannot move the cursor, colour the terminal or turn the text round.
        """
        for harmful in ("\x1b[31m", "\r", "\n", "\x07", "\x00", "\u202e", "\u2028", "\x9b", "\ud800"):
            with self.subTest(repr(harmful)):
                (line,) = table(("A",), [(harmful,)])[1:]
                self.assertNotIn(harmful[0], line)
                self.assertTrue(line.isprintable())
                self.assertIn("\ufffd", clean(harmful))
        self.assertEqual(clean("Zoë O'Neil 日本"), "Zoë O'Neil 日本")
