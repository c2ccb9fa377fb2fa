"""
Tests for `pomerium_tx.oidc.provider`: Logout Tokens and what they are verified with.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred

from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.oidc.logout_token import EVENT, LogoutToken
from pomerium_tx.oidc.provider import ProviderUnavailable
from tests.doubles import keys
from tests.oidc.op import DISCOVERY, METADATA, NOW, SECRET, ProviderTestCase

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class LogoutTokenTests(ProviderTestCase):
    """
    Tests for `Provider.logout_token`.
    """

    def logout(self, **changes: Any) -> str:
        """
        A Logout Token; arguments with a double underscore in front change the signing.
        """
        given = {"nonce": None, "jti": "j", "events": {EVENT: {}}, "exp": NOW + 120, **changes}
        signing = {name: given.pop(name) for name in list(given) if name.startswith("__")}
        claims = {"iss": "https://op.example", "sub": "alice", "aud": "rp:1", "iat": NOW, **given}
        claims = {name: value for name, value in claims.items() if value is not None}
        arguments = {name[2:]: value for name, value in signing.items()}
        return keys.token(claims, arguments.pop("alg", "RS256"), **arguments)

    def read(self, **changes: Any) -> Coroutine[Deferred[Any], Any, LogoutToken]:
        """
        The verification of such a token.
        """
        return self.provider.logout_token(self.logout(**changes))

    def publish(self, *algorithms: str) -> None:
        """
        The OP has a key for each of *algorithms*, called like it, and says that it uses them.
        """
        self.op.say("/jwks", keys.jwk_set(*(keys.jwk(algorithm, kid=algorithm) for algorithm in algorithms)))
        self.op.say(DISCOVERY, {**METADATA, "id_token_signing_alg_values_supported": list(algorithms)})

    def test_by_default(self) -> None:
        """
        Where nothing is known of the client's ID Tokens, the alg is RS256.
        """
        token = self.now(self.read())
        self.assertEqual((token.sub, token.client_id), ("alice", None))
        self.refused(self.read(__alg="ES256", __header={"kid": "ec"}), InvalidToken)

    def test_configured(self) -> None:
        """
        The client's configured alg counts, each that there is, and no other one.
        """
        self.publish(*ALGORITHMS)
        for algorithm in ALGORITHMS:
            self.provider = self.relying_party(id_token_signed_response_alg=algorithm)
            for other in ALGORITHMS:
                with self.subTest(algorithm, other=other):
                    read = self.read(__alg=other, __header={"kid": other})
                    if other == algorithm:
                        self.assertEqual(self.now(read).sub, "alice")
                    else:
                        self.refused(read, InvalidToken)

    def test_as_id_tokens(self) -> None:
        """
        Otherwise the alg is that of the last ID Token, whatever else the OP can do.
        """
        self.publish(*ALGORITHMS)
        for algorithm in ("ES256", "EdDSA", "PS512"):
            with self.subTest(algorithm):
                id_token = self.token(__alg=algorithm, __header={"kid": algorithm})
                self.now(self.provider.id_token(id_token, nonce="n", access_token=None))
                self.assertEqual(self.now(self.read(__alg=algorithm, __header={"kid": algorithm})).sub, "alice")
                self.refused(self.read(__header={"kid": "RS256"}), InvalidToken)

    def test_id_token_that_is_refused(self) -> None:
        """
        An ID Token that is not believed says nothing of the alg.
        """
        self.publish(*ALGORITHMS)
        id_token = self.token(__alg="ES256", __header={"kid": "ES256"}, aud="other")
        self.refused(self.provider.id_token(id_token, nonce="n", access_token=None), InvalidToken)
        self.assertEqual(self.now(self.read(__header={"kid": "RS256"})).sub, "alice")

    def test_one_alg(self) -> None:
        """
        Before anybody has signed in, an OP that has one alg is known to use it.
        """
        self.publish("ES256")
        self.now(self.provider.metadata())
        self.assertEqual(self.now(self.read(__alg="ES256", __header={"kid": "ES256"})).sub, "alice")
        self.refused(self.read(), InvalidToken)

    def test_several_algs(self) -> None:
        """
        An OP that has several is not known to use any but the default.
        """
        self.publish("ES256", "EdDSA")
        self.now(self.provider.metadata())
        for algorithm in ("ES256", "EdDSA"):
            self.refused(self.read(__alg=algorithm, __header={"kid": algorithm}), InvalidToken)

    def test_learnt(self) -> None:
        """
        An ID Token from elsewhere says the alg if nothing is known here; a secret's alg is never learnt.
        """
        self.publish(*ALGORITHMS)
        for nothing in ("", "garbage", self.token(__alg="HS256", __key=SECRET.encode())):
            self.provider.learn_alg(nothing)
            self.refused(self.read(__alg="HS256", __key=SECRET.encode()), InvalidToken)
        self.provider.learn_alg(self.token(__alg="ES384", __header={"kid": "ES384"}))
        self.provider.learn_alg(self.token(__header={"kid": "RS256"}))
        self.assertEqual(self.now(self.read(__alg="ES384", __header={"kid": "ES384"})).sub, "alice")

    def test_hs256(self) -> None:
        """
        HS256 is for a client that is registered so, whose sessions alone it is about; it needs a secret, and no keys.
        """
        signed = {"__alg": "HS256", "__key": SECRET.encode()}
        self.refused(self.read(**signed), InvalidToken)
        self.provider = self.relying_party(id_token_signed_response_alg="HS256")
        self.assertEqual(self.now(self.read(**signed)).client_id, "rp:1")
        self.assertEqual(self.op.asked("/jwks"), 0)
        self.refused(self.read(__alg="HS256", __key=b"another"), InvalidToken)
        self.refused(self.read(), InvalidToken)
        self.provider = self.relying_party(id_token_signed_response_alg="HS256", client_secret="")
        self.refused(self.read(__alg="HS256", __key=b""), InvalidToken)

    def test_key_of_another_kind(self) -> None:
        """
        A key that is published for something else verifies nothing, and nobody is asked for a better one.
        """
        self.publish("RS256", "ES256")
        self.now(self.read(__header={"kid": "RS256"}))
        self.clock.advance(10)
        self.refused(self.read(__header={"kid": "ES256"}), InvalidToken)
        self.refused(self.read(__alg="ES256", __header={"kid": "RS256", "alg": "RS256"}), InvalidToken)
        self.assertEqual(self.op.asked("/jwks"), 1)

    def test_keyless_checks_first(self) -> None:
        """
        What is wrong with a token whoever signed it is found without asking for keys.
        """
        for changes in (
            {"iss": "https://evil.example"},
            {"aud": "other"},
            {"exp": NOW - 60},
            {"iat": NOW + 61},
            {"nonce": "n"},
            {"events": {}},
            {"jti": ""},
            {"sub": None},
            {"__header": {"typ": "at+jwt"}},
            {"__alg": "ES256"},
        ):
            with self.subTest(str(changes)):
                self.refused(self.read(**changes), InvalidToken)
        self.assertEqual(self.op.requests, [])

    def test_typed(self) -> None:
        """
        An OP that has once said logout+jwt says it always; what was not believed does not count.
        """
        typed: dict[str, Any] = {"__header": {"typ": "logout+jwt"}}
        self.now(self.read())
        self.refused(self.read(__key=keys.private_key("RS256", "stranger"), **typed), InvalidToken)
        self.now(self.read(__header={"typ": "JWT"}))
        self.now(self.read(**typed))
        for header in ({"typ": "JWT"}, {"typ": None}, {"typ": "application/jwt"}):
            with self.subTest(str(header)):
                self.refused(self.read(__header=header), InvalidToken)
        self.now(self.read(**typed))

    def test_without_exp(self) -> None:
        """
        A token without exp is taken where that is configured.
        """
        self.refused(self.read(exp=None), InvalidToken)
        self.provider = self.relying_party(backchannel_logout_allow_missing_exp=True)
        self.assertEqual(self.now(self.read(exp=None)).exp, NOW + 120)

    def test_no_keys(self) -> None:
        """
        Without keys nothing is believed, and it is not the token's fault.
        """
        self.op.say("/jwks", b"", status=500)
        self.refused(self.read(), ProviderUnavailable)

    def test_changed_settings(self) -> None:
        """
        With other settings the same client at the same OP still knows how its tokens are made, then and later, and
        asks for nothing that it has; another client knows what the OP publishes, and one of another OP nothing.
        """
        before = self.provider
        self.now(before.id_token(self.token(__alg="ES256", __header={"kid": "ec"}), nonce="n", access_token=None))
        asked = len(self.op.requests)
        self.provider = self.relying_party(client_secret="another")
        self.provider.succeed(before)
        self.refused(self.read(), InvalidToken)
        self.now(self.read(__alg="ES256", __header={"kid": "ec"}))
        self.now(before.logout_token(self.logout(__alg="ES256", __header={"kid": "ec", "typ": "logout+jwt"})))
        self.refused(self.read(__alg="ES256", __header={"kid": "ec"}), InvalidToken)
        self.provider = self.relying_party(client_id="rp:2")
        self.provider.succeed(before)
        self.now(self.read(aud="rp:2"))
        self.assertEqual(len(self.op.requests), asked)
        other = self.relying_party(issuer="https://other.example")
        other.succeed(before)
        self.assertIsNone(other.known_metadata)

    def test_changed_alg(self) -> None:
        """
        What was learnt of the alg under one setting of it counts under no other one, whichever way it changes, then and
        later: a secret that is agreed on no more signs nothing. That tokens are typed is still known.
        """
        self.publish(*ALGORITHMS)
        self.now(self.provider.metadata())
        secret: dict[str, Any] = {"__alg": "HS256", "__key": SECRET.encode()}
        for configured, signing in (("HS256", secret), ("ES256", {"__alg": "ES256", "__header": {"kid": "ES256"}})):
            with self.subTest(configured):
                before = self.relying_party(id_token_signed_response_alg=configured)
                before.succeed(self.provider)
                after = self.relying_party()
                after.succeed(before)
                for _ in range(2):
                    self.now(before.id_token(self.token(**signing), nonce="n", access_token=None))
                    self.now(before.logout_token(self.logout(**signing)))
                    self.refused(after.logout_token(self.logout(**signing)), InvalidToken)
                    self.now(after.logout_token(self.logout(__header={"kid": "RS256"})))
                    after = self.relying_party()
                    after.succeed(before)
        typed = {**secret, "__header": {"typ": "logout+jwt"}}
        before = self.relying_party(id_token_signed_response_alg="HS256")
        after.succeed(before)
        self.now(before.logout_token(self.logout(**typed)))
        self.refused(after.logout_token(self.logout(__header={"kid": "RS256"})), InvalidToken)
        self.now(after.logout_token(self.logout(__header={"kid": "RS256", "typ": "logout+jwt"})))

    def test_alg_that_was_not_configured(self) -> None:
        """
        Nor does what was learnt when none was configured count once one has been configured and is not any more.
        """
        self.publish(*ALGORITHMS)
        learnt = self.token(__alg="ES256", __header={"kid": "ES256"})
        self.now(self.provider.id_token(learnt, nonce="n", access_token=None))
        for configured in ("RS256", None):
            before, self.provider = self.provider, self.relying_party(id_token_signed_response_alg=configured)
            self.provider.succeed(before)
            self.now(self.read(__header={"kid": "RS256"}))
            self.refused(self.read(__alg="ES256", __header={"kid": "ES256"}), InvalidToken)
