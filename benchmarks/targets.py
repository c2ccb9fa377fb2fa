"""
What is wanted of the data path, and whether it was reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.ratios import CPU, RATE, Spread, ratio

OURS = "pomerium"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    A bound on one ratio of ours to another.

    CPU time is to be at most so much of the other's, requests a second at least.
    """

    work: str
    other: str
    measure: str
    bound: float | None
    stretch: float | None = None
    ours: str = OURS
    other_work: str | None = None

    def reached(self, value: float) -> str:
        """
        What to say of a measured ratio.
        """
        if self.stretch is not None and self._is_within(value, self.stretch):
            return "met, and the stretch"
        if self.bound is None:
            return "stretch not met"
        return "met" if self._is_within(value, self.bound) else "NOT MET"

    def _is_within(self, value: float, bound: float) -> bool:
        return value <= bound if self.measure == CPU else value >= bound

    @property
    def wanted(self) -> str:
        """
        The bound, for people.
        """
        return self._shown(self.bound)

    @property
    def stretched(self) -> str:
        """
        The stretch, for people.
        """
        return self._shown(self.stretch)

    def _shown(self, bound: float | None) -> str:
        return "" if bound is None else f"{'<=' if self.measure == CPU else '>='} {bound:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """
    A target and what was measured.
    """

    target: Target
    measured: Spread | None

    @property
    def verdict(self) -> str:
        """
        In a word or two.
        """
        return "not measured" if self.measured is None else self.target.reached(self.measured.middle)


TARGETS = (
    *(
        Target(work=work, other=other, measure=CPU, bound=bound, stretch=stretch)
        for work in ("small", "varied")
        for other, bound, stretch in (
            ("apache", 0.5, None),
            ("envoy_auth", 0.5, None),
            ("nginx_auth", 0.7, None),
            ("twisted", 0.125, None),
            ("nginx", None, 1.6),
        )
    ),
    *(Target(work=work, other="nginx", measure=RATE, bound=1.0, stretch=1.3) for work in ("get", "post")),
    # Half as fast is twice the time.
    *(
        Target(work=work, other="nginx_tls", ours="pomerium_tls", measure=measure, bound=bound, stretch=stretch)
        for work in ("tls", "tls_varied", "tls_get", "tls_post")
        for measure, bound, stretch in ((CPU, 2.0, 1.43), (RATE, 0.5, 0.7))
    ),
    *(
        Target(work=work, other=other, ours=ours, measure=measure, bound=bound)
        for work, other, ours in (
            ("tls_resumed", "nginx_tls", "pomerium_tls"),
            ("tls_new", "nginx_full", "pomerium_full"),
        )
        for measure, bound in ((CPU, 2.0), (RATE, 0.5))
    ),
    Target(work="redirect", other=OURS, other_work="small", measure=RATE, bound=1.0),
)


def judged(result: Mapping[str, Any]) -> list[Judged]:
    """
    Every target that has to do with what was to be measured.
    """
    worked, wanted = {turn["work"] for turn in result["turns"]}, set(result["wanted"])
    return [
        Judged(
            target=target,
            measured=ratio(
                result["turns"],
                target.measure,
                (target.work, target.ours),
                (target.other_work or target.work, target.other),
            ),
        )
        for target in TARGETS
        if {target.work, target.other_work or target.work} <= worked and {target.ours, target.other} <= wanted
    ]
