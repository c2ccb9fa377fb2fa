"""
An application on a sibling host plants what its own person's browser has on the authenticate host into another
person's: nobody learns of somebody else's sessions by that, nor ends those in their other browsers.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from pomerium_tx.paths import SIGN_OUT
from tests.scenarios.browser import Browser
from tests.scenarios.two_providers import APP, AUTHENTICATE, CHAT, OP, PARTNERS, TwoProvidersTestCase

HOST = "authenticate.example.com"
PAGE = AUTHENTICATE + "/.pomerium/"


class PlantedBySiblingsTests(TwoProvidersTestCase):
    """
    Bob is signed in at the partners' OP. Alice signs in at the other one, at her desk, with Bob's cookies beside hers.
    """

    def plant(self, name: str) -> tuple[Browser, Browser, Browser]:
        """
        Bob's browser, and those of Alice's desk and phone, once she has signed in.
        """
        bob, desk, phone = (self.browser(address=f"192.0.2.{number}") for number in (66, 77, 88))
        self.sign_in(bob, CHAT + "/", person="bob")
        self.sign_in(phone)
        planted = [
            (cookie, known.value) for (host, cookie, _), known in bob.jar.items() if host == HOST and name in cookie
        ]
        self.assertTrue(planted)
        for cookie, value in planted:
            desk.keep(PAGE, f"{cookie}={value}; Domain=example.com; Path=/")
        self.assertEqual(self.sign_in(desk).text, "ok")
        return bob, desk, phone

    def test_her_sessions(self) -> None:
        """
        The page of all of his sessions shows none of hers, and no button of it ends those that she has elsewhere.
        """
        for name in ("_authenticate", "_csrf", ""):
            with self.subTest(planted=name):
                bob, _, phone = self.plant(name)
                page = bob.get(PAGE)
                self.assertIn("192.0.2.66", page.text)
                for hers in ("192.0.2.77", "192.0.2.88", "alice"):
                    self.assertNotIn(hers, page.text)
                bob.click(page, "Sign out everywhere", index=page.text.count("<form") - 1)
                self.assertEqual(phone.get(APP + "/", follow=False).text, "ok")

    def test_her_id_token(self) -> None:
        """
        The way from his sign-out leads him to no OP with her ID Token, wherever he begins, and however often he goes.
        """
        for name in ("_authenticate", "_csrf", ""):
            for begin in (CHAT, AUTHENTICATE):
                with self.subTest(planted=name, begin=begin):
                    bob, _, _ = self.plant(name)
                    page = bob.get(begin + SIGN_OUT)
                    if begin == AUTHENTICATE:
                        page = bob.click(page)
                    self.assertEqual(hints(page.trail, OP), [])
                    for url in page.trail:
                        bob.get(url)
                    self.assertEqual(hints(bob.get(begin + SIGN_OUT).trail, OP), [])
                    for asked in self.provider.received_at("end_session"):
                        self.assertIsNone(asked.parameter("id_token_hint"))

    def test_ones_own(self) -> None:
        """
        Whoever has signed in at both OPs is led to each with the ID Token that it gave, from any application and from
        the authenticate host.
        """
        for begin in (APP, CHAT, AUTHENTICATE):
            with self.subTest(begin):
                browser = self.signed_in_at_both()
                page = browser.get(begin + SIGN_OUT)
                if begin == AUTHENTICATE:
                    page = browser.click(page)
                self.assertEqual(set(self.lines(page)), {OP, PARTNERS})
                for provider in (self.provider, self.partners):
                    *_, asked = provider.received_at("end_session")
                    self.assertIsNotNone(asked.parameter("id_token_hint"))


class StolenCookieTests(TwoProvidersTestCase):
    """
    Somebody with Alice's cookie of the authenticate host signs in beside her, as themselves, at another OP.
    """

    def test_elsewhere(self) -> None:
        """
        That they have just said who they are spares nobody the question who Alice is: none of her sessions ends.
        """
        desk, phone, thief = (self.browser(address=f"192.0.2.{number}") for number in (77, 88, 66))
        self.sign_in(desk)
        self.sign_in(phone)
        self.advance(600.0, 60.0)
        for button in ("End this session", "End the other sessions", "Sign out everywhere"):
            with self.subTest(button):
                name = "_pomerium_authenticate"
                thief.jar.clear()
                thief.keep(PAGE, f"{name}={desk.cookie(HOST, name)}; Path=/")
                self.sign_in(thief, CHAT + "/", person="bob")
                page = thief.get(PAGE)
                self.assertIn("192.0.2.88", page.text)
                forms = page.text.split("<form")[1:]
                index = next(number for number, form in enumerate(forms) if button in form)
                answer = thief.click(page, button, index=index)
                self.assertTrue(answer.url.startswith(OP + "/"), answer.url)
                self.assertEqual(phone.get(APP + "/", follow=False).text, "ok")
                self.assertEqual(desk.get(APP + "/", follow=False).text, "ok")


def hints(trail: list[str], issuer: str) -> list[str]:
    """
    The hints with which an OP was asked.
    """
    queries = [parse_qs(urlsplit(url).query) for url in trail if url.startswith(issuer + "/")]
    return [hint for query in queries for hint in query.get("id_token_hint", ())]
