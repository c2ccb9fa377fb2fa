"""
What one OP says is nothing about the people of another: tokens, responses, names, secrets.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from pomerium_tx.jose.signer import derived_signer
from pomerium_tx.oidc.provider_settings import idp_id
from pomerium_tx.sessions.session import Session
from tests.doubles import keys
from tests.scenarios.browser import Browser, Response, read
from tests.scenarios.two_providers import APP, AUTHENTICATE, CHAT, OP, OPEN, PARTNERS, TwoProvidersTestCase
from tests.scenarios.world import CLIENT_SECRET

BACK_CHANNEL = "/.pomerium/backchannel_logout"


class KeptApartTestCase(TwoProvidersTestCase):
    """
    Alice is signed in at both OPs, which know her by the same ``sub``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.signed_in_at_both()
        self.at_op, self.at_partners = (self.session_at(iss) for iss in (OP, PARTNERS))
        self.assertEqual(self.at_op.sub, self.at_partners.sub)

    def session_at(self, iss: str) -> Session:
        """
        The one session at an OP.
        """
        (session,) = (one for one in self.house.registry.sessions() if one.iss == iss)
        return session

    def live(self) -> set[str]:
        """
        The issuers of the sessions that live.
        """
        return {session.iss for session in self.house.registry.sessions()}

    def tell(self, token: str, origin: str = AUTHENTICATE) -> int:
        """
        Post a logout token: the status of the answer.
        """
        content = urlencode({"logout_token": token}).encode()
        agent = self.browser().open(
            "POST",
            origin + BACK_CHANNEL,
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(content)}",
            content=content,
        )
        # A key that is not known is looked for once.
        self.advance(12.0)
        return read(agent.take()).status


class BackChannelTests(KeptApartTestCase):
    """
    Logout tokens.
    """

    def test_only_its_own(self) -> None:
        """
        A logout token ends the sessions of its issuer alone, although the other has the same ``sub``.
        """
        self.assertEqual(self.tell(self.partners.logout_token("rp1", sub=self.at_op.sub), APP), 200)
        self.assertEqual(self.live(), {OP})
        self.assertEqual(self.alice.get(APP + "/").content, b"ok")
        self.assertNotEqual(self.alice.get(CHAT + "/", follow=False).status, 200)

    def test_the_others_sid(self) -> None:
        """
        The other OP's ``sid`` names nobody of its own.
        """
        self.assertEqual(self.tell(self.partners.logout_token("rp1", sid=self.at_op.sids[0])), 200)
        self.assertEqual(self.live(), {OP, PARTNERS})

    def test_in_the_others_name(self) -> None:
        """
        An OP cannot speak in the name of the other: that one's keys, and nobody else's, verify its tokens.
        """
        for forger, name in ((self.partners, OP), (self.provider, PARTNERS)):
            with self.subTest(name):
                token = forger.logout_token("rp1", sub=self.at_op.sub, iss=name)
                self.assertEqual(self.tell(token), 400)
        self.assertEqual(self.live(), {OP, PARTNERS})

    def test_the_others_client_secret(self) -> None:
        """
        A secret of ours at one OP signs nothing at the other.
        """
        claims: dict[str, Any] = {
            "iss": PARTNERS,
            "aud": "rp1",
            "iat": self.clock.seconds(),
            "exp": self.clock.seconds() + 60,
            "jti": "j",
            "sub": self.at_op.sub,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }
        token = keys.token(claims, "HS256", key=CLIENT_SECRET.encode())
        self.assertEqual(self.tell(token), 400)
        self.assertEqual(self.live(), {OP, PARTNERS})

    def test_same_jti(self) -> None:
        """
        A ``jti`` that one OP has used is as good as new from the other.
        """
        for provider in (self.provider, self.partners):
            self.assertEqual(self.tell(provider.logout_token("rp1", sub=self.at_op.sub, jti="same")), 200)
        self.assertEqual(self.live(), set())


class ClientsTests(TwoProvidersTestCase):
    """
    Two clients of one OP.
    """

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.browser()
        self.sign_in(self.alice)
        self.alice.get(OPEN + "/admin")

    def test_same_session_at_the_provider(self) -> None:
        """
        A logout token for either client ends the sessions of the ``sid`` at both: it is one session at the OP.
        """
        sid = self.house.registry.sessions()[0].sids[0]
        token = self.provider.logout_token("own", sid=sid)
        fields = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.browser().once("POST", AUTHENTICATE + BACK_CHANNEL, fields, f"logout_token={token}".encode())
        self.assertEqual((answer.status, self.house.registry.count), (200, 0))

    def test_own_client_does_not_stand_for_the_other(self) -> None:
        """
        The session of one client is none where another is wanted, whatever handle is shown.
        """
        handle = self.handle_of(self.alice, APP)
        for carrier in ({"Cookie": f"_pomerium={handle}"}, {"Authorization": f"Pomerium {handle}"}):
            answer = self.browser().once("GET", OPEN + "/admin", carrier)
            self.assertIn(answer.status, (302, 401))

    def test_revoked_by_its_own_client(self) -> None:
        """
        Tokens are revoked by the client that they were given to.
        """
        self.alice.get(APP + "/.pomerium/sign_out")
        self.advance(2.0)
        users = {one.authorization for one in self.provider.revocations}
        self.assertEqual(len(users), 2)
        self.assertEqual(len(self.provider.revocations), 4)


class FrontChannelTests(KeptApartTestCase):
    """
    What is said in a frame.
    """

    def frame(self, **query: str) -> int:
        """
        The status of the answer in a frame.
        """
        url = f"{AUTHENTICATE}/.pomerium/sign_out?{urlencode(query)}"
        return self.browser().once("GET", url, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}).status

    def test_sid_alone(self) -> None:
        """
        With several OPs a ``sid`` without issuer says nothing, unless the registered URI says whose it is.
        """
        sid = self.at_partners.sids[0]
        self.assertEqual(self.frame(sid=sid), 200)
        self.assertEqual(self.frame(sid=sid, pomerium_idp="default"), 200)
        self.assertEqual(self.frame(sid=sid, pomerium_idp="unknown"), 200)
        self.assertEqual(self.frame(sid=sid, pomerium_idp=""), 200)
        self.assertEqual(self.live(), {OP, PARTNERS})
        self.assertEqual(self.frame(sid=sid, pomerium_idp="partners"), 200)
        self.assertEqual(self.live(), {OP})

    def test_wrong_issuer(self) -> None:
        """
        The pair counts, not its parts.
        """
        self.frame(iss=OP, sid=self.at_partners.sids[0])
        self.assertEqual(self.live(), {OP, PARTNERS})


class SignInTests(TwoProvidersTestCase):
    """
    The response of one OP to a request that was made to the other (RFC 9207, section 2.4; RFC 9700, section 4.4).
    """

    def begun(self, browser: Browser, url: str) -> tuple[str, dict[str, str]]:
        """
        Where a sign-in leads, and what it says.
        """
        there = self.hop(browser, self.hop(browser, url))
        return there, self.query(there)

    def answered(self, browser: Browser, state: str, code: str, iss: str | None) -> Response:
        """
        What the callback makes of a response.
        """
        query = {"state": state, "code": code} | ({} if iss is None else {"iss": iss})
        return browser.get(f"{AUTHENTICATE}/oauth2/callback?{urlencode(query)}", follow=False, site="cross-site")

    def test_the_others_response(self) -> None:
        """
        A response that names the other issuer is refused, and its code goes to neither OP.
        """
        browser = self.browser()
        there, asked = self.begun(browser, APP + "/")
        self.assertEqual(self.op_of(there), OP)
        page = self.answered(browser, asked["state"], "a-code", PARTNERS)
        self.assertEqual(page.status, 400)
        self.assertEqual((self.provider.code_exchanges, self.partners.code_exchanges), ([], []))

    def test_the_others_code(self) -> None:
        """
        A code of the other OP, brought with the right state, makes no session.
        """
        browser = self.browser()
        there, asked = self.begun(browser, CHAT + "/")
        self.assertEqual(self.op_of(there), PARTNERS)
        other = self.browser()
        _, others = self.begun(other, APP + "/")
        location = self.provider.authorize(f"{OP}/authorize?{urlencode(others)}", person="alice")
        code = self.query(location)["code"]
        page = self.answered(browser, asked["state"], code, PARTNERS)
        self.assertNotIn("pomerium_session_encrypted", page.get("Location") or "")
        self.assertEqual(self.house.registry.count, 0)

    def test_state_says_which_provider(self) -> None:
        """
        A state of one sign-in cannot be finished for the other OP: it is sealed, and its OP with it.
        """
        browser = self.browser()
        _, asked = self.begun(browser, APP + "/")
        location = self.partners.authorize(
            f"{PARTNERS}/authorize?{urlencode({**asked, 'client_id': 'rp1'})}", person="alice"
        )
        page = browser.get(location, follow=False, site="cross-site")
        self.assertEqual(page.status, 400)
        self.assertEqual(self.house.registry.count, 0)

    def test_id_token_of_the_other(self) -> None:
        """
        An ID Token that the other OP has issued, or signed, is refused.
        """
        for changes in ({"iss": OP}, {"aud": "somebody"}):
            with self.subTest(changes=changes):
                self.partners.alterations["id_token"] = lambda claims, changes=changes: {**claims, **changes}
                page = self.sign_in(self.browser(), CHAT + "/")
                self.assertNotEqual(page.content, b"ok")
                self.assertEqual(self.house.registry.count, 0)

    def test_keys_of_the_other(self) -> None:
        """
        Keys belong to an issuer.
        """
        self.partners.signers[:] = [derived_signer(b"op")]
        page = self.sign_in(self.browser(), CHAT + "/")
        # What it publishes is its own affair; what it says in the other's name is not.
        self.assertEqual(page.content, b"ok")
        self.assertEqual({session.iss for session in self.house.registry.sessions()}, {PARTNERS})


class ReloadTests(KeptApartTestCase):
    """
    A provider comes and goes.
    """

    def test_removed(self) -> None:
        """
        A provider that a reload removes takes its sessions along, and no other's.
        """
        routes = [{**route, "idp": "default"} for route in self.make_routes()]
        self.house.reload(self.read(providers=None, routes=routes))
        self.settle()
        self.assertEqual(self.live(), {OP})
        self.assertEqual([receipt["cause"] for receipt in self.receipts()], ["provider_removed"])
        self.assertEqual(self.alice.get(APP + "/").content, b"ok")

    def test_changed(self) -> None:
        """
        One whose settings change keeps them; so does one that gets another name.
        """
        partners = dict(self.settings["providers"]["partners"])
        for name, changes in (("partners", {"idp_scopes": ["openid"]}), ("renamed", {})):
            routes = [
                {**route, "idp": name} if route.get("idp") == "partners" else route for route in self.make_routes()
            ]
            self.house.reload(self.read(providers={name: {**partners, **changes}}, routes=routes))
            self.settle()
            self.assertEqual(self.live(), {OP, PARTNERS})

    def test_other_default(self) -> None:
        """
        That another provider is the default now changes nobody's session.
        """
        routes = [{"idp": "default", **route} for route in self.make_routes()]
        self.house.reload(self.read(default_provider="partners", routes=routes))
        self.settle()
        self.assertEqual(self.alice.get(APP + "/").content, b"ok")
        self.assertEqual(self.alice.get(CHAT + "/").content, b"ok")
        page = self.alice.get(APP + "/.pomerium/sign_out")
        self.assertEqual(self.live(), set())
        self.assertEqual(set(self.lines(page)), {OP, PARTNERS})


class PlantedTests(KeptApartTestCase):
    """
    Cookies of somebody else.
    """

    def test_planted_for_the_other_provider(self) -> None:
        """
        On a host with paths of both OPs, a planted session of the one lets nobody act as somebody else there: several
        browsers' sessions are none.
        """
        mallory = self.browser()
        self.sign_in(mallory, APP + "/partners", person="bob")
        name = f"_pomerium_{self.ids()[1][:16]}"
        planted = mallory.cookie("app.example.com", name)
        fields = {"Cookie": f"{self.alice.cookies(APP + '/')}; {name}={quote(planted or '')}"}
        for path in ("/", "/partners"):
            answer = self.browser().once("GET", APP + path, fields)
            self.assertEqual(answer.status, 302, path)

    def test_through_all_the_same(self) -> None:
        """
        Whoever has had such a session planted gets through, to themselves: the sign-in here ends the planted one.
        """
        mallory = self.browser()
        self.sign_in(mallory, OPEN + "/admin", person="bob")
        name = f"_pomerium_{idp_id(OP, 'own')[:16]}"
        planted = mallory.cookie("open.example.com", name)
        assert planted is not None
        for host in ("app.example.com", "chat.example.com"):
            self.alice.keep(f"https://{host}/", f"{name}={planted}; Path=/")
        self.assertEqual(self.alice.get(APP + "/").content, b"ok")
        self.assertEqual(self.alice.get(CHAT + "/").content, b"ok")
        self.assertEqual({session.sub for session in self.house.registry.sessions()}, {self.at_op.sub})

    def test_through_on_the_authenticate_host(self) -> None:
        """
        The same where the planted one is on the authenticate host: who signs in is signed in, and asked once.
        """
        mallory = self.browser()
        self.sign_in(mallory, OPEN + "/admin", person="bob")
        name = f"_pomerium_authenticate_{idp_id(OP, 'own')[:16]}"
        planted = mallory.cookie("authenticate.example.com", name)
        assert planted is not None
        self.alice.keep(AUTHENTICATE + "/", f"{name}={planted}; Path=/")
        for url in (APP + "/partners", CHAT + "/other"):
            self.assertEqual(self.alice.get(url).content, b"ok")
        self.assertEqual({session.sub for session in self.house.registry.sessions()}, {self.at_op.sub})
