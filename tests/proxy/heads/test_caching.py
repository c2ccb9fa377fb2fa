"""
Who may keep an application's answers.
"""

from __future__ import annotations

import time

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.proxy.heads.caching import ruled

PRIVATE = [
    ([], b"private"),
    ([b""], b"private"),
    ([b" , ,"], b"private"),
    ([b"max-age=60"], b"max-age=60, private"),
    ([b"public, max-age=60"], b"max-age=60, private"),
    ([b"PUBLIC,S-MaxAge=60,Max-Age=5"], b"Max-Age=5, private"),
    ([b"private"], b"private"),
    ([b"max-age=60, private, must-revalidate"], b"max-age=60, must-revalidate, private"),
    ([b'private="set-cookie, x-user", max-age=60'], b"max-age=60, private"),
    ([b'no-cache="set-cookie, public", public'], b'no-cache="set-cookie, public", private'),
    ([b'x="a\\"b, public", public'], b'x="a\\"b, public", private'),
    ([b"proxy-revalidate, immutable"], b"immutable, private"),
    ([b"no-store"], b"no-store, private"),
    ([b"public, no-store, max-age=0"], b"no-store, max-age=0, private"),
    ([b"public", b"max-age=60 \t", b'stale-if-error="9"'], b'max-age=60, stale-if-error="9", private'),
    ([b"public-ish, s-maxage-of-mine=1"], b"public-ish, s-maxage-of-mine=1, private"),
]
"""
What the application says, line by line, and what one person's own cache is told.
"""

UNREADABLE = [
    b'private="set-cookie',
    b'max-age=60, x="a\\"',
    b"max-age=60; public",
    b"max-age=60 public",
    b"max-age = 60",
    b"max-age=",
    b"=60",
    b'"public"',
    b'x="a"b, max-age=60',
    b"max-age=60, (comment)",
    b"publi\xe9",
    b"a@b",
]


class PrivateTests(SynchronousTestCase):
    """
    ``private``: nobody keeps an answer that somebody else may get.
    """

    def test_directives(self) -> None:
        """
        What the application says of one person's own cache stays; what it says of shared ones goes.
        """
        for said, expected in PRIVATE:
            with self.subTest(said=said):
                fields = ruled("private", [(b"cache-Control", value) for value in said])
                self.assertEqual(fields, [(b"Cache-Control", expected)])

    def test_unreadable(self) -> None:
        """
        What one reader may take for another thing than the next is kept by nobody without asking again.
        """
        for value in UNREADABLE:
            for said in ([value], [b"max-age=60", value], [value, b"public"]):
                with self.subTest(said=said):
                    fields = ruled("private", [(b"Cache-Control", line) for line in said])
                    self.assertEqual(fields, [(b"Cache-Control", b"private, no-cache")])

    def test_unreadable_but_not_to_be_kept(self) -> None:
        """
        An application that does not want to be kept is not kept, also where it cannot spell.
        """
        for said in ([b"No-Store; max-age=0"], [b"no-store", b"x="], [b'x="', b"no-store"]):
            with self.subTest(said=said):
                fields = ruled("private", [(b"Cache-Control", line) for line in said])
                self.assertEqual(fields, [(b"Cache-Control", b"private, no-cache, no-store")])

    def test_other_fields(self) -> None:
        """
        Fields that only shared caches read are left out, all others stay as they are and in their order.
        """
        fields = [
            (b"Expires", b"0"),
            (b"CDN-Cache-Control", b"max-age=60"),
            (b"Acme-CDN-Cache-Control", b"max-age=60"),
            (b"Surrogate-Control", b"max-age=60"),
            (b"X-Accel-Expires", b"60"),
            (b"Pragma", b"no-cache"),
            (b"ETag", b'"1"'),
        ]
        self.assertEqual(ruled("private", fields), [fields[0], fields[5], fields[6], (b"Cache-Control", b"private")])

    def test_long(self) -> None:
        """
        The longest values are read in one pass, wherever they go wrong.
        """
        began = time.process_time()
        for value in (
            b" " * 60_000 + b"@",
            b"a" * 60_000 + b"@",
            b'x="' + b"\\a" * 30_000,
            b"," * 60_000 + b"@",
            b"a=" * 30_000,
        ):
            ruled("private", [(b"Cache-Control", value)])
        self.assertLess(time.process_time() - began, 2.0)


class NoStoreTests(SynchronousTestCase):
    """
    ``no_store``: nobody keeps anything.
    """

    def test_alone(self) -> None:
        """
        There is one word about it, whatever the application says, in however many fields.
        """
        for said in ([], [b"public, max-age=60"], [b"max-age=1", b"private"], [b'x="'], [b"no-store"], [b"no-cache"]):
            with self.subTest(said=said):
                fields = [(b"Cache-Control", value) for value in said]
                fields += [
                    (b"EXPIRES", b"Thu, 01 Dec 2044 16:00:00 GMT"),
                    (b"Pragma", b"cache"),
                    (b"Surrogate-Control", b"max-age=60"),
                    (b"Cdn-Cache-Control", b"max-age=60"),
                    (b"ETag", b'"1"'),
                ]
                self.assertEqual(ruled("no_store", fields), [(b"ETag", b'"1"'), (b"Cache-Control", b"no-store")])


class UpstreamTests(SynchronousTestCase):
    """
    ``upstream``: as the application says.
    """

    def test_untouched(self) -> None:
        """
        Nothing is added, taken away or read.
        """
        fields = [(b"cache-control", b'public, x="'), (b"Pragma", b"x"), (b"Expires", b"0"), (b"Cache-Control", b"")]
        self.assertEqual(ruled("upstream", fields), fields)
