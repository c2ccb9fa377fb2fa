"""
What is decided is what is sent: nobody reaches more of an application by the way in which a public part of it is
spelled or rewritten, however carelessly that application reads paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.parse import unquote_to_bytes

from tests.doubles.peers import UserAgent
from tests.scenarios.browser import read
from tests.scenarios.test_forward_auth import ForwardAuthTestCase
from tests.scenarios.world import APP, WorldTestCase

APPLICATION = {"from": APP, "to": "http://app.internal:8080"}
PUBLIC = {**APPLICATION, "name": "public part", "allow_public_unauthenticated_access": True}
ALL = {**APPLICATION, "name": "all", "allow_any_authenticated_user": True}
ROUTES: tuple[tuple[dict[str, Any], bytes], ...] = (
    ({"prefix": "/public"}, b"/public"),
    ({"prefix": "/public/"}, b"/public/"),
    ({"regex": "/public(/.*)?"}, b"/public"),
    ({"regex": "(?i)/public/.*"}, b"/public/"),
    ({"prefix": "/public", "prefix_rewrite": "/pub/lic"}, b"/pub/lic"),
    ({"prefix": "/public", "prefix_rewrite": "/pub/lic/"}, b"/pub/lic/"),
    ({"prefix": "/public/", "prefix_rewrite": "/pub"}, b"/pub"),
    ({"prefix": "/public/x", "prefix_rewrite": "/pub/"}, b"/pub/"),
    ({"prefix": "/public", "to": "http://app.internal:8080/base/"}, b"/base"),
    ({"regex": "/public/.*", "prefix_rewrite": "/pub"}, b"/pub"),
    *(
        ({"prefix": "/public", "regex_rewrite_pattern": pattern, "regex_rewrite_substitution": instead}, below)
        for pattern, instead, below in (
            ("^/public/(.*)$", r"/pub/\1", b"/pub/"),
            ("^/public(.*)$", r"/pub/\1", b"/pub/"),
            ("^/public/([^/]*)/([^/]*)", r"/pub/\2/\1", b"/pub"),
            ("^/public/(.)(.*)$", r"/pub/\2\1", b"/pub"),
            ("x", "", b"/public"),
            ("/x/", "/", b"/public"),
            ("[^/]$", "..", b"/public"),
        )
    ),
)
UP = (
    *("..", "%2e%2e", ".%2E", "%252e%252e", "%25252e%25252e", "..;", "..;x=1", "%2e%2e;", "..%3B", "..%3ba", "..%2f"),
    *("..%5c", "..\\", "%2e%2e%2f", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "..%00", "%00..", "..%09", "..%0d", "..#"),
    *(".x.", ".x./", "x..", "..x", "...", "..%c0%af", "%2%65%2e", "%u002e%u002e", "..%20", "..?", "..%3f", "..%23"),
)
PLACES = (
    *(
        "/public/{}/admin",
        "/public/x/{}/{}/admin",
        "/public{}/admin",
        "/public{}admin",
        "/public//{}/admin",
        "/public/{}",
    ),
    *("/public/{}/x/{}/admin", "/public/x{}admin", "/%70ublic/{}/admin", "/PUBLIC/{}/admin", "//public/{}/admin"),
    *("/x/{}/public/{}/admin", "/public/x/{}/public/{}/{}/admin", "/{}/public/admin", "/public;/{}/admin"),
)


TARGETS = sorted({place.format(*(up,) * 3) for place, up in product(PLACES, UP)})


class PathsTests(WorldTestCase):
    """
    Somebody without a session, and an application of which a part is public.
    """

    def ask(self, target: str) -> tuple[int, bytes]:
        """
        The status, and the target that the application got.
        """
        agent = UserAgent.connect(self.network, "proxy", 443)
        agent.say(f"GET {target} HTTP/1.1\r\nHost: app.example.com\r\n\r\n".encode("latin-1"))
        self.network.settle()
        status = read(agent.take()).status
        heard = self.app.take()
        agent.transport.abortConnection()
        self.network.settle()
        return status, heard.split(b" ", 2)[1] if heard else b""

    def test_public_part(self) -> None:
        """
        What arrives is below the public part, in every reading of it; the rest is a sign-in or a refusal.
        """
        passed = 0
        for index, (route, below) in enumerate(ROUTES):
            self.house.reload(self.read(routes=[{**PUBLIC, **route}, ALL]))
            # Each rewrite sees a third of them, and each of them a third of the rewrites.
            for target in TARGETS if index == 0 else TARGETS[index % 3 :: 3]:
                status, sent = self.ask(target)
                path = sent.partition(b"?")[0]
                self.assertEqual(bool(sent), status == 200, target)
                passed += bool(sent)
                for reading in readings(path) if sent else ():
                    self.assertTrue(reading.startswith(below.rstrip(b"/")), (route, target, sent, reading))
                    self.assertNotIn(b"..", reading.split(b"/"), (route, target, sent))
        # Most of it is refused, but not because nothing works.
        self.assertGreater(passed, 100)

    def test_forbidden_part(self) -> None:
        """
        A part that a policy forbids by its path is forbidden in every reading of what arrives.
        """
        rule = {"deny": {"or": [{"http_path": {"starts_with": "/public/admin"}}]}}
        self.house.reload(self.read(routes=[{**PUBLIC, "policy": [rule]}]))
        self.assertEqual(self.ask("/public/x")[0], 200)
        for target in ("/public/admin", "/public/%61dmin", "/public//admin", "/public/./admin/x", "/x/../public/admin"):
            self.assertEqual(self.ask(target)[0], 403, target)
        for target in TARGETS:
            _, sent = self.ask(target)
            for reading in readings(sent.partition(b"?")[0]) if sent else ():
                self.assertFalse(reading.startswith(b"/public/admin"), (target, sent, reading))


class OtherProxyTests(ForwardAuthTestCase):
    """
    The same where another proxy sends on what its client has written.
    """

    settings = {**ForwardAuthTestCase.settings, "routes": [{**PUBLIC, "prefix": "/public"}, ALL]}

    def test_public_part(self) -> None:
        """
        What may pass is below the public part as it was written, in every reading of it.
        """
        passed = 0
        for number, target in enumerate(TARGETS[::3]):
            answer = (self.verify if number % 2 else self.auth)(APP + target)
            if answer.status == 200:
                passed += 1
                for reading in readings(target.encode("latin-1").partition(b"?")[0]):
                    # Who decodes nothing finds nothing by such a name.
                    if b"%" not in reading:
                        self.assertTrue(reading.startswith(b"/public"), (target, reading))
        self.assertGreater(passed, 10)


def readings(path: bytes) -> Iterator[bytes]:
    """
    What applications may take a path for: decoded once or twice, without parameters, with other slashes, resolved.
    """
    decoded = {path, unquote_to_bytes(path), unquote_to_bytes(unquote_to_bytes(path))}
    decoded |= {each.replace(b"\\", b"/") for each in decoded}
    decoded |= {re.sub(rb";[^/]*", b"", each) for each in decoded}
    decoded |= {each.partition(mark)[0] for each in decoded for mark in (b"\0", b"#", b"?")}
    for each in decoded:
        kept: list[bytes] = []
        for segment in each.split(b"/"):
            if segment == b"..":
                kept = kept[:-1]
            elif segment not in (b"", b"."):
                kept.append(segment)
        yield b"/" + b"/".join(kept).lower()
