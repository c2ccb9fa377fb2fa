"""
Tests for `pomerium_tx.demo.provider`.
"""

from __future__ import annotations

import base64
import hashlib

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.authorization import InteractionRequired
from pomerium_tx.demo.ledger import RequestRefused
from pomerium_tx.demo.messages import Received
from pomerium_tx.demo.provider import DevelopmentProvider, NotLoopback, require_loopback
from pomerium_tx.demo.registration import ALICE, BOB
from pomerium_tx.jose.jwk_set import JWKSet
from pomerium_tx.jose.jwt import InvalidToken, verified_claims
from pomerium_tx.jose.signer import derived_signer
from tests.demo.support import CALLBACK, ISSUER, RP, VERIFIER, authorization_url, make_provider, query_of


class LoopbackTests(SynchronousTestCase):
    """
    An OP without passwords is for one computer only.
    """

    def test_refused(self) -> None:
        """
        It is not built for an address that others can reach, nor for one that is no address.
        """
        for address in ("", "0.0.0.0", "::", "192.168.1.1", "10.0.0.1", "2001:db8::1", "localhost"):
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

    def test_admitted(self) -> None:
        """
        Loopback addresses of both families will do.
        """
        for address in ("127.0.0.1", "127.8.8.8", "::1"):
            require_loopback(address)

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


class MetadataTests(ProviderCase):
    """
    What discovery says.
    """

    def test_no_other_channels(self) -> None:
        """
        Only RP-initiated logout is offered.
        """
        metadata = self.provider.metadata()
        self.assertEqual(metadata["issuer"], ISSUER)
        self.assertIn("end_session_endpoint", metadata)
        self.assertNotIn("frontchannel_logout_supported", metadata)
        self.assertNotIn("backchannel_logout_supported", metadata)
