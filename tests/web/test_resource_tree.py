"""
Tests for how `pomerium_tx.web.resource` finds a page.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from pomerium_tx.web.resource import Answer, Folder, Page, PageRequest, text_answer
from tests.doubles.channel import ask


class Found(Page):
    """
    Is found, whatever the method.
    """

    methods = None

    async def answer(self, request: PageRequest) -> Answer:
        """
        Its path.
        """
        return text_answer(request.path)


class Secret(Exception):
    """
    A fault that has something to hide.
    """


def _tree() -> Folder:
    root = Folder()
    own = Folder()
    root.putChild(b".pomerium", own)
    own.putChild(b"", Found())
    own.putChild(b"echo", Found())
    deep = Folder()
    own.putChild(b"callback", deep)
    deep.putChild(b"", Found())
    own.putChild(b"empty", Folder())
    return root


class TreeTests(SynchronousTestCase):
    """
    Tests for `Folder` and the paths around a page.
    """

    MISSING = (
        "/",
        "/x",
        "/.pomerium/x",
        "/.pomerium/echo/x",
        "/.pomerium/echo//",
        "/.pomerium/echo/x/",
        "/.pomerium/empty",
        "/.pomerium/empty/",
        "/.pomerium//",
        "/.pomeriumx",
        "*",
        "/%ff",
    )

    def test_missing(self) -> None:
        """
        Where there is no page, every method is answered 404 with our own page.
        """
        for path in self.MISSING:
            for method in ("GET", "POST", "DELETE"):
                with self.subTest(path=path, method=method):
                    asked = ask(_tree(), path, method=method)
                    self.assertEqual((asked.status, asked.is_done), (404, True))
                    self.assertIn("There is nothing here", asked.text)

    SLASHES = (
        ("/.pomerium", "https://a.test/.pomerium/"),
        ("/.pomerium?x=1&y", "https://a.test/.pomerium/?x=1&y"),
        ("/.pomerium/callback?x", "https://a.test/.pomerium/callback/?x"),
        ("/.pomerium/echo/", "https://a.test/.pomerium/echo"),
        ("/.pomerium/echo/?", "https://a.test/.pomerium/echo?"),
        ("/.pomerium/echo/?next=//evil.test/", "https://a.test/.pomerium/echo?next=//evil.test/"),
    )

    def test_slashes(self) -> None:
        """
        A slash too many or too few is corrected, the query kept, on the external origin.
        """
        for target, location in self.SLASHES:
            for method, status in (("GET", 301), ("HEAD", 301), ("POST", 308)):
                with self.subTest(target=target, method=method):
                    asked = ask(_tree(), target, method=method, origin="https://a.test")
                    self.assertEqual((asked.status, asked.header("Location")), (status, location))

    def test_found(self) -> None:
        """
        A page is found at its path, and the page of a folder with the slash.
        """
        for path in ("/.pomerium/", "/.pomerium/echo", "/.pomerium/callback/"):
            with self.subTest(path=path):
                self.assertEqual(ask(_tree(), path).status, 200)

    def test_fault_of_the_tree(self) -> None:
        """
        A tree that fails to find a page is logged and answered 500, without a traceback.
        """

        class Broken(Resource):
            def getChild(self, path: bytes, request: object) -> Resource:
                raise Secret("password")

        asked = ask(Broken(), "/")
        self.assertEqual((asked.status, asked.is_done), (500, True))
        self.assertNotIn("password", asked.text)
        self.assertEqual(len(self.flushLoggedErrors(Secret)), 1)

    def test_plain_resource(self) -> None:
        """
        A page of twisted.web's own kind may stand in the tree too.
        """

        class Plain(Resource):
            isLeaf = True

            def render_GET(self, request: object) -> bytes:
                return b"plain"

        asked = ask(Plain(), "/")
        self.assertEqual((asked.status, asked.body, asked.is_done), (200, b"plain", True))
