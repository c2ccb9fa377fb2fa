"""
The catalogue of bad inputs, one group after the other, against the whole proxy on real sockets.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.hostile.run import EXPECTED, UnknownStep, is_slow, step_of
from tests.hostile.suite import cases_of, run_all


class FastTests(TestCase):
    """
    Every case that takes less than a tenth of a second.
    """

    timeout = 300

    async def _run(self, *groups: str) -> None:
        from twisted.internet import reactor  # noqa: TID251 - these tests are about the real one

        folder = Path(self.mktemp())
        folder.mkdir()
        cases = [case for case in cases_of(*groups) if case.id in EXPECTED and not is_slow(case)]
        results = await run_all(reactor, folder, cases)
        self.assertEqual([(result.case.id, result.got) for result in results if result.problems], [])

    async def test_http_framing(self) -> None:
        """
        Messages whose ends two readers would see in two places.
        """
        await self._run("http-framing")

    async def test_host_authority(self) -> None:
        """
        What a request is for, said in two ways or in none.
        """
        await self._run("host-authority")

    async def test_path_normalisation(self) -> None:
        """
        Paths that another reader would resolve to another path.
        """
        await self._run("path-normalisation")

    async def test_header_spoofing(self) -> None:
        """
        Who claims to be somebody in a field.
        """
        await self._run("header-spoofing")

    async def test_hop_by_hop(self) -> None:
        """
        Fields for one hop, and those that a client would like to be such.
        """
        await self._run("hop-by-hop")

    async def test_cookies(self) -> None:
        """
        What may be in a Cookie field, and what browsers are told to keep.
        """
        await self._run("cookies")

    async def test_websocket(self) -> None:
        """
        Handshakes and frames that are none.
        """
        await self._run("websocket")

    async def test_upstream(self) -> None:
        """
        Applications that break the rules.
        """
        await self._run("upstream")


class StepTests(TestCase):
    """
    What is not known is not skipped.
    """

    def test_unknown_step(self) -> None:
        """
        A step that nobody knows how to do is an error.
        """
        self.assertRaises(UnknownStep, step_of, cases_of()[0], "hum")
