"""
Tests for `pomerium_tx.authenticate.callback`: sign-ins that come to nothing.
"""

from __future__ import annotations

from urllib.parse import urlencode

from pomerium_tx.demo.messages import Fault
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.sessions.store import StoreUnavailable
from tests.authenticate.cases import CallbackCase, without
from tests.logout.user_agent import UserAgent
from tests.logout.world import A, R, World, query_of

CALLBACK = A + "/oauth2/callback"


class FailureTests(CallbackCase):
    """
    Whatever goes wrong, nobody is signed in.
    """

    def test_refused_code(self) -> None:
        """
        A code that the OP does not take is 400.
        """
        params = query_of(self.response()) | {"code": "another"}
        self.assert_not_signed_in(self.alice.get(f"{CALLBACK}?{urlencode(params)}"), 400)

    def test_refused_client(self) -> None:
        """
        A secret that the OP does not take is nothing that the person could change: 502.
        """
        self.world.op.faults["token"] = Fault(
            status=401, body=b'{"error": "invalid_client"}', content_type="application/json"
        )
        self.assert_not_signed_in(self.alice.get(self.response()), 502)

    def test_wrong_id_tokens(self) -> None:
        """
        An ID Token for another client, of another issuer, that has expired, or without our nonce signs nobody in.
        """
        for name, value in (
            ("aud", "another"),
            ("iss", "https://evil.example"),
            ("exp", 1_600_000_000),
            ("nonce", "another"),
            ("nonce", None),
            ("sub", ""),
        ):
            with self.subTest(name=name, value=value):
                change: dict[str, object] = {name: value}

                def altered(claims: dict[str, object], change: dict[str, object] = change) -> object:
                    return {key: said for key, said in {**claims, **change}.items() if said is not None}

                self.world.op.alterations["id_token"] = altered
                self.assert_not_signed_in(self.alice.get(self.response()), 502)

    def test_failing_endpoints(self) -> None:
        """
        A token, key or UserInfo endpoint that fails or lies signs nobody in.
        """
        for endpoint in ("token", "userinfo", "jwks"):
            for fault in (Fault(status=500), Fault(status=200, body=b"<html>"), Fault(status=302)):
                with self.subTest(endpoint=endpoint, fault=fault):
                    world = World()
                    self.addCleanup(world.stop)
                    alice = UserAgent(world)
                    world.op.faults[endpoint] = fault
                    answer = alice.get(self.response(alice=alice))
                    self.assertEqual(answer.status, 502)
                    self.assertEqual(world.registry.count, 0)

    def test_userinfo_of_somebody_else(self) -> None:
        """
        UserInfo about another person, or a refusal of the fresh token, signs nobody in, and the tokens are revoked.
        """
        self.world.op.alterations["userinfo"] = lambda claims: {**claims, "sub": "somebody else"}
        self.assert_not_signed_in(self.alice.get(self.response()), 502)
        self.world.op.faults["userinfo"] = Fault(status=401)
        self.assert_not_signed_in(self.alice.get(self.response()), 502)
        self.world.clock.advance(1.0)
        self.assertEqual(len(self.world.op.revocations), 4)

    def test_no_userinfo_endpoint(self) -> None:
        """
        An OP without UserInfo is taken at the ID Token's word.
        """
        self.world.op.alterations["discovery"] = without("userinfo_endpoint")
        self.assertEqual(self.alice.get(self.response()).status, 302)

    def test_store_down(self) -> None:
        """
        If the session cannot be recorded nobody is signed in, and the page says to try again.
        """
        response = self.response()
        self.world.store.break_down()
        self.assert_not_signed_in(self.alice.get(response), 503)

    def test_store_down_at_the_last_moment(self) -> None:
        """
        The same if that happens while the OP is asked.
        """
        response = self.response()
        self.world.http.is_held = True
        answer = self.alice.get(response)
        self.world.store.break_down()
        self.world.http.release()
        self.assert_not_signed_in(answer, 503)

    def test_earlier_session_cannot_be_ended(self) -> None:
        """
        If the browser's earlier session cannot be ended, nobody is given the new one.
        """
        self.alice.sign_in()
        del self.alice.jar["authenticate.example.com"]["_pomerium_authenticate", "/"]
        response = self.response()

        async def fail(*_: object) -> None:
            raise StoreUnavailable("out of order")

        self.patch(self.world.ending, "end", fail)
        answer = self.alice.get(response)
        self.assertEqual(answer.status, 503)
        self.assertFalse([one for one in answer.headers("set-cookie") if one.startswith("_pomerium_authenticate=")])

    def test_provider_down(self) -> None:
        """
        If the OP cannot be asked about itself on the way back, or is not configured any more, the page says so.
        """
        response = self.response()
        idp_id = self.world.provider.idp_id
        self.world.op.faults["discovery"] = Fault(status=500)
        self.world.providers[idp_id] = Provider(
            self.world.provider.settings, http=self.world.http, clock=self.world.clock
        )
        answer = self.alice.get(response)
        self.assert_not_signed_in(answer, 502)
        self.assertIn("does not answer", answer.text)
        del self.world.providers[idp_id]
        self.assert_not_signed_in(self.alice.get(response), 400)

    def test_error_responses(self) -> None:
        """
        A refusal by person or OP is 401, another error 400; both offer another try, and neither quotes the OP.
        """
        for error, status in (
            ("access_denied", 401),
            ("unauthorized_client", 401),
            ("server_error", 400),
            ("login_required", 400),
        ):
            with self.subTest(error=error):
                params = query_of(self.response())
                del params["code"]
                params |= {"error": error, "error_description": "<script>mallory</script>"}
                answer = self.alice.get(f"{CALLBACK}?{urlencode(params)}")
                self.assert_not_signed_in(answer, status)
                self.assertIn(f'href="{R}/wanted"', answer.text)
                self.assertNotIn("mallory", answer.text)

    def test_error_without_state(self) -> None:
        """
        The same statuses without a state that is ours.
        """
        for error, status in (("access_denied", 401), ("other", 400)):
            with self.subTest(error=error):
                self.assert_not_signed_in(self.alice.get(f"{CALLBACK}?error={error}"), status)
