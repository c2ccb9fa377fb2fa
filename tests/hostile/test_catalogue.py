"""
The catalogue of bad inputs, one group after the other, against the whole proxy on real sockets.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.hostile.__main__ import TABLE
from tests.hostile.report import report
from tests.hostile.run import EXPECTED, NOT_HERE, PREPARED, SLOW, UnknownStep, as_it_has_to, is_slow, step_of
from tests.hostile.suite import cases_of, run_all


class FastTests(TestCase):
    """
    Every case that takes less than a tenth of a second.
    """

    timeout = 300

    async def look_at(self, *groups: str) -> None:
        """
        Every case of some groups has come to what it has to.
        """
        from twisted.internet import reactor  # noqa: TID251 - these tests are about the real one

        folder = Path(self.mktemp())
        folder.mkdir()
        cases = [case for case in cases_of(*groups) if case.id in EXPECTED and not is_slow(case)]
        self.assertNotEqual(cases, [])
        results = await run_all(reactor, folder, cases)
        # What a case may log as a failure is its own business; anything else is a violation already.
        self.flushLoggedErrors()
        self.assertEqual([(result.case.id, result.got) for result in results if result.problems], [])

    async def test_http_framing(self) -> None:
        """
        Messages whose ends two readers would see in two places.
        """
        await self.look_at("http-framing")

    async def test_host_authority(self) -> None:
        """
        What a request is for, said in two ways or in none.
        """
        await self.look_at("host-authority")

    async def test_path_normalisation(self) -> None:
        """
        Paths that another reader would resolve to another path.
        """
        await self.look_at("path-normalisation")

    async def test_header_spoofing(self) -> None:
        """
        Who claims to be somebody in a field.
        """
        await self.look_at("header-spoofing")

    async def test_hop_by_hop(self) -> None:
        """
        Fields for one hop, and those that a client would like to be such.
        """
        await self.look_at("hop-by-hop")

    async def test_cookies(self) -> None:
        """
        What may be in a Cookie field, and what browsers are told to keep.
        """
        await self.look_at("cookies")

    async def test_websocket(self) -> None:
        """
        Handshakes and frames that are none.
        """
        await self.look_at("websocket")

    async def test_upstream(self) -> None:
        """
        Applications that break the rules.
        """
        await self.look_at("upstream")

    async def test_client_behaviour(self) -> None:
        """
        Clients that are slow, or gone.
        """
        await self.look_at("client-behaviour")

    async def test_reliability(self) -> None:
        """
        The store, a clock or the OP does not do what it should.
        """
        await self.look_at("reliability")


class ClassTests(SynchronousTestCase):
    """
    No case is skipped, and none is judged twice.
    """

    def test_every_case_is_in_a_class(self) -> None:
        """
        What has to come of a case is frozen, or it is said why it does not apply; and its steps are known.
        """
        for case in cases_of():
            with self.subTest(case.id):
                self.assertTrue((case.id in EXPECTED) is not (case.id in NOT_HERE))
                for each in case.steps:
                    step_of(case, each["do"])

    def test_table(self) -> None:
        """
        docs/security-cases.md is what `make hostile` writes when all is well.
        """
        self.assertEqual(TABLE.read_text(encoding="utf-8"), report(map(as_it_has_to, cases_of())))

    def test_no_case_is_invented(self) -> None:
        """
        Whatever is expected is expected of a case of the catalogue.
        """
        self.assertEqual({*EXPECTED, *NOT_HERE, *SLOW, *PREPARED} - {case.id for case in cases_of()}, set())

    def test_frozen_within_what_is_written(self) -> None:
        """
        A status that the catalogue does not allow is one of which it is said which document allows it.
        """
        for case in cases_of():
            expected, written = EXPECTED.get(case.id), case.written.get("status")
            if expected is None or expected.status is None or written is None or expected.overrules:
                continue
            with self.subTest(case.id):
                # The words for a good answer are "2xx", and "2xx-" with what it is good for.
                is_good = 200 <= expected.status < 300
                allowed = [each for each in written if each == expected.status or (is_good and "2xx" in str(each))]
                allowed += [each for each in written if str(each).startswith(str(expected.status))]
                self.assertTrue(allowed, f"{expected.status} is not among {written}")

    def test_unknown_step(self) -> None:
        """
        A step that nobody knows how to do is an error.
        """
        self.assertRaises(UnknownStep, step_of, cases_of()[0], "hum")
