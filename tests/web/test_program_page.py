"""
Tests for `pomerium_tx.web.program_page`: the question whether a program may act as a person.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web.program_page import allow_program


def shown(program: str, person: str = "alice@example.com") -> str:
    """
    The page.
    """
    page = allow_program(
        person=person,
        application="https://app.example.com",
        program=program,
        action="/.pomerium/sign_in",
        csrf_token="token",
        hidden={"pomerium_program": "sealed"},
    )
    return page.decode()


class AllowProgramTests(SynchronousTestCase):
    """
    The page.
    """

    def test_says_who_and_what(self) -> None:
        """
        It names the program's address, the application and the person, and has one button that posts the token.
        """
        page = shown("http://localhost:8000")
        for words in ("A program on this computer", "http://localhost:8000", "https://app.example.com", "alice@"):
            self.assertIn(words, page)
        self.assertEqual(page.count("<button"), 1)
        self.assertIn('name="_pomerium_csrf" value="token"', page)
        self.assertIn('name="pomerium_program" value="sealed"', page)
        self.assertNotIn("unencrypted", page)

    def test_site(self) -> None:
        """
        A site elsewhere is called a site, and http is called unencrypted.
        """
        self.assertIn("The site", shown("https://tools.example.com"))
        self.assertNotIn("unencrypted", shown("https://tools.example.com"))
        self.assertIn("unencrypted", shown("http://tools.example.com"))

    def test_escapes(self) -> None:
        """
        What came from outside is text.
        """
        self.assertNotIn("<script>", shown("http://localhost", person="<script>alert(1)</script>"))
