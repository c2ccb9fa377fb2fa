"""
``docs/security.md`` and ``SECURITY.md`` are whole, and what they name is there and is run.
"""

from __future__ import annotations

import importlib
import re
import unittest
from functools import cache
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = range(1, 89)
"""
The points that the specifications make.
"""
ADVISORIES = """
CVE-2014-7143 CVE-2016-1000111 CVE-2019-12387 CVE-2019-14857 CVE-2019-20479 CVE-2019-9512 CVE-2019-9514
CVE-2019-9515 CVE-2019-9900 CVE-2019-9901 CVE-2020-10108 CVE-2020-10109 CVE-2020-35678 CVE-2021-21291 CVE-2021-21411
CVE-2021-29492 CVE-2021-29651 CVE-2021-29652 CVE-2021-32637 CVE-2021-32701 CVE-2021-32779 CVE-2021-32786
CVE-2021-32813 CVE-2021-39162 CVE-2021-39191 CVE-2021-39214 CVE-2021-41230 CVE-2022-21712 CVE-2022-21716
CVE-2022-23469 CVE-2022-23527 CVE-2022-24766 CVE-2022-24797 CVE-2022-24801 CVE-2022-28923 CVE-2022-29217
CVE-2022-39348 CVE-2023-27491 CVE-2023-28625 CVE-2023-33189 CVE-2023-39326 CVE-2023-46137 CVE-2023-47106
CVE-2023-47627 CVE-2023-6681 CVE-2024-1135 CVE-2024-23326 CVE-2024-23647 CVE-2024-24791 CVE-2024-24814
CVE-2024-28102 CVE-2024-33663 CVE-2024-37568 CVE-2024-39315 CVE-2024-41671 CVE-2024-41810 CVE-2024-45410
CVE-2024-47070 CVE-2024-47616 CVE-2024-52003 CVE-2024-6827 CVE-2025-22871 CVE-2025-31492 CVE-2025-43859
CVE-2025-47952 CVE-2025-54576 CVE-2025-55315 CVE-2025-64484 CVE-2025-66490 CVE-2026-0650 CVE-2026-22045
CVE-2026-2332 CVE-2026-25748 CVE-2026-26998 CVE-2026-26999 CVE-2026-27586 CVE-2026-27587 CVE-2026-27588
CVE-2026-27589 CVE-2026-29054 CVE-2026-30851 CVE-2026-33433 CVE-2026-33494 CVE-2026-33495 CVE-2026-33496
CVE-2026-34454 CVE-2026-34457 CVE-2026-35051 CVE-2026-39858 CVE-2026-40574 CVE-2026-40575 CVE-2026-40912
CVE-2026-41059 CVE-2026-41181 CVE-2026-48020 CVE-2026-48794 CVE-2026-52845 CVE-2026-54762 CVE-2026-54763
CVE-2026-54764 CVE-2026-65600 CVE-2026-67309 CVE-2026-71324 CVE-2026-71326 GHSA-35vc-w93w-75c2 GHSA-36f2-fcrx-fp4j
GHSA-4mf2-f3wh-gvf2 GHSA-59jp-rwph-878r GHSA-5hvv-m4w4-gf6v GHSA-5m6c-jp6f-2vcv GHSA-652x-m2gr-hppm
GHSA-68wm-pfjf-wqp6 GHSA-7rh7-c77v-6434 GHSA-7x63-xv5r-3p2x GHSA-92x2-jw7w-xvvx GHSA-c2jg-hw38-jrqq
GHSA-c5c4-8r6x-56w3 GHSA-c8m8-j448-xjx7 GHSA-cf56-g6w6-pqq2 GHSA-f24x-5g9q-753f GHSA-f5xw-rvfr-24qr
GHSA-fv82-r8qv-ch4v GHSA-gjcg-vrxg-xmgv GHSA-gx7w-56w6-g48x GHSA-hxr6-w4gc-7vvv GHSA-j6wp-3859-vxfg
GHSA-j7px-6hwj-hpjg GHSA-pm7g-w2cf-q238 GHSA-pvrc-wvj2-f59p GHSA-pxq7-h93f-9jrg GHSA-q6f2-285m-gr53
GHSA-q98f-2x4p-prjr GHSA-qqxw-m5fj-f7gv GHSA-qvp4-rpmr-xwrr GHSA-r7rh-jww5-5fjr GHSA-rrqr-7w59-637v
GHSA-vg46-2rrj-3647 GHSA-vjrc-mh2v-45x6 GHSA-w9mr-28mw-j8hg GHSA-wcvh-g65p-v576 GHSA-x883-2vmg-xwf7
GHSA-xc8x-vp79-p3wm
""".split()
"""
What went wrong elsewhere.
"""
ATTACKERS = (
    "The network",
    "A route's application",
    "Another route",
    "A stolen session cookie",
    "A stolen signed URL",
    "A malicious provider",
    "A program's handle",
    "A trusted proxy in front",
    "The administrator's socket",
    "A client certificate",
)
_NAME = re.compile(r"`(tests(?:\.\w+)+)`")
_ADVISORY = re.compile(r"CVE-\d{4}-\d{4,}|GHSA(?:-[a-z0-9]{4}){3}")


def names(text: str) -> list[str]:
    """
    The tests that *text* names.
    """
    return [name for name in _NAME.findall(text) if name.split(".")[-1].startswith("test_") and name.count(".") > 2]


@cache
def is_run(name: str) -> bool:
    """
    Whether trial runs a test of that name.
    """
    module_name, class_name, method = name.rsplit(".", 2)
    try:
        module = importlib.import_module(module_name)
    except ImportError:
        return False
    case: Any = getattr(module, class_name, None)
    if not (isinstance(case, type) and issubclass(case, unittest.TestCase)):
        return False
    test = getattr(case, method, None)
    is_skipped = any(
        getattr(each, mark, None) for each in (module, case, test) for mark in ("skip", "todo", "__unittest_skip__")
    )
    return callable(test) and not is_skipped


def rows(page: str) -> list[list[str]]:
    """
    The cells of every row of its tables.
    """
    found = [line.strip("|").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in found]


class SecurityDocumentTests(SynchronousTestCase):
    """
    What is claimed, against the tests that there are.
    """

    def setUp(self) -> None:
        self.page = (ROOT / "docs" / "security.md").read_text("utf-8")
        self.policy = (ROOT / "SECURITY.md").read_text("utf-8")

    def test_named_tests(self) -> None:
        """
        Every test that is named is there, and is not skipped; whatever looks like the name of one is one.
        """
        for text in (self.page, self.policy):
            self.assertEqual([name for name in names(text) if not is_run(name)], [])
            dotted = set(re.findall(r"`tests\.[\w.]+`", text))
            self.assertEqual({name.strip("`") for name in dotted if "Tests." in name} - set(names(text)), set())
        self.assertGreater(len(set(names(self.page))), 300)

    def test_points(self) -> None:
        """
        Each point of the specifications has its row, in order, with a test.
        """
        numbered = [row for row in rows(self.page) if row[0].isdecimal()]
        self.assertEqual([int(row[0]) for row in numbered], list(NUMBERS))
        self.assertEqual([row[0] for row in numbered if not names(row[-1])], [])

    def test_advisories(self) -> None:
        """
        Each advisory has its row, with an answer and a test.
        """
        proved = {advisory for row in rows(self.page) if names(row[-1]) for advisory in _ADVISORY.findall(row[0])}
        self.assertEqual(sorted(set(ADVISORIES) - proved), [])

    def test_rows(self) -> None:
        """
        No row claims anything without a test.
        """
        for row in rows(self.page):
            if row[-1] not in ("proved by", "---") and not set(row[-1]) <= set("-|"):
                with self.subTest(row=row[0][:60]):
                    self.assertNotEqual(names(row[-1]), [])

    def test_attackers(self) -> None:
        """
        Of each attacker it is said what they can and what they cannot do, and by which tests that is known.
        """
        parts = dict(re.findall(r"^### (.+?)$(.*?)(?=^#|\Z)", self.policy, re.MULTILINE | re.DOTALL))
        for attacker in ATTACKERS:
            with self.subTest(attacker=attacker):
                self.assertIn("*Can* ", parts[attacker])
                self.assertIn("*Cannot*", parts[attacker])
                self.assertGreater(len(names(parts[attacker])), 1)

    def test_flaws_are_found(self) -> None:
        """
        A test that is not there, one that is skipped, and a class without such a test are each found.
        """
        here = "tests.test_security_document.SecurityDocumentTests"
        self.assertTrue(is_run(f"{here}.test_points"))
        for name in (
            f"{here}.test_nothing",
            "tests.nothing.NoTests.test_x",
            "tests.test_security_document.rows.test_x",
        ):
            self.assertFalse(is_run(name))
        case: Any = type(self)
        case.skip = "for a moment"
        self.addCleanup(is_run.cache_clear)
        self.addCleanup(delattr, case, "skip")
        is_run.cache_clear()
        self.assertFalse(is_run(f"{here}.test_points"))
