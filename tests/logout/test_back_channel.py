"""
Tests for `pomerium_tx.logout.back_channel`; whom a token ends is told in `tests.scenarios.test_back_channel`.
"""

from __future__ import annotations

import json

from pomerium_tx.jose.signer import Signer
from pomerium_tx.oidc.logout_token import EVENT
from tests.doubles import keys
from tests.logout.back_channel_case import PATH, BackChannelCase
from tests.logout.user_agent import UserAgent
from tests.logout.world import A, R, World
from tests.logout.wrong_tokens import Forger


class PageTests(BackChannelCase):
    """
    The page itself.
    """

    def test_every_host(self) -> None:
        """
        It is on the authenticate host and on the route hosts, and what was done at one is known at the other.
        """
        self.assert_done(self.post(self.token(), at=R))
        self.assert_done(self.post(self.token(), at=A))
        self.assertEqual(len(self.world.receipts), 1)

    def test_other_methods(self) -> None:
        """
        Only POST is answered, and the others are told so.
        """
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
            with self.subTest(method):
                answer = self.post(self.token(), method=method, path=f"{PATH}?logout_token={self.token()}")
                self.assertEqual((answer.status, answer.header("allow")), (405, "POST"))
                self.assertEqual(answer.header("cache-control"), "no-store")
                self.assertEqual(answer.header("content-type"), "application/json")
                self.assertEqual(self.world.registry.count, 1)

    def test_exactly_one_token_in_the_form(self) -> None:
        """
        A token counts in a form, once; elsewhere it does not.
        """
        token = self.token()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for name, more in {
            "none": {"form": [("token", token)]},
            "empty form": {"content": b"", "headers": form},
            "two": {"form": [("logout_token", token), ("logout_token", token)]},
            "two, the first wrong": {"form": [("logout_token", "x"), ("logout_token", token)]},
            "in the query": {"form": [("x", "y")], "path": f"{PATH}?logout_token={token}"},
            "JSON": {
                "content": json.dumps({"logout_token": token}).encode(),
                "headers": {"Content-Type": "application/json"},
            },
            "no content type": {"content": f"logout_token={token}".encode()},
            "plain": {"content": token.encode(), "headers": {"Content-Type": "application/jwt"}},
            "broken encoding": {"content": b"logout_token=%zz", "headers": form},
        }.items():
            with self.subTest(name):
                self.assert_refused(self.post(**more))  # type: ignore[arg-type] # a table

    def test_other_parameters(self) -> None:
        """
        Other parameters, a charset, a token in the query as well: all that is ignored.
        """
        form = [("a", "b"), ("logout_token", self.token()), ("c", "d")]
        self.assert_done(self.post(form=form, path=f"{PATH}?logout_token=x"))

    def test_charset(self) -> None:
        """
        The content type may carry a charset, and be in any case.
        """
        headers = {"Content-Type": "Application/X-WWW-Form-URLencoded; charset=UTF-8"}
        self.assert_done(self.post(content=f"logout_token={self.token()}".encode(), headers=headers))

    def test_too_large(self) -> None:
        """
        A body above 64 KiB is refused, a token and all.
        """
        self.assert_refused(self.post(form=[("logout_token", self.token()), ("x", "y" * 65_536)]), 413)

    def test_too_many_fields(self) -> None:
        """
        A form of more than a hundred fields is refused in the form that OPs read, whatever they say they accept.
        """
        for accept in ("text/html", "*/*", "application/json"):
            with self.subTest(accept):
                form = [("logout_token", self.token()), *[("a", "1")] * 100]
                self.assert_refused(self.post(form=form, headers={"Accept": accept}))

    def test_from_wherever(self) -> None:
        """
        What a browser's page could send along is not looked at, a session's cookie neither.
        """
        bob = UserAgent(self.world, "bob")
        bob.sign_in()
        cookies = "; ".join(f"{name}={value}" for name, value in bob.cookies(R + "/"))
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example", "Cookie": cookies}
        self.assert_done(self.post(self.token(), at=R, headers=headers), live=1)
        self.assertIsNotNone(bob.session())

    def test_already_signed_out(self) -> None:
        """
        A token about whom nobody knows is a success: they are signed out.
        """
        self.assert_done(self.post(self.token(sid="unknown", sub="unknown")), live=1)
        self.assertEqual(self.world.receipts, [])
        self.assert_done(self.post(self.token(jti="2")))
        self.assert_done(self.post(self.token(jti="3")))


class WrongTokenTests(BackChannelCase):
    """
    Tokens that are none.
    """

    def test_refused(self) -> None:
        """
        Each wrong token is answered 400 and ends nothing; the good one that it was made from still does.
        """
        others = tuple(Signer(keys.private_key(alg)) for alg in ("RS256", "EdDSA", "ES384"))
        op = self.world.op
        op.signers += others
        self.world.clock.advance(10)
        forger = Forger(
            signer=op.signers[0],
            others=others,
            good=self.claims(),
            now=self.world.clock.seconds(),
            secret=b"a client secret",
        )
        count = 0
        for name, token in forger.wrong():
            with self.subTest(name):
                forger.now = self.world.clock.seconds()
                answer = self.post(token)
                if not answer.is_done:
                    # A key that nobody knows may be a new one.
                    self.world.clock.advance(10)
                reason = self.assert_refused(answer)
                self.assertNotIn(self.session.sub, reason)
                count += 1
        self.assertGreater(count, 240)
        self.assertEqual(self.world.receipts, [])
        self.assert_done(self.post(forger.token({"exp": int(self.world.clock.seconds()) + 9})))

    def test_other_tokens(self) -> None:
        """
        What else the OP or we have signed for somebody is no logout token.
        """
        tokens = self.session.tokens
        for token in (
            tokens.id_token,
            tokens.access_token,
            tokens.refresh_token or "",
            UserAgent(self.world).cookie(R, "_pomerium") or "",
            self.world.login.begin(R + "/", [], self.world.provider.idp_id, self.world.clock.seconds())[0],
        ):
            self.assert_refused(self.post(token))

    def test_as_id_token(self) -> None:
        """
        A logout token signs nobody in.
        """
        self.world.op.alterations["id_token"] = lambda claims: {**claims, "events": {EVENT: {}}}
        bob = UserAgent(self.world, "bob")
        self.assertEqual(bob.follow(bob.open(R + "/")).status, 502)
        self.assertEqual(self.world.registry.count, 1)

    def test_missing_exp(self) -> None:
        """
        The answer to a token without exp names the setting that takes it.
        """
        claims = self.claims()
        del claims["exp"]
        reason = self.assert_refused(self.post(self.world.op.sign(claims)))
        self.assertIn("backchannel_logout_allow_missing_exp", reason)

    def test_logged(self) -> None:
        """
        Each refusal is logged with the issuer, shortened and made harmless, and why; never the token.
        """
        token = self.token(iss="https://evil.example/\r\n" + "x" * 1000)
        self.assert_refused(self.post(token))
        [event] = [event for event in self.events if event["log_namespace"].endswith("back_channel")]
        self.assertTrue(event["iss"].startswith("https://evil.example/??x"))
        self.assertLessEqual(len(event["iss"]), 100)
        self.assertIn("not configured", event["reason"])
        self.assertNotIn(token, str(event))


class TwoProvidersTests(BackChannelCase):
    """
    Each OP speaks for itself.
    """

    def setUp(self) -> None:
        super().setUp()
        self.world.stop()
        self.world = World(second_provider=True)
        self.session = UserAgent(self.world).sign_in()
        self.other = UserAgent(self.world).sign_in(idp_id=self.world.provider2.idp_id)
        self.of_other = self.claims(iss=self.world.op2.issuer, sid=self.other.sids[0], sub=self.other.sub)

    def test_keys_of_the_other(self) -> None:
        """
        A token in the name of one OP, signed by the other, is refused; the same by its own ends its own session only.
        """
        answer = self.post(self.world.op.sign(self.of_other))
        self.world.clock.advance(10)
        self.assertEqual((answer.status, self.world.registry.count), (400, 2))
        self.assertEqual(self.post(self.world.op2.sign(self.of_other)).status, 200)
        self.assertIsNotNone(self.world.registry.find(self.session.id))
        self.assertIsNone(self.world.registry.find(self.other.id))

    def test_same_jti(self) -> None:
        """
        A jti belongs to its issuer.
        """
        self.assertEqual(self.post(self.world.op2.sign(self.of_other)).status, 200)
        self.assertEqual(self.post(self.token()).status, 200)
        self.assertEqual(self.world.registry.count, 0)

    def test_removed(self) -> None:
        """
        An OP that a reload has removed says nothing any more.
        """
        del self.world.providers[self.world.provider.idp_id]
        self.assertEqual(self.post(self.token()).status, 400)
        self.assertEqual(self.world.registry.count, 2)
