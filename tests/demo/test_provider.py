"""
Tests for `pomerium_tx.demo.provider`.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.authorization import InteractionRequired
from pomerium_tx.demo.ledger import RequestRefused
from pomerium_tx.demo.loopback import NotLoopback
from pomerium_tx.demo.messages import Received
from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.demo.registration import ALICE, BOB
from pomerium_tx.jose.jwk_set import JWKSet
from pomerium_tx.jose.jwt import InvalidToken, verified_claims
from pomerium_tx.jose.signer import derived_signer
from tests.demo.support import CALLBACK, ISSUER, RP, TOLD, VERIFIER, authorization_url, make_provider, query_of


class ProviderCase(SynchronousTestCase):
    """
    A provider and its clock.
    """

    def setUp(self) -> None:
        """
        A provider at a time that is not zero.
        """
        self.clock = Clock()
        self.clock.advance(1000)
        self.provider = make_provider(self.clock)

    def verified(self, token: str) -> dict[str, object]:
        """
        The claims of *token*, verified with the published keys.
        """
        return dict(verified_claims(token, JWKSet.parse(self.provider.jwk_set()), {"ES256"}).claims)


class IssuerTests(SynchronousTestCase):
    """
    Where an OP can be.
    """

    def test_refused(self) -> None:
        """
        It is not built for an address that others can reach, nor for one that is no address.
        """
        for address in ("", "0.0.0.0", "192.168.1.1", "localhost"):
            with self.subTest(address=address):
                self.assertRaises(
                    NotLoopback,
                    DevelopmentProvider,
                    issuer=ISSUER,
                    clients=[RP],
                    clock=Clock(),
                    signer=derived_signer(b""),
                    address=address,
                )

    def test_issuer_is_an_origin(self) -> None:
        """
        An issuer with a path, or that is no URL, is refused at once.
        """
        for issuer in ("http://op.localhost/", "op.localhost", "ftp://op.localhost", "http://op.localhost?a=1"):
            with self.subTest(issuer=issuer):
                self.assertRaises(
                    ValueError,
                    DevelopmentProvider,
                    issuer=issuer,
                    clients=[],
                    clock=Clock(),
                    signer=derived_signer(b""),
                )


class TokensTests(ProviderCase):
    """
    Tokens without HTTP.
    """

    def test_id_token(self) -> None:
        """
        The ID Token is really signed and says who signed in to whom, when, and in which session.
        """
        session = self.provider.sign_in("alice")
        self.clock.advance(7)
        issued = self.provider.tokens_for("alice", nonce="n", session=session)
        claims = self.verified(issued.id_token)
        digest = hashlib.sha256(issued.access_token.encode()).digest()
        self.assertTrue(claims.pop("jti"))
        self.assertEqual(
            claims,
            {
                "iss": ISSUER,
                "sub": ALICE.sub,
                "aud": "rp",
                "iat": 1007,
                "exp": 1607,
                "auth_time": 1000,
                "sid": session.sid,
                "nonce": "n",
                "at_hash": base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode(),
            },
        )

    def test_offline_access(self) -> None:
        """
        A refresh token is given only if offline access was asked for.
        """
        self.assertIsNotNone(self.provider.tokens_for("bob").refresh_token)
        self.assertIsNone(self.provider.tokens_for("bob", scope=["openid"]).refresh_token)

    def test_altered_id_token(self) -> None:
        """
        A test can have an ID Token say anything, under a good signature.
        """
        self.provider.alterations["id_token"] = lambda claims: claims | {"aud": "somebody else"}
        issued = self.provider.tokens_for("alice")
        self.assertEqual(self.verified(issued.id_token)["aud"], "somebody else")

    def test_rotated_key(self) -> None:
        """
        The first signer signs, and the keys of all are published.
        """
        old = self.provider.tokens_for("alice").id_token
        self.provider.signers.insert(0, derived_signer(b"new"))
        new = self.provider.tokens_for("alice").id_token
        self.verified(old)
        self.verified(new)
        del self.provider.signers[1]
        self.verified(new)
        self.assertRaises(InvalidToken, self.verified, old)

    def test_tokens_are_not_shown(self) -> None:
        """
        Issued tokens are not in a ``repr``.
        """
        issued = self.provider.tokens_for("alice")
        for token in (issued.access_token, issued.id_token, issued.refresh_token):
            assert token is not None
            self.assertNotIn(token, repr(issued))

    def test_nobody(self) -> None:
        """
        Nobody signs in under a name that is not known.
        """
        self.assertRaises(RequestRefused, self.provider.tokens_for, "mallory")


class AuthorizeTests(ProviderCase):
    """
    A user agent's visit to the authorization endpoint, without HTTP.
    """

    def test_asks_then_is_silent(self) -> None:
        """
        The first visit needs the person, the next ones of the same session do not.
        """
        self.assertRaises(InteractionRequired, self.provider.authorize, authorization_url())
        session = self.provider.sign_in("alice")
        answer = query_of(self.provider.authorize(authorization_url(), session))
        self.assertEqual((answer["state"], answer["iss"]), ("the state", ISSUER))
        granted = self.provider.ledger.redeem(
            answer["code"], client_id="rp", redirect_uri=CALLBACK, code_verifier=VERIFIER
        )
        self.assertEqual((granted.sid, granted.nonce, granted.user), (session.sid, "the nonce", ALICE))

    def test_person_answers(self) -> None:
        """
        Where the OP asks, the person named answers.
        """
        code = query_of(self.provider.authorize(authorization_url(prompt="login"), person="bob"))["code"]
        granted = self.provider.ledger.redeem(code, client_id="rp", redirect_uri=CALLBACK, code_verifier=VERIFIER)
        self.assertIs(granted.user, BOB)

    def test_prompts_that_ask(self) -> None:
        """
        ``login``, ``select_account`` and a short ``max_age`` ask a person who is signed in.
        """
        session = self.provider.sign_in("alice")
        self.clock.advance(60)
        for changes in ({"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "59"}):
            with self.subTest(changes=changes):
                url = authorization_url(**changes)
                self.assertRaises(InteractionRequired, self.provider.authorize, url, session)

    def test_prompt_none(self) -> None:
        """
        ``none`` never asks: a code, or ``login_required``.
        """
        url = authorization_url(prompt="none")
        self.assertEqual(query_of(self.provider.authorize(url))["error"], "login_required")
        self.assertIn("code", query_of(self.provider.authorize(url, self.provider.sign_in("alice"))))

    def test_refused(self) -> None:
        """
        A bad request goes back to the relying party, a dubious one nowhere.
        """
        self.assertEqual(query_of(self.provider.authorize(authorization_url(scope="x")))["error"], "invalid_scope")
        self.assertRaises(RequestRefused, self.provider.authorize, authorization_url(client_id="x"))

    def test_choosing_oneself(self) -> None:
        """
        Who chooses their own account goes on in the same session; who must authenticate, begins it anew.
        """
        session = self.provider.sign_in("alice")
        self.clock.advance(5)
        self.provider.authorize(authorization_url(prompt="select_account"), session, person="alice")
        self.assertIs(self.provider.ledger.find_session(session.handle), session)
        self.provider.authorize(authorization_url(prompt="login"), session, person="alice")
        self.assertIsNone(self.provider.ledger.find_session(session.handle))


class RecordTests(ProviderCase):
    """
    The provider remembers what it was asked.
    """

    def test_bounded(self) -> None:
        """
        The latest thousand requests are remembered, and no more.
        """
        for number in range(1005):
            self.provider.remember(Received(endpoint=str(number), method="GET"))
        self.assertEqual(len(self.provider.requests), 1000)
        self.assertEqual(self.provider.requests[-1].endpoint, "1004")

    def test_kinds(self) -> None:
        """
        Code exchanges and refreshes are told apart.
        """
        for grant_type in ("authorization_code", "refresh_token", "refresh_token"):
            parameters = (("grant_type", grant_type),)
            self.provider.remember(Received(endpoint="token", method="POST", parameters=parameters))
        self.assertEqual((len(self.provider.code_exchanges), len(self.provider.refreshes)), (1, 2))


class LogoutTests(ProviderCase):
    """
    What relying parties hear when a session at the OP ends.
    """

    def setUp(self) -> None:
        """
        Alice is signed in, to nobody yet.
        """
        super().setUp()
        self.provider.clients["told"] = TOLD
        self.session = self.provider.sign_in("alice")

    def sign_in_to(self, *client_ids: str) -> None:
        """
        Alice is signed in to these clients.
        """
        for client_id in client_ids:
            self.provider.tokens_for("alice", client_id=client_id, session=self.session)

    def test_who_is_told(self) -> None:
        """
        Every client that was given an ID Token in the session and wants to be told, once, and nobody else.
        """
        elsewhere = self.provider.tokens_for("alice", client_id="told")
        self.sign_in_to("rp", "told", "told")
        self.assertTrue(self.provider.end_session(self.session.sid))
        [owed] = self.provider.owed_logouts
        self.assertEqual((owed.client_id, owed.uri, owed.sid), ("told", "http://told.test/back", self.session.sid))
        self.assertNotEqual(owed.sid, elsewhere.sid)
        self.assertFalse(self.provider.end_session(self.session.sid))
        self.assertEqual(len(self.provider.owed_logouts), 1)

    def test_refreshed(self) -> None:
        """
        A client that signed in by the front door, through the code, is told too.
        """
        url = authorization_url(client_id="told", redirect_uri="http://told.test/cb")
        code = query_of(self.provider.authorize(url, self.session))["code"]
        grant = self.provider.ledger.redeem(
            code, client_id="told", redirect_uri="http://told.test/cb", code_verifier=VERIFIER
        )
        self.provider.issue(grant)
        self.provider.end_session(self.session.sid)
        self.assertEqual([owed.client_id for owed in self.provider.owed_logouts], ["told"])

    def test_logout_token(self) -> None:
        """
        The token says all that section 2.4 asks for, under the OP's signature and with a type of its own.
        """
        self.sign_in_to("told")
        self.provider.end_session(self.session.sid)
        [owed] = self.provider.owed_logouts
        token = verified_claims(owed.logout_token, JWKSet.parse(self.provider.jwk_set()), {"ES256"})
        claims = dict(token.claims)
        self.assertEqual(token.header["typ"], "logout+jwt")
        self.assertTrue(claims.pop("jti"))
        self.assertEqual(
            claims,
            {
                "iss": ISSUER,
                "aud": "told",
                "iat": 1000,
                "exp": 1120,
                "sub": ALICE.sub,
                "sid": self.session.sid,
                "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
            },
        )
        self.assertNotIn(owed.logout_token, repr(owed))

    def test_without_sid(self) -> None:
        """
        A client that does not require the ``sid`` is told who has left only, in both channels.
        """
        self.provider.clients["told"] = replace(
            TOLD, backchannel_logout_session_required=False, frontchannel_logout_session_required=False
        )
        self.sign_in_to("told")
        logout = self.provider.log_out(self.session.sid)
        assert logout is not None
        claims = self.verified(self.provider.owed_logouts[0].logout_token)
        self.assertEqual((claims["sub"], claims.get("sid")), (ALICE.sub, None))
        self.assertEqual([frame.url for frame in logout.frames], ["http://told.test/front?own=1"])

    def test_initiator(self) -> None:
        """
        Who started the logout is told as well, unless a test has it otherwise.
        """
        for tells, count in ((True, 1), (False, 0)):
            with self.subTest(tells=tells):
                self.provider.tells_initiator = tells
                self.provider.owed_logouts.clear()
                self.session = self.provider.sign_in("alice")
                self.sign_in_to("told")
                logout = self.provider.log_out(self.session.sid, initiator="told")
                assert logout is not None
                self.assertEqual((len(self.provider.owed_logouts), len(logout.frames)), (count, count))
                self.assertIsNone(self.successResultOf(logout.told))

    def test_any_token(self) -> None:
        """
        A test can have a logout token say anything, or leave anything out.
        """
        token = self.provider.logout_token("told", sub="x", exp=None, nonce="n", iat=7)
        claims = self.verified(token)
        self.assertEqual((claims["sub"], claims["nonce"], claims["iat"]), ("x", "n", 7))
        self.assertNotIn("exp", claims)
        self.assertNotIn("sid", claims)
        self.provider.alterations["logout_token"] = lambda claims: claims | {"aud": "somebody else"}
        self.assertEqual(self.verified(self.provider.logout_token("told", sid="s"))["aud"], "somebody else")

    def test_posted(self) -> None:
        """
        An OP that can send does, and records what came of it.
        """
        sent = []

        async def post(uri: str, logout_token: str) -> int:
            sent.append((uri, self.verified(logout_token)["aud"]))
            return 200

        self.provider = DevelopmentProvider(
            issuer=ISSUER, clients=[TOLD], clock=self.clock, signer=derived_signer(b"test"), post=post
        )
        self.session = self.provider.sign_in("alice")
        self.sign_in_to("told")
        self.provider.end_session(self.session.sid)
        self.assertEqual(sent, [("http://told.test/back", "told")])
        self.assertEqual(
            [(record.client_id, record.channel, record.status) for record in self.provider.logouts],
            [("told", "front", None), ("told", "back", 200)],
        )


class MetadataTests(ProviderCase):
    """
    What discovery says.
    """

    def test_own(self) -> None:
        """
        It is about this OP and its keys.
        """
        metadata = self.provider.metadata()
        self.assertEqual(metadata["issuer"], ISSUER)
        self.assertEqual(metadata["id_token_signing_alg_values_supported"], ["ES256"])
