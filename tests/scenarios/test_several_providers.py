"""
Several OPs in one browser: one sign-out ends everything, leads to each of them, and says what is true of each.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pomerium_tx.demo.messages import Fault
from tests.scenarios.two_providers import (
    APP,
    AUTHENTICATE,
    CHAT,
    OP,
    OPEN,
    PARTNERS,
    TwoProvidersTestCase,
)

RETURNED = "has sent you back from its own sign-out."


class SignInTests(TwoProvidersTestCase):
    """
    Each route has its OP.
    """

    def test_each_route_its_own(self) -> None:
        """
        A person signs in where each route wants it, once at each, and is signed in at both at the same time.
        """
        browser = self.signed_in_at_both()
        self.assertEqual(self.house.registry.count, 2)
        for url in (APP + "/", CHAT + "/", APP + "/partners", APP + "/", CHAT + "/"):
            page = browser.get(url)
            self.assertEqual((page.status, page.content), (200, b"ok"), url)
        self.assertEqual(self.house.registry.count, 2)
        self.assertEqual(len(self.provider.code_exchanges), 1)
        self.assertEqual(len(self.partners.code_exchanges), 1)

    def test_one_host_two_providers(self) -> None:
        """
        On a host whose paths belong to different OPs a browser has a session of each, and neither stands for the other.
        """
        browser = self.browser()
        self.sign_in(browser, APP + "/")
        page = self.sign_in(browser, APP + "/partners")
        self.assertEqual(page.content, b"ok")
        names = {name for domain, name, _ in browser.jar if domain == "app.example.com" and "login" not in name}
        self.assertEqual(names, {"_pomerium", f"_pomerium_{self.ids()[1][:16]}"})
        self.assertEqual((browser.get(APP + "/").status, browser.get(APP + "/partners").status), (200, 200))
        self.assertNotIn(b"_pomerium", self.app.heard)

    def test_another_client(self) -> None:
        """
        A route's own client has a sign-in of its own, which the OP that knows the person grants at once.
        """
        browser = self.browser()
        self.sign_in(browser)
        self.assertEqual(browser.get(OPEN + "/admin").content, b"ok")
        sessions = self.house.registry.sessions()
        self.assertEqual({session.client_id for session in sessions}, {"rp1", "own"})
        self.assertEqual(len({session.browser for session in sessions}), 1)

    def test_program(self) -> None:
        """
        A program is let in with the session of the host that it asks, whichever sign-in was the last.
        """
        browser = self.signed_in_at_both()
        for origin in (APP, CHAT):
            with self.subTest(origin):
                link = browser.fetch(f"{origin}/.pomerium/api/v1/login?pomerium_redirect_uri=http://localhost:9/x").text
                action, fields = browser.get(link).form()
                callback = browser.post(action, fields, follow=False).get("Location") or ""
                program = browser.get(callback, follow=False).get("Location") or ""
                self.assertTrue(program.startswith("http://localhost:9/x?pomerium_jwt="), callback)
                handle = program.partition("=")[2]
                answer = self.browser().once("GET", origin + "/", {"Authorization": f"Pomerium {handle}"})
                self.assertEqual(answer.content, b"ok")

    def test_portal(self) -> None:
        """
        The partners' people are not told of routes that want people from another OP, be they of a wanted domain there.
        """
        bob = self.browser()
        self.sign_in(bob, CHAT + "/", person="bob")
        told = bob.fetch(CHAT + "/.pomerium/api/v1/routes").text
        self.assertIn(CHAT, told)
        self.assertIn("app for partners", told)
        self.assertNotIn('"app"', told)
        self.assertNotIn("denied", told)

    def test_my_sessions(self) -> None:
        """
        The page of all my sessions shows those with every OP, and as whom the person is signed in there; with one OP it
        need not say so of each.
        """
        browser = self.signed_in_at_both()
        page = browser.get(AUTHENTICATE + "/.pomerium/")
        self.assertIn(APP, page.text)
        self.assertIn(CHAT, page.text)
        for issuer in (OP, PARTNERS):
            self.assertIn(f"Alice Liddell (alice@example.com) at {issuer}", page.text)
        alone = self.browser()
        self.sign_in(alone, APP + "/", person="bob")
        self.assertNotIn(f" at {OP}", alone.get(AUTHENTICATE + "/.pomerium/").text)

    def test_other_provider_changes_nothing(self) -> None:
        """
        To sign in at a second OP ends nothing of the first, and cuts nothing that is open there.
        """
        browser = self.browser()
        self.sign_in(browser)
        self.app.answer = None
        download = browser.open("GET", APP + "/download")
        self.sign_in(browser, CHAT + "/")
        self.assertIsNone(download.lost)


class SignOutTests(TwoProvidersTestCase):
    """
    One click ends all of it.
    """

    def test_ends_both_and_visits_both(self) -> None:
        """
        One click on one application ends the sessions of both OPs at once; the browser is led to the one and then to
        the other, and each has its line of truth.
        """
        browser = self.signed_in_at_both()
        answer = browser.get(APP + "/.pomerium/sign_out", follow=False)
        self.assertEqual(self.house.registry.count, 0)
        first = self.hop(browser, answer.get("Location") or "")
        self.assertEqual(self.op_of(first), OP)
        back = self.hop(browser, first)
        second = self.hop(browser, back)
        self.assertEqual(self.op_of(second), PARTNERS)
        self.assertNotEqual(self.query(first)["state"], self.query(second)["state"])
        page = browser.get(self.hop(browser, second))
        self.assertEqual(self.lines(page), {OP: RETURNED, PARTNERS: RETURNED})
        self.assertIn("You are signed out everywhere", page.text)
        for provider in (self.provider, self.partners):
            (asked,) = provider.received_at("end_session")
            self.assertEqual(asked.parameter("client_id"), "rp1")
        self.assertEqual(len(self.receipts()), 1)

    def test_begins_where_it_was_clicked(self) -> None:
        """
        The OP of the application in which the person signs out comes first.
        """
        browser = self.signed_in_at_both()
        self.assertEqual(self.op_of(self.depart(browser, CHAT)), PARTNERS)

    def test_from_the_authenticate_host(self) -> None:
        """
        The same by the button on the authenticate host.
        """
        browser = self.signed_in_at_both()
        page = browser.click(browser.get(AUTHENTICATE + "/.pomerium/sign_out"))
        self.assertEqual(self.house.registry.count, 0)
        self.assertEqual(self.lines(page), {OP: RETURNED, PARTNERS: RETURNED})

    def test_target(self) -> None:
        """
        Where the person wanted to be comes after the last OP, and not before.
        """
        browser = self.signed_in_at_both()
        target = APP + "/bye"
        self.app.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbye"
        location = browser.get(f"{APP}/.pomerium/sign_out?pomerium_redirect_uri={target}", follow=False).get("Location")
        first = self.hop(browser, location or "")
        second = self.hop(browser, self.hop(browser, first))
        self.assertEqual(self.op_of(second), PARTNERS)
        self.assertEqual(self.hop(browser, self.hop(browser, second)), target)

    def test_receipt(self) -> None:
        """
        The receipt says the least that is known of any OP in one word, and each of them by itself; an application
        learns the one word only.
        """
        browser = self.signed_in_at_both()
        shown = browser.fetch(APP + "/.pomerium/sign_out", "POST", Origin=APP)
        self.assertNotIn("partners.example.com", shown.text)
        receipt = self.house.registry.receipt(self.receipts()[0]["id"])
        assert receipt is not None
        self.assertEqual(
            receipt.as_json(with_routes=True)["providers"],
            [{"iss": OP, "op_logout": "pending"}, {"iss": PARTNERS, "op_logout": "pending"}],
        )
        self.assertEqual(receipt.op_logout.value, "pending")

    def test_tokens(self) -> None:
        """
        The return from one OP revokes what was owed there with that client's secret; the other's wait for theirs.
        """
        browser = self.signed_in_at_both()
        back = self.hop(browser, self.depart(browser))
        second = self.hop(browser, back)
        self.advance(2.0)
        self.assertEqual((len(self.provider.revocations), len(self.partners.revocations)), (2, 0))
        self.hop(browser, second)
        browser.get(self.hop(browser, second))
        self.advance(2.0)
        self.assertEqual((len(self.provider.revocations), len(self.partners.revocations)), (2, 2))

    def test_holds(self) -> None:
        """
        Until the browser has come back from both OPs neither application signs anybody in by itself; then both do.
        """
        browser = self.signed_in_at_both()
        first = self.depart(browser)
        self.assertIn("You signed out at", browser.get(CHAT + "/").text)
        back = self.hop(browser, first)
        second = self.hop(browser, back)
        for origin in (APP, CHAT):
            self.assertIn("You signed out at", browser.get(origin + "/").text)
        browser.get(self.hop(browser, second))
        self.assertIn("Sign in as Alice", browser.get(APP + "/").text)
        self.assertIn("Sign in as Alice", browser.get(CHAT + "/").text)

    def test_same_provider_twice(self) -> None:
        """
        Two clients of one OP are one visit there: it has one session; the tokens of both are revoked.
        """
        browser = self.browser()
        self.sign_in(browser)
        browser.get(OPEN + "/admin")
        page = browser.get(APP + "/.pomerium/sign_out")
        self.assertEqual(self.lines(page), {})
        self.assertIn("You are signed out everywhere", page.text)
        self.advance(2.0)
        self.assertEqual(len(self.provider.received_at("end_session")), 1)
        self.assertEqual(len(self.provider.revocations), 4)

    def test_other_browsers_stay(self) -> None:
        """
        What ends is this browser's: the same person's other browser keeps both of its sessions.
        """
        here, there = self.signed_in_at_both(), self.signed_in_at_both()
        here.get(APP + "/.pomerium/sign_out")
        self.assertEqual(self.house.registry.count, 2)
        self.assertEqual((there.get(APP + "/").content, there.get(CHAT + "/").content), (b"ok", b"ok"))

    def test_everywhere(self) -> None:
        """
        On all devices: what this browser's sessions say of the person counts at each OP.
        """
        here, there = self.signed_in_at_both(), self.signed_in_at_both()
        bob = self.browser()
        self.sign_in(bob, CHAT + "/", person="bob")
        form = here.get(AUTHENTICATE + "/.pomerium/")
        everywhere = next(
            index for index in range(form.text.count("<form")) if form.form(index)[1].get("everywhere") == "1"
        )
        here.click(form, index=everywhere)
        self.assertEqual([session.sub for session in self.house.registry.sessions()], [self.sub_of("bob")])
        self.assertNotEqual(there.get(CHAT + "/", follow=False).status, 200)

    def sub_of(self, person: str) -> str:
        """
        What the OPs call a person.
        """
        return next(user.sub for user in self.partners.users.values() if user.username == person)


class OneProviderIsSilentTests(TwoProvidersTestCase):
    """
    What is true of one OP is not lost by what another one does.
    """

    def test_first_is_down(self) -> None:
        """
        An OP that was never reached is said to be so, and the browser is led on to the other.
        """
        browser = self.signed_in_at_both()
        self.forget_metadata(OP)
        self.provider.faults["discovery"] = Fault(status=500)
        second = self.depart(browser)
        self.assertEqual(self.op_of(second), PARTNERS)
        page = browser.get(self.hop(browser, second))
        lines = self.lines(page)
        self.assertIn("could not be reached", lines[OP])
        self.assertIn("Sign out there too", lines[OP])
        self.assertEqual(lines[PARTNERS], RETURNED)
        self.assertIn("You are signed out here", page.text)

    def test_second_is_down(self) -> None:
        """
        The same of the second.
        """
        browser = self.signed_in_at_both()
        self.forget_metadata(PARTNERS)
        self.partners.faults["discovery"] = Fault(status=500)
        page = browser.get(self.hop(browser, self.depart(browser)))
        self.assertEqual(self.lines(page)[OP], RETURNED)
        self.assertIn("could not be reached", self.lines(page)[PARTNERS])

    def test_never_comes_back(self) -> None:
        """
        Where an OP keeps the browser, the page still says which OP was heard of and which not, and its link leads on to
        the other, from which the way goes on as ever.
        """
        browser = self.signed_in_at_both()
        self.depart(browser)
        page = browser.get(AUTHENTICATE + "/.pomerium/signed_out")
        self.assertIn("You are signed out here", page.text)
        for line in self.lines(page).values():
            self.assertIn("was not heard of yet", line)
        there = self.hop(browser, self.link(page, PARTNERS))
        self.assertEqual(self.op_of(there), PARTNERS)
        page = browser.get(self.hop(browser, there))
        self.assertEqual(self.lines(page)[PARTNERS], RETURNED)
        self.assertIn("was not heard of yet", self.lines(page)[OP])
        back = self.hop(browser, self.link(page, OP))
        page = browser.get(self.hop(browser, back))
        self.assertEqual(self.lines(page), {OP: RETURNED, PARTNERS: RETURNED})

    def test_link_is_this_browsers(self) -> None:
        """
        The link to an OP is of no use to anybody else: nobody learns by it whose session that was.
        """
        browser = self.signed_in_at_both()
        self.depart(browser)
        link = self.link(browser.get(AUTHENTICATE + "/.pomerium/signed_out"), PARTNERS)
        for other in (self.browser(), self.signed_in_at_both()):
            answer = other.get(link, follow=False)
            self.assertNotIn("id_token_hint", answer.get("Location") or "")
            self.assertNotIn("partners.example.com/end", answer.get("Location") or "")

    def test_not_heard_of_in_time(self) -> None:
        """
        After ten minutes what was not heard of has not confirmed, and no link leads there any more.
        """
        browser = self.signed_in_at_both()
        self.hop(browser, self.hop(browser, self.depart(browser)))
        self.advance(601.0, step=100.0)
        page = browser.get(AUTHENTICATE + "/.pomerium/signed_out")
        self.assertEqual(self.lines(page)[OP], RETURNED)
        self.assertIn("did not confirm it", self.lines(page)[PARTNERS])
        self.assertNotIn("Sign out there too", page.text)

    def test_confirmed_by_logout_token(self) -> None:
        """
        An OP's own word makes its line certain, and it is not visited again.
        """
        browser = self.signed_in_at_both()
        session = next(one for one in self.house.registry.sessions() if one.iss == PARTNERS)
        token = self.partners.logout_token("rp1", sub=session.sub, sid=session.sids[0])
        first = self.depart(browser)
        answer = self.browser().once(
            "POST",
            AUTHENTICATE + "/.pomerium/backchannel_logout",
            {"Content-Type": "application/x-www-form-urlencoded"},
            f"logout_token={token}".encode(),
        )
        self.assertEqual(answer.status, 200)
        page = browser.get(self.hop(browser, first))
        self.assertEqual(self.lines(page)[OP], RETURNED)
        self.assertIn("has confirmed", self.lines(page)[PARTNERS])
        self.assertEqual(self.partners.received_at("end_session"), [])

    def forget_metadata(self, issuer: str) -> None:
        """
        As after a restart.
        """
        for provider in self.house.layout.providers.values():
            if provider.settings.issuer == issuer:
                provider._metadata._known = None
                provider._metadata._known_since = 0.0
                provider._metadata._tried = None

    def link(self, page: Any, issuer: str) -> str:
        """
        The link by which the page leads to an OP.
        """
        line = self.lines(page)[issuer]
        return line.split('href="')[1].split('"')[0].replace("&amp;", "&")


class WithoutStateTests(TwoProvidersTestCase):
    """
    An OP that sends nobody back with a state comes last, and is never said to have confirmed.
    """

    partners_settings: ClassVar[dict[str, Any]] = {
        "sign_out_url": PARTNERS
        + "/end-session?client_id={client_id}&post_logout_redirect_uri={post_logout_redirect_uri}"
    }

    def test_comes_last(self) -> None:
        """
        Also where the person signs out in its application: the other OP would not be reached from there.
        """
        browser = self.signed_in_at_both()
        first = self.depart(browser, CHAT)
        self.assertEqual(self.op_of(first), OP)
        second = self.hop(browser, self.hop(browser, first))
        self.assertEqual(self.op_of(second), PARTNERS)
        self.assertNotIn("state=", second)
        page = browser.click(browser.get(second), "Sign out")
        self.assertEqual(self.lines(page)[OP], RETURNED)
        self.assertIn("was not heard of yet", self.lines(page)[PARTNERS])

    def test_target(self) -> None:
        """
        Nothing leads on from there by itself, but the page says where the person wanted to be, and to nobody else.
        """
        browser = self.signed_in_at_both()
        target = f"{APP}/bye"
        url = f"{CHAT}/.pomerium/sign_out?pomerium_redirect_uri={target}"
        first = self.hop(browser, browser.get(url, follow=False).get("Location") or "")
        second = self.hop(browser, self.hop(browser, first))
        page = browser.click(browser.get(second), "Sign out")
        self.assertIn(f'href="{target}"', page.text)
        self.assertNotIn(target, self.browser().get(AUTHENTICATE + "/.pomerium/signed_out").text)
        self.advance(601.0, step=100.0)
        self.assertNotIn(target, browser.get(AUTHENTICATE + "/.pomerium/signed_out").text)


class WithoutSignOutTests(TwoProvidersTestCase):
    """
    An OP without a sign-out is said to have none.
    """

    partners_settings: ClassVar[dict[str, Any]] = {"end_session": False}

    def test_has_none(self) -> None:
        """
        The other is visited; the tokens of this one are revoked at once, since nobody has to be told before.
        """
        browser = self.signed_in_at_both()
        browser.get(APP + "/.pomerium/sign_out", follow=False)
        self.advance(2.0)
        self.assertEqual((len(self.provider.revocations), len(self.partners.revocations)), (0, 2))
        page = browser.get(AUTHENTICATE + "/.pomerium/signed_out")
        self.assertIn("has no sign-out", self.lines(page)[PARTNERS])
        self.assertNotIn("Sign out there too", self.lines(page)[PARTNERS])


class HoldTests(TwoProvidersTestCase):
    """
    A browser in which one person has signed out, and another signs in, at another OP.
    """

    def test_at_the_other_provider(self) -> None:
        """
        Who signs in at one OP is not signed in by another as the person whom that still knows: that takes a click too,
        after which the OP asks who is there. Then nothing holds any more.
        """
        browser = self.browser()
        self.sign_in(browser)
        self.depart(browser)
        page = browser.click(browser.get(CHAT + "/"))
        self.assertEqual(browser.click(page, "Sign in as Bob").content, b"ok")
        for url in (APP + "/", APP + "/x", OPEN + "/admin"):
            held = browser.get(url)
            self.assertIn("You signed out at", held.text)
            self.assertEqual({session.email for session in self.house.registry.sessions()}, {"bob@example.com"})
        self.assertEqual(browser.get(CHAT + "/").content, b"ok")
        page = browser.click(browser.get(APP + "/"))
        self.assertIn("Sign in as Bob", page.text)
        self.assertEqual(browser.click(page, "Sign in as Bob").content, b"ok")
        self.assertEqual({session.email for session in self.house.registry.sessions()}, {"bob@example.com"})
        self.assertIsNone(browser.cookie("authenticate.example.com", "_pomerium_hold"))

    def test_another_client(self) -> None:
        """
        Nor does a sign-in at another client of the same OP, which asks nobody anything, take the hold away.
        """
        browser = self.browser()
        self.sign_in(browser, CHAT + "/")
        self.depart(browser, CHAT)
        page = browser.click(browser.get(APP + "/"))
        browser.click(page, "Sign in as Bob")
        self.assertNotIn("You signed out at", browser.get(OPEN + "/admin").text)
        self.assertIn("You signed out at", browser.get(CHAT + "/").text)

    def test_after_the_return(self) -> None:
        """
        Where every OP has sent the browser back, nobody is held at any of them.
        """
        browser = self.signed_in_at_both()
        browser.get(APP + "/.pomerium/sign_out")
        for url in (CHAT + "/", APP + "/"):
            page = browser.get(url)
            self.assertNotIn("You signed out at", page.text)
            self.assertEqual(browser.click(page, "Sign in as Bob").content, b"ok")
