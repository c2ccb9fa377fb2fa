"""
Tests for `pomerium_tx.web.session_pages`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web.session_pages import (
    Deed,
    ShownExchange,
    ShownSession,
    duration,
    my_sessions,
    size,
    who_am_i,
)
from tests.web.outline import Outline
from tests.web.test_html import EVIL, HREF, WHEN

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
HERE = ShownSession(
    reference="ref-here",
    is_here=True,
    user_agent=FIREFOX,
    address="192.0.2.1",
    last_address="192.0.2.1",
    began=WHEN,
    last_seen=WHEN + 60,
    routes=["https://a.test", "https://b.test"],
    exchanges=[],
)
THERE = ShownSession(
    reference="ref-there",
    is_here=False,
    user_agent="curl/8.5.0",
    address="192.0.2.1",
    last_address="198.51.100.7",
    began=WHEN,
    last_seen=WHEN,
    signed_in="Alice at https://op.test",
    routes=[],
    exchanges=[
        ShownExchange(kind="websocket", route="https://b.test", age=185.0, bytes_in=999, bytes_out=1_250_000),
        ShownExchange(kind="sse", route="", age=0.2, bytes_in=0, bytes_out=12_345),
    ],
)
EVIL_EXCHANGE = ShownExchange(kind=EVIL, route=EVIL, age=1.0, bytes_in=1, bytes_out=1)
EVIL_SESSION = ShownSession(
    reference=EVIL,
    is_here=True,
    user_agent=EVIL,
    address=EVIL,
    last_address=EVIL + "2",
    began=WHEN,
    last_seen=WHEN,
    routes=[EVIL],
    exchanges=[EVIL_EXCHANGE],
    signed_in=EVIL,
)


def sessions(*shown: ShownSession, user: str = "alice", email: str = "a@b.test", notice: str = "") -> bytes:
    """
    The page with some sessions.
    """
    return my_sessions(
        shown,
        user=user,
        email=email,
        sign_out=Deed(action="/out", fields=[("token", "t")]),
        sign_out_everywhere=Deed(action="/out", fields=[("token", "t"), ("all", "1")]),
        end_one=Deed(action="/end", fields=[("token", "t"), ("what", "one")]),
        end_others=Deed(action="/end", fields=[("token", "t"), ("what", "others")]),
        reference_field="session",
        notice=notice,
    )


def forms(document: bytes) -> list[tuple[str, str, dict[str, str]]]:
    """
    The button, the action and the fields of each form.
    """
    found = []
    for action, inside in re.findall(r'<form method="post" action="([^"]*)">(.*?)</form>', document.decode()):
        button = re.findall(r"<button[^>]*>([^<]*)<", inside)
        fields = dict(re.findall(r'name="([^"]*)" value="([^"]*)"', inside))
        found.append((button[0], action, fields))
    return found


PAGES: Mapping[str, Callable[[], bytes]] = {
    "who": lambda: who_am_i([(EVIL, EVIL)], HREF, HREF),
    "nobody": lambda: who_am_i([], HREF, HREF),
    "sessions": lambda: sessions(
        EVIL_SESSION, replace(EVIL_SESSION, is_here=False), user=EVIL, email=EVIL, notice=EVIL
    ),
}


class EveryPageTests(SynchronousTestCase):
    """
    What these pages have in common.
    """

    def test_escaped(self) -> None:
        """
        Nothing that came from outside becomes markup, whichever argument it was; the one script is ours.
        """
        for name, build in PAGES.items():
            with self.subTest(page=name):
                document = build()
                self.assertEqual(document.count(b"<script"), 0 if name == "nobody" else 1)
                self.assertNotIn(b"alert('1')</script>", document)
                outline = Outline(document)
                self.assertFalse(set(outline.links) - {HREF})

    def test_structure(self) -> None:
        """
        A page has one main landmark and one headline; what labels or describes another element is there, once.
        """
        for name, build in PAGES.items():
            with self.subTest(page=name):
                outline = Outline(build())
                for tag in ("main", "h1", "title"):
                    self.assertEqual(outline.tags.count(tag), 1)
                self.assertEqual(outline.tags.count("button"), outline.tags.count("form"))
                self.assertEqual(len(outline.ids), len(set(outline.ids)))
                self.assertFalse(set(outline.references) - set(outline.ids))


class WhoAmITests(SynchronousTestCase):
    """
    Tests for `who_am_i`.
    """

    def test_claims(self) -> None:
        """
        A person sees each claim and the ways to sign out and to the authenticate host.
        """
        document = who_am_i([("email", "a@b.test")], "/out", "https://auth.test/")
        self.assertIn(b'<tr><th scope="row">email</th><td>a@b.test</td></tr>', document)
        self.assertEqual(Outline(document).links, ["/out", "https://auth.test/"])

    def test_nobody(self) -> None:
        """
        Nobody can sign out who is not signed in.
        """
        outline = Outline(who_am_i([], "/out", "https://auth.test/"))
        self.assertIn("You are not signed in", outline.text)
        self.assertEqual(outline.links, ["https://auth.test/"])

    def test_no_dangerous_links(self) -> None:
        """
        An address that is no web address makes no link.
        """
        self.assertEqual(Outline(who_am_i([("a", "b")], "javascript:alert(1)", "//evil.test")).links, [])


class MySessionsTests(SynchronousTestCase):
    """
    Tests for `my_sessions`.
    """

    def test_what_is_shown(self) -> None:
        """
        Of each session: the browser, in short and in full, the addresses, the times, where it was used, what is open.
        """
        document = sessions(HERE, THERE)
        text = Outline(document).text
        for expected in (
            "You are signed in as alice (a@b.test).",
            "This browser: Firefox 140 on Linux",
            "192.0.2.1",
            "15 November 2023, 10:02 UTC",
            "15 November 2023, 10:03 UTC",
            "https://a.test",
            "https://b.test",
            "nothing",
            "Another browser: curl 8",
            "Alice at https://op.test",
            "198.51.100.7; signed in from 192.0.2.1",
            "no application yet",
            "WebSocket on https://b.test for 3 minutes; 999 bytes in, 1.2 MB out",
            "Event stream for less than a second; 0 bytes in, 12.3 kB out",
        ):
            with self.subTest(expected):
                self.assertIn(expected, text)
        self.assertIn(f'title="{FIREFOX}"'.encode(), document)
        self.assertLess(text.index("This browser"), text.index("Another browser"))

    def test_buttons(self) -> None:
        """
        This browser's session has the ordinary sign-out, every other one a button of its own.
        """
        self.assertEqual(
            forms(sessions(HERE, THERE, replace(THERE, reference="ref-third"))),
            [
                ("Sign out", "/out", {"token": "t"}),
                ("End this session", "/end", {"token": "t", "what": "one", "session": "ref-there"}),
                ("End this session", "/end", {"token": "t", "what": "one", "session": "ref-third"}),
                ("End the other sessions", "/end", {"token": "t", "what": "others"}),
                ("Sign out everywhere", "/out", {"token": "t", "all": "1"}),
            ],
        )

    def test_no_others(self) -> None:
        """
        Where there are no others there is no button to end them.
        """
        buttons = [button for button, _, _ in forms(sessions(HERE, replace(HERE, reference="second")))]
        self.assertEqual(buttons, ["Sign out", "Sign out everywhere"])

    def test_notice(self) -> None:
        """
        What has just happened is said where a screen reader says it first.
        """
        self.assertIn(b'<p role="status">Two sessions ended.</p>', sessions(HERE, notice="Two sessions ended."))
        self.assertNotIn(b'<p role="status">', sessions(HERE))

    def test_unknown(self) -> None:
        """
        What is not known is not claimed.
        """
        text = Outline(sessions(replace(HERE, user_agent="", address="", last_address=""), email="")).text
        self.assertIn("You are signed in as alice.", text)
        self.assertIn("An unknown browser", text)
        self.assertIn("not known", text)

    def test_json(self) -> None:
        """
        A script gets the same, as plain values.
        """
        self.assertEqual(
            json.loads(json.dumps(THERE.as_json())),
            {
                "session": "ref-there",
                "this_browser": False,
                "user_agent": "curl/8.5.0",
                "address": "192.0.2.1",
                "last_address": "198.51.100.7",
                "started": "2023-11-15T10:02:00.000Z",
                "last_seen": "2023-11-15T10:02:00.000Z",
                "routes": [],
                "exchanges": [
                    {
                        "kind": "websocket",
                        "route": "https://b.test",
                        "age": 185.0,
                        "bytes_in": 999,
                        "bytes_out": 1250000,
                    },
                    {"kind": "sse", "route": "", "age": 0.2, "bytes_in": 0, "bytes_out": 12345},
                ],
            },
        )


class WordsTests(SynchronousTestCase):
    """
    Tests for `duration` and `size`.
    """

    def test_durations(self) -> None:
        """
        A duration is told in its largest unit.
        """
        for seconds, words in (
            (0.0, "less than a second"),
            (1.9, "1 second"),
            (59.9, "59 seconds"),
            (60.0, "1 minute"),
            (7199.0, "1 hour"),
            (7200.0, "2 hours"),
            (86400.0, "1 day"),
            (864000.0, "10 days"),
        ):
            with self.subTest(seconds):
                self.assertEqual(duration(seconds), words)

    def test_sizes(self) -> None:
        """
        A size has at most three digits that matter.
        """
        for octets, words in (
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (150_000, "150 kB"),
            (12_340_000, "12.3 MB"),
            (5_000_000_000, "5.0 GB"),
            (7_200_000_000_000, "7.2 TB"),
        ):
            with self.subTest(octets):
                self.assertEqual(size(octets), words)
