"""
When a case of Http11Probe is passed, by the case's own words.

A wording names what passes, and after "or" or in brackets what is only tolerated. Frozen here once for all cases of a
wording, so that no expectation can be bent to what we happen to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tests.hostile.answers import Answer


class Score(Enum):
    """
    How a case went.
    """

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What came of one case: the final answers, in order, and whether the connection was closed.
    """

    raw: bytes
    """
    What was sent.
    """
    answers: tuple[Answer, ...]
    is_closed: bool

    @property
    def status(self) -> int:
        """
        That of the first answer; 0 if there is none.
        """
        return self.answers[0].status if self.answers else 0

    @property
    def is_good(self) -> bool:
        """
        Whether the request was served.
        """
        return 200 <= self.status < 300

    @property
    def is_dropped(self) -> bool:
        """
        Whether the connection was closed without a word.
        """
        return not self.answers and self.is_closed


Rule = Callable[[Outcome], bool]


def status(*statuses: int) -> Rule:
    """
    Answered so.
    """
    return lambda outcome: outcome.status in statuses


def good(outcome: Outcome) -> bool:
    """
    Served.
    """
    return outcome.is_good


def dropped(outcome: Outcome) -> bool:
    """
    Closed without an answer.
    """
    return outcome.is_dropped


def silent(outcome: Outcome) -> bool:
    """
    Neither answered nor closed: the rest is waited for.
    """
    return not outcome.answers


def never(outcome: Outcome) -> bool:
    """
    Nothing.
    """
    return False


def good_and_closed(outcome: Outcome) -> bool:
    """
    Served, and then closed.
    """
    return outcome.is_good and outcome.is_closed


def good_with(name: str) -> Rule:
    """
    Served with that field.
    """
    return lambda outcome: outcome.is_good and name in outcome.answers[0].fields


def echoed(outcome: Outcome) -> bool:
    """
    Served, and the application got the content that was sent.
    """
    content = {b"A\r\nhelloworld": b"helloworld", b"6\r\n world": b"hello world"}
    sent = next((value for key, value in content.items() if key in outcome.raw), b"hello")
    return outcome.is_good and outcome.answers[0].content == sent


def without_content(outcome: Outcome) -> bool:
    """
    Served without content.
    """
    return outcome.is_good and not outcome.answers[0].content


def without_secret(outcome: Outcome) -> bool:
    """
    Served without telling what was in Authorization.
    """
    return outcome.is_good and b"secret-token" not in outcome.answers[0].content


def two_good(outcome: Outcome) -> bool:
    """
    Both were served.
    """
    return [200 <= answer.status < 300 for answer in outcome.answers] == [True, True]


def either(*rules: Rule) -> Rule:
    """
    One of them.
    """
    return lambda outcome: any(rule(outcome) for rule in rules)


def field_dropped(outcome: Outcome) -> bool:
    """
    Refused, or served without the field that another server might take for one of framing.
    """
    if not outcome.is_good:
        return 400 <= outcome.status < 500 or outcome.is_dropped
    seen = outcome.answers[0].content.lower()
    return b"99" not in seen and b"transfer" not in seen and b"_" not in seen


def field_preserved(outcome: Outcome) -> bool:
    """
    Served with the field spelt as it was.
    """
    seen = outcome.answers[0].content if outcome.answers else b""
    return outcome.is_good and (b"Content_Length" in seen or b"Transfer_Encoding" in seen)


_REFUSED = status(400)
_REFUSED_OR_DROPPED = either(_REFUSED, dropped)
_WAITS = either(_REFUSED_OR_DROPPED, silent)
_FIELDS = (field_dropped, field_preserved)

RULES: dict[str, tuple[Rule, Rule]] = {
    "!101": (lambda outcome: outcome.status not in (0, 101), never),
    "non-101 (426 preferred)": (lambda outcome: outcome.status not in (0, 101), never),
    "200 or 505": (status(200, 505), never),
    "2xx": (good, never),
    "2xx (Range ignored)": (echoed, never),
    "2xx + 2xx": (two_good, never),
    "2xx + close": (good_and_closed, never),
    "2xx + echo": (echoed, never),
    "2xx or close": (either(good, dropped), never),
    "2xx preferred; 400 warns": (good, _REFUSED),
    "2xx with Allow header": (good_with("allow"), never),
    "2xx with Content-Type": (good_with("content-type"), never),
    "2xx with Date header": (good_with("date"), never),
    "2xx with no body": (without_content, never),
    "400": (_REFUSED, never),
    "400 or 2xx": (_REFUSED_OR_DROPPED, good),
    "400 or 2xx+close": (_REFUSED_OR_DROPPED, good_and_closed),
    "400 or 2xx/404": (_REFUSED_OR_DROPPED, either(good, status(404))),
    "400 or close": (_REFUSED_OR_DROPPED, never),
    "400 or close (pass), 2xx (warn)": (_REFUSED_OR_DROPPED, good),
    "400 or close preferred; 2xx acceptable": (_REFUSED_OR_DROPPED, good),
    "400, or 2xx + close": (_REFUSED_OR_DROPPED, good_and_closed),
    "400/405 or 200": (status(400, 405, 200), never),
    "400/405/501 or 2xx": (status(400, 405, 501), good),
    "400/501 or 2xx+close": (status(400, 501), good_and_closed),
    "400/501 or close": (either(status(400, 501), dropped), never),
    "400/505 or close": (either(status(400, 505), dropped), never),
    "400/close/timeout": (_WAITS, never),
    "405/501 or 2xx": (status(405, 501), good),
    "405/501, or 200 without Auth": (either(status(405, 501), without_secret), never),
    "406 or 2xx": (status(406), good),
    "415 or 2xx": (status(415), good),
    "417 or 2xx": (status(417), good),
    "501/405/400 or close": (either(status(501, 405, 400), dropped), never),
    "Reject/drop (pass), normalize (fail), preserve (warn)": _FIELDS,
    "Reject/drop (pass), normalize casing (fail), preserve (warn)": _FIELDS,
}
"""
What passes and what is tolerated, by wording; anything else fails.
"""


def score(expected: str, outcome: Outcome) -> Score:
    """
    How a scored case with that wording went.
    """
    passes, tolerated = RULES[expected]
    if passes(outcome):
        return Score.PASS
    return Score.WARN if tolerated(outcome) else Score.FAIL
