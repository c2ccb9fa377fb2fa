"""
An OP that hands out wrong ID Tokens signs nobody in, and one that hands out unusual ones signs people in.
"""

from __future__ import annotations

from collections.abc import Iterable

from pomerium_tx.demo.messages import Fault
from pomerium_tx.sessions.session import Session
from tests.conformance import adversarial_answers as answers
from tests.conformance import adversarial_claims as claims
from tests.conformance import adversarial_tokens as tokens
from tests.conformance.adversarial_provider import GONE, PAGE, AdversarialTestCase, Make, changed
from tests.conformance.case import fields_of
from tests.doubles import keys
from tests.scenarios.browser import Browser
from tests.scenarios.world import CLIENT_SECRET


class WrongTestCase(AdversarialTestCase):
    """
    Runs a table of ID Tokens that must be refused.
    """

    def refuse(self, cases: Iterable[tuple[str, Make]]) -> None:
        """
        Every one of them is refused without consequence.
        """
        self.each(cases, lambda make: self.assert_refused(*self.by_id_token(make)))


class WrongFormTests(WrongTestCase):
    """
    Tokens that are wrong whatever they say.
    """

    def test_control(self) -> None:
        """
        The token that all wrong ones are made from is right.
        """
        self.watch()
        _, answer = self.by_id_token(lambda mint: mint.token())
        self.assert_accepted(answer)

    def test_signatures(self) -> None:
        """
        A signature must be that of the key that the token names, over this very token.
        """
        self.refuse(tokens.signatures())

    def test_algorithms(self) -> None:
        """
        The token chooses no algorithm that was not agreed on, and none that its key is not for.
        """
        self.refuse(tokens.algorithms())

    def test_headers(self) -> None:
        """
        The header brings in no key, no type and no reading of its own.
        """
        self.refuse(tokens.headers())

    def test_shapes(self) -> None:
        """
        Only the compact form counts, in its one spelling.
        """
        self.refuse(tokens.shapes())

    def test_other_tokens(self) -> None:
        """
        What the OP signs for other purposes is no ID Token.
        """
        self.refuse(tokens.other_tokens())


class WrongClaimsTests(WrongTestCase):
    """
    Tokens that are the OP's, and say something wrong.
    """

    def test_issuers_and_audiences(self) -> None:
        """
        A token is of this very issuer, for this very client, and issued to it.
        """
        self.refuse(claims.issuers_and_audiences())

    def test_times(self) -> None:
        """
        A token is of now.
        """
        self.refuse(claims.times())

    def test_subjects(self) -> None:
        """
        A token is about one person, of whom UserInfo speaks as well.
        """
        self.refuse(claims.subjects())

    def test_malformed_subjects(self) -> None:
        """
        What is no ``sub`` is nobody's, even if UserInfo says the same.
        """

        def check(sub: object) -> None:
            with self.misbehaving("userinfo", lambda document: changed(document, {"sub": sub})):
                browser, answer = self.by_id_token(lambda mint: mint.token({"sub": sub}))
            self.assert_refused(browser, answer)

        self.each([(repr(sub)[:40], sub) for sub in claims.MALFORMED_SUBS], check)

    def test_bindings(self) -> None:
        """
        A token answers this very request and came with this very access token.
        """
        self.refuse(claims.bindings())

    def test_payloads(self) -> None:
        """
        Claims can be read in one way only.
        """
        self.refuse(claims.payloads())


class UnusualTests(AdversarialTestCase):
    """
    Tokens that real OPs hand out.
    """

    def test_unusual(self) -> None:
        """
        They sign the person in.
        """
        self.each(claims.unusual(), lambda make: self.assert_accepted(self.by_id_token(make)[1]))


class RefreshTests(AdversarialTestCase):
    """
    What an OP answers when a session is refreshed, which is ten minutes after it began.
    """

    def begin(self) -> Session:
        """
        A session of Alice, whose OP keeps refresh tokens good.
        """
        self.anew()
        ledger = self.provider.ledger
        ledger.rotate = lambda refresh_token, **_: ledger._refresh_tokens[refresh_token].grant  # type: ignore[method-assign]
        self.browser_of_alice = self.visitor()
        self.assert_accepted(self.browser_of_alice.get(PAGE))
        self.first_nonce = str(self._claims["nonce"])
        [session] = self.house.registry.sessions()
        return session

    def refreshed(self, make: Make, session: Session) -> Session:
        """
        That session after its refresh was answered with this token, whereupon its owner makes a request.
        """
        self.watch()
        self._make = make
        self.advance(545.0, step=109.0)
        self.advance(12.0, step=4.0)
        self._make = None
        self.assertGreaterEqual(len(self.provider.refreshes), 1)
        self.assertEqual(self.browser_of_alice.get(PAGE).status, 200)
        self.assertEqual(self.assertion_claims(self.app.take())["sub"], session.sub)
        self.assert_nothing_broken()
        [now] = self.house.registry.sessions()
        return now

    def check_refused(self, make: Make) -> None:
        """
        The session stays as it was, and is refreshed once the OP answers as it should.
        """
        before = self.begin()
        after = self.refreshed(make, before)
        self.assertEqual(after, before)
        self.assertEqual(self.receipts(), [])
        self.advance(90.0, step=15.0)
        [later] = self.house.registry.sessions()
        self.assertEqual((later.id, later.sub), (before.id, before.sub))
        self.assertNotEqual(later.tokens.access_token, before.tokens.access_token)

    def check_taken(self, make: Make) -> None:
        """
        The session has the new tokens.
        """
        before = self.begin()
        after = self.refreshed(make, before)
        self.assertEqual((after.id, after.sub, after.claims["email"]), (before.id, before.sub, before.claims["email"]))
        self.assertNotEqual(after.tokens.access_token, before.tokens.access_token)
        self.assertTrue(after.tokens.id_token)
        self.assertTrue(set(before.sids) <= set(after.sids))

    def test_wrong(self) -> None:
        """
        A wrong ID Token changes nothing of a session, whose owner stays.
        """
        self.each(claims.refreshed(), self.check_refused)

    def test_unusual(self) -> None:
        """
        What real OPs answer is taken; a new sid is one more.
        """
        self.each(claims.unusually_refreshed(), self.check_taken)

    def test_nonce(self) -> None:
        """
        A refreshed ID Token may have the nonce of the sign-in (Core 12.2).
        """
        self.check_taken(lambda mint: mint.token({"nonce": self.first_nonce}))

    def test_token_endpoint(self) -> None:
        """
        Only ``invalid_grant`` ends a session; whatever else is answered is tried again.
        """

        def check(wrong: answers.Wrong) -> None:
            before = self.begin()
            with self.misbehaving("token", wrong):
                after = self.refreshed(lambda mint: mint.token(), before)
            self.assertEqual(after, before)
            self.assertEqual(self.receipts(), [])

        some = dict(answers.token_answers())
        names = (
            "status 503",
            "status 404",
            "body: HTML",
            "status 302 to elsewhere",
            "token_type: 'mac'",
            "400 in HTML",
        )
        more = ("401 with error 'invalid_client'", "400 with error 'invalid_request'", "400 with error ''", "gzip bomb")
        self.each([(name, some[name]) for name in (*names, *more)], check)
        before = self.begin()
        fault = Fault(status=400, body=b'{"error":"invalid_grant"}', content_type="application/json")
        with self.misbehaving("token", fault):
            self.advance(545.0, step=109.0)
            self.advance(12.0, step=4.0)
        self.assertIsNone(self.house.registry.known(before.id))
        self.assertEqual([receipt["cause"] for receipt in self.receipts()], ["refresh_refused"])

    def test_userinfo(self) -> None:
        """
        What UserInfo says of somebody else, or not at all, changes nothing of a session.
        """

        def check(wrong: answers.Wrong) -> None:
            before = self.begin()
            with self.misbehaving("userinfo", wrong):
                after = self.refreshed(lambda mint: mint.token(), before)
            self.assertEqual((after.id, after.sub, after.claims), (before.id, before.sub, before.claims))

        some = dict(answers.userinfo_answers())
        names = ("sub: '248289761002'", "sub: missing", "status 503", "body: HTML", "in a list", "body: a name twice")
        self.each([(name, some[name]) for name in names], check)


class MaxAgeTests(WrongTestCase):
    """
    Where ``max_age`` is asked for.
    """

    settings = {"idp_request_params": {"max_age": "3600"}}

    def test_auth_time(self) -> None:
        """
        Whoever has authenticated longer ago, or nobody knows when, is not signed in.
        """
        self.refuse(claims.too_long_ago())
        self.each(claims.recently(), lambda make: self.assert_accepted(self.by_id_token(make)[1]))


class AgreedSecretTests(WrongTestCase):
    """
    Where HS256 was agreed on.
    """

    settings = {"id_token_signed_response_alg": "HS256"}

    def assert_signs_in(self, browser: Browser, person: str = "alice") -> None:
        self.watch()
        by_secret = dict(claims.by_the_secret())["HS256, kid missing"]
        self.assert_accepted(self.by_id_token(by_secret, browser)[1], person)

    def test_secret(self) -> None:
        """
        Nothing but the client secret signs a token.
        """
        self.refuse(claims.not_by_the_secret())
        self.each(claims.by_the_secret(), lambda make: self.assert_accepted(self.by_id_token(make)[1]))


class AgreedCurveTests(WrongTestCase):
    """
    Where ES256 was agreed on, although the OP signs by others too.
    """

    algorithms = ("ES256", "RS256", "EdDSA")
    settings = {"id_token_signed_response_alg": "ES256"}

    def test_others(self) -> None:
        """
        A right signature by another key of the OP is refused.
        """
        self.refuse(
            [
                ("RS256", lambda mint: mint.token(key=keys.private_key("RS256", "second"), header={"kid": "second"})),
                ("RS256, no kid", lambda mint: mint.token(header={"kid": GONE})),
                ("EdDSA", lambda mint: mint.token({"at_hash": GONE}, "EdDSA", header={"kid": "edwards"})),
                ("HS256", lambda mint: mint.token(alg="HS256", key=CLIENT_SECRET.encode(), header={"kid": GONE})),
            ]
        )
        self.each(
            [("ES256", lambda mint: mint.token(alg="ES256"))],
            lambda make: self.assert_accepted(self.by_id_token(make)[1]),
        )


class KnockingTests(AdversarialTestCase):
    """
    Many wrong tokens at once.
    """

    def test_unknown_keys(self) -> None:
        """
        However many tokens name keys that nobody knows, the OP is asked for its keys twice at most.
        """
        for number in range(50):
            self.by_id_token(lambda mint, number=number: mint.token(header={"kid": f"unknown-{number}"}))
        self.assertLessEqual(len(self.provider.received_at("jwks")), 2)

    def test_nonce_of_another_login(self) -> None:
        """
        The ID Token of another sign-in, even of the same browser, is refused; so is one of a session that was.
        """
        self.watch()
        browser = self.visitor()
        seen: list[str] = []
        self.by_id_token(lambda mint: seen.append(mint.token()) or seen[0], browser)
        self.watch()
        fresh = self.visitor()
        self.assert_refused(*self.by_id_token(lambda _: seen[0], fresh))

    def test_own_assertion(self) -> None:
        """
        What applications are told of a person signs nobody in.
        """
        self.watch()
        self.visitor().get(PAGE)
        [assertion] = fields_of(self.app.take())["x-pomerium-jwt-assertion"]
        self.watch()
        self.assert_refused(*self.by_id_token(lambda _: assertion))
