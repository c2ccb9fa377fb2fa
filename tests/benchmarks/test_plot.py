"""
The picture.
"""

from __future__ import annotations

from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import plot
from tests.benchmarks.figures import result, turn

NAME = "{http://www.w3.org/2000/svg}"


class SvgTests(SynchronousTestCase):
    """
    Bars.
    """

    def test_bars(self) -> None:
        """
        A bar is as long as what it stands for, cheapest first, and within the picture.
        """
        drawn = ElementTree.fromstring(
            plot.svg(result(turn("small", "nginx", cpu_us=80.0), turn("small", "pomerium", cpu_us=40.0)))
        )
        ground, *bars = drawn.iter(f"{NAME}rect")
        lengths = [sum(float(part.get("width", "")) for part in bars[at : at + 2]) for at in (0, 2)]
        self.assertAlmostEqual(lengths[1], 2 * lengths[0], delta=0.2)
        for bar in bars:
            self.assertLess(float(bar.get("x", "")) + float(bar.get("width", "")), float(ground.get("width", "")))
            self.assertLess(float(bar.get("y", "")), float(ground.get("height", "")))

    def test_faults(self) -> None:
        """
        What counts for nothing has no bar.
        """
        drawn = plot.svg(result(turn("small", "nginx", fault="4 connections broke"), turn("small", "pomerium")))
        self.assertNotIn(">nginx<", drawn)
        self.assertIn(">ours<", drawn)

    def test_names(self) -> None:
        """
        A name is text, whatever is in it.
        """
        drawn = plot.svg(result(turn("small", "nginx"), titles={"nginx": "<a & b>"}))
        self.assertIn("<a & b>", [text.text for text in ElementTree.fromstring(drawn).iter(f"{NAME}text")])
