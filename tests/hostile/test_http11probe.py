"""
The cases of Http11Probe, all at once, each against an application of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults

from tests.hostile.answers import answers
from tests.hostile.application import MARK
from tests.hostile.live import Client, LiveTestCase
from tests.hostile.rules import Outcome, Score, score

CASES = json.loads((Path(__file__).parent / "http11probe_cases.json").read_text())["cases"]
SCORED = 143
MOST_TOLERATED = 5
_TWO_REQUESTS = ("2xx + 2xx", "pass-through", "417/400/close preferred")
"""
In the words of the cases that hold two good requests.
"""


def outcome_of(client: Client) -> Outcome:
    """
    What *client* has seen of what it said.
    """
    method = "HEAD" if client.says.startswith(b"HEAD ") else "GET"
    return Outcome(client.says, answers(client.received, [method], closed=client.is_closed), client.is_closed)


class ProbeTestCase(LiveTestCase):
    """
    Asks every case of its own host, and then something good on another connection.
    """

    timeout = 60
    names = tuple(f"case{number}" for number in range(len(CASES)))

    async def ask_all(self) -> tuple[list[Client], list[Client]]:
        """
        The connections on which the cases were asked, and those on which the same host was then asked well.
        """
        asked = [
            case["raw"].replace("{HOST}", self.authority(name)).encode("latin-1")
            for name, case in zip(self.names, CASES, strict=True)
        ]
        bad = await self._together(asked)
        good = "POST /good HTTP/1.1\r\nHost: {}\r\nContent-Length: 4\r\n\r\ngood"
        return bad, await self._together([good.format(self.authority(name)).encode() for name in self.names])

    async def _together(self, says: list[bytes]) -> list[Client]:
        clients: list[Client] = await gatherResults([Deferred.fromCoroutine(self.say(each)) for each in says])
        return clients


class OpenTests(ProbeTestCase):
    """
    A route for everybody: whatever can pass does pass.
    """

    async def test_score(self) -> None:
        """
        No case fails and at most five are tolerated only; the application hears nothing that is not canonical, nothing
        that was not asked, and whoever asks next is served.
        """
        bad, good = await self.ask_all()
        scores: dict[str, Score] = {}
        wrong: list[object] = []
        for name, case, client, next_client in zip(self.names, CASES, bad, good, strict=True):
            outcome = outcome_of(client)
            if case["scored"]:
                scores[case["id"]] = score(case["expected"], outcome)
                if scores[case["id"]] is Score.FAIL:
                    wrong.append((case["id"], case["expected"], client.received[:500], client.is_closed))
            applications = self.applications[name]
            wrong += [(case["id"], problem) for problem in applications.problems]
            after = [(answer.status, answer.content) for answer in outcome_of(next_client).answers]
            if after != [(200, b"good")]:
                wrong.append((case["id"], "who asked next got", after))
            # Every request that reached the application was answered to the one who asked, in order.
            heard = [request for request in applications.heard if request.target != "/good"]
            answered = [answer for answer in outcome.answers if MARK in answer.fields]
            two = any(words in case["expected"] for words in _TWO_REQUESTS)
            if len(heard) != len(answered) or len(heard) > (2 if two else 1):
                wrong.append((case["id"], "reached the application", heard))
        self._tell(scores)
        self.assertEqual(wrong, [], "\n".join(map(repr, wrong)))
        self.assertEqual(len(scores), SCORED)
        tolerated = sorted(case_id for case_id, how in scores.items() if how is Score.WARN)
        self.assertLessEqual(len(tolerated), MOST_TOLERATED, tolerated)

    def _tell(self, scores: dict[str, Score]) -> None:
        counted = Counter(scores.values())
        tolerated = ", ".join(case_id for case_id, how in scores.items() if how is Score.WARN)
        print(
            f"\nHttp11Probe, {len(scores)} scored cases: {counted[Score.PASS]} pass,"
            f" {counted[Score.WARN]} warn ({tolerated}), {counted[Score.FAIL]} fail"
        )


class ProtectedTests(ProbeTestCase):
    """
    A route for who is signed in, asked by nobody.
    """

    is_protected = True

    async def test_nothing_reaches_the_application(self) -> None:
        """
        Not a byte of any case reaches an application that its sender may not ask.
        """
        bad, good = await self.ask_all()
        for name, case, client, next_client in zip(self.names, CASES, bad, good, strict=True):
            self.assertEqual((case["id"], self.applications[name].raw), (case["id"], b""))
            for answer in outcome_of(client).answers:
                self.assertNotIn(MARK, answer.fields, case["id"])
            self.assertEqual([answer.status for answer in outcome_of(next_client).answers], [302], case["id"])
