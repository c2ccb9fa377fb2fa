"""
An OP whose other answers are wrong signs nobody in either: redirects, tokens, UserInfo.
"""

from __future__ import annotations

from pomerium_tx.demo.messages import Fault
from tests.conformance import adversarial_answers as answers
from tests.conformance import adversarial_callbacks as callbacks
from tests.conformance.adversarial_provider import PAGE, SILENT, AdversarialTestCase
from tests.conformance.case import CALLBACK, query_of, with_query
from tests.scenarios.browser import Browser

REFUSED = "You are not signed in"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class AuthenticationResponseTests(AdversarialTestCase):
    """
    What comes back to the callback.
    """

    def refuse(self, browser: Browser, url: str, status: int = 400, title: str = REFUSED) -> None:
        """
        What comes back is refused.
        """
        self.assert_refused(browser, browser.get(url), status=status, title=title)

    def test_wrong(self) -> None:
        """
        What is no response to this browser's request is refused, and the OP is not asked for tokens.
        """

        def check(change: callbacks.Change) -> None:
            browser = self.visitor()
            url = change(self.to_callback(browser))
            answer = browser.get(url, site="cross-site")
            self.assertEqual(self.provider.received_at("token"), [])
            self.assertNotIn("<script>alert", answer.text)
            self.assertNotIn("javascript:", answer.text)
            self.assert_refused(browser, answer, status=400, title=REFUSED)

        self.each(callbacks.wrong(), check)

    def test_unusual(self) -> None:
        """
        What is one counts, whatever else is in it.
        """

        def check(change: callbacks.Change) -> None:
            browser = self.visitor()
            self.assert_accepted(browser.get(change(self.to_callback(browser)), site="cross-site"))

        self.each(callbacks.unusual(), check)

    def test_denied(self) -> None:
        """
        A refusal by the OP is told as one.
        """
        for error in ("access_denied", "unauthorized_client"):
            self.watch()
            browser = self.visitor()
            self.refuse(browser, with_query(self.to_callback(browser), code=None, error=error), 401)

    def test_of_another_browser(self) -> None:
        """
        A response to somebody else's request signs nobody in: login CSRF.
        """
        self.watch()
        mallory, alice = self.visitor("bob"), self.visitor()
        stolen = self.to_callback(mallory)
        self.refuse(alice, stolen)
        self.watch()
        url = self.to_callback(self.visitor("bob"))
        beginner = self.visitor()
        self.to_callback(beginner)
        self.refuse(beginner, url)

    def test_code_of_another(self) -> None:
        """
        The code of somebody else's request is of no use with one's own state: by PKCE, and without it by the nonce.
        """
        self.watch()
        alice, bob = self.visitor(), self.visitor("bob")
        code = query_of(self.to_callback(bob))["code"]
        self.refuse(alice, with_query(self.to_callback(alice), code=code))
        self.anew()
        no_pkce = lambda document: {**document, "code_challenge_methods_supported": []}  # noqa: E731
        with self.misbehaving("discovery", no_pkce):
            alice, bob = self.visitor(), self.visitor("bob")
            code = query_of(self.to_callback(bob))["code"]
            self.refuse(alice, with_query(self.to_callback(alice), code=code), 502, SILENT)

    def test_once(self) -> None:
        """
        A response counts once, whether it was of use or not.
        """
        self.watch()
        browser = self.visitor()
        url = self.to_callback(browser)
        with self.misbehaving("token", Fault(status=503)):
            self.assertEqual(browser.get(url).status, 502)
        self.refuse(browser, url)
        self.watch()
        browser = self.visitor()
        url = self.to_callback(browser)
        self.assert_accepted(browser.get(url))
        self.watch()
        again = browser.get(url)
        self.assertEqual(again.status, 400)
        self.assertEqual(self.provider.received_at("token"), [])
        self.assertEqual({session.id for session in self.house.registry.sessions()}, self._live)

    def test_late(self) -> None:
        """
        A response that took longer than five minutes is too late.
        """
        self.watch()
        browser = self.visitor()
        url = self.to_callback(browser)
        self.advance(301, step=43)
        self.refuse(browser, url)

    def test_methods(self) -> None:
        """
        The callback is read by GET and POST, and nothing else; a POST counts by its form.
        """
        self.watch()
        browser = self.visitor()
        url = self.to_callback(browser)
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"):
            self.assertIn(browser.once(method, url).status, (400, 405, 501))
        for fields, content in (({}, b""), (FORM, b""), ({"Content-Type": "application/json"}, b'{"code":"x"}')):
            self.assertIn(browser.once("POST", url, fields, content).status, (400, 415))
        self.assert_refused(browser, browser.get(url + "x"), status=400, title=REFUSED)

    def test_too_long(self) -> None:
        """
        A response too long to be read is answered as any such request; a form is read, and its code refused.
        """
        for size in (8_192, 20_000, 1 << 20):
            self.watch()
            browser = self.visitor()
            answer = browser.get(with_query(self.to_callback(browser), code="x" * size))
            self.assertEqual(answer.status, 414)
            self.assertEqual(self.provider.received_at("token"), [])
            self.assert_signs_in(browser)
        self.watch()
        browser = self.visitor()
        form = query_of(self.to_callback(browser)) | {"code": "x" * 16_385}
        self.assert_refused(browser, browser.post(CALLBACK, form), status=400, title=REFUSED)

    def test_another_person(self) -> None:
        """
        A browser is one person: whoever signs in takes the place of who was signed in, in a session of their own.
        """
        self.watch()
        browser = self.visitor()
        of_alice = self.to_callback(browser)
        self.become(browser, "bob")
        of_bob = self.to_callback(browser)
        self.assert_accepted(browser.get(of_alice))
        before = {session.id for session in self.house.registry.sessions()}
        self.watch()
        self.assert_accepted(browser.get(of_bob), "bob")
        [session] = self.house.registry.sessions()
        self.assertNotIn(session.id, before)
        self.assertEqual([receipt["cause"] for receipt in self.receipts()], ["replaced"])

    def test_silent_refusal(self) -> None:
        """
        What an OP answers to prompt=none when it cannot is one page, not a loop.
        """
        for error in ("login_required", "interaction_required", "consent_required", "invalid_request"):
            self.watch()
            browser = self.visitor()
            location = with_query(CALLBACK, error=error, iss=self.provider.issuer)
            seen: list[str] = []

            def refuse(received: object, location: str = location, seen: list[str] = seen) -> Fault:
                seen.append("asked")
                state = next(v for n, v in received.parameters if n == "state")  # type: ignore[attr-defined]
                return Fault(status=303, headers=(("Location", with_query(location, state=state)),))

            self.provider.faults["authorization"] = refuse
            answer = browser.get(PAGE)
            del self.provider.faults["authorization"]
            self.assertEqual(seen, ["asked"])
            self.assert_refused(browser, answer, status=400, title=REFUSED)


class EndpointTestCase(AdversarialTestCase):
    """
    One endpoint that is asked during a sign-in.
    """

    endpoint: str

    def refused(self, wrong: answers.Wrong) -> None:
        """
        Nobody is signed in by its answer.
        """
        browser = self.visitor()
        with self.misbehaving(self.endpoint, wrong):
            answer = browser.get(PAGE)
        self.assertNotIn("<script>alert", answer.text)
        self.assert_refused(browser, answer)

    def unreachable(self) -> None:
        """
        Nobody is signed in if it cannot be reached, for whatever reason.
        """
        for reason in answers.UNREACHABLE:
            self.watch()
            browser = self.visitor()
            with self.cut_off(f"/{self.endpoint}", reason):
                answer = browser.get(PAGE)
            self.assert_refused(browser, answer)

    def accepted(self, unusual: answers.Wrong) -> None:
        """
        Its answer signs the person in.
        """
        with self.misbehaving(self.endpoint, unusual):
            self.assert_accepted(self.visitor().get(PAGE))

    def refused_in_time(self) -> None:
        """
        No answer at all costs less than five seconds.
        """
        self.watch()
        browser = self.visitor()
        with self.misbehaving(self.endpoint, Fault(silent=True)):
            answer = self.slowly(browser, self.to_callback(browser), 5.0)
        self.assert_refused(browser, answer)


class TokenEndpointTests(EndpointTestCase):
    """
    What a code is exchanged for.
    """

    endpoint = "token"

    def test_wrong(self) -> None:
        """
        Whatever is no token response is refused.
        """
        self.each(answers.token_answers(), self.refused)

    def test_invalid_grant(self) -> None:
        """
        A code that the OP does not accept any more is told as that.
        """
        for status in (400, 401):
            self.watch()
            browser = self.visitor()
            fault = Fault(status=status, body=b'{"error":"invalid_grant"}', content_type="application/json")
            with self.misbehaving("token", fault):
                answer = browser.get(PAGE)
            self.assert_refused(browser, answer, status=400, title=REFUSED)

    def test_unusual(self) -> None:
        """
        What real OPs answer is taken.
        """
        self.each(answers.unusual_token_answers(), self.accepted)

    def test_unreachable(self) -> None:
        """
        The OP may be out of reach just then.
        """
        self.unreachable()

    def test_slow(self) -> None:
        """
        An OP that never answers costs ten seconds, and no more.
        """
        self.refused_in_time()

    def test_secret(self) -> None:
        """
        The client secret is sent to the token endpoint, and never in a URL.
        """
        self.watch()
        self.assert_accepted(self.visitor().get(PAGE))
        for request in self.provider.requests:
            self.assertNotIn("secret", request.query)
        [exchange] = self.provider.code_exchanges
        self.assertEqual(exchange.parameter("redirect_uri"), CALLBACK)
        self.assertIsNotNone(exchange.parameter("code_verifier"))


class UserInfoTests(EndpointTestCase):
    """
    What the UserInfo Endpoint says.
    """

    endpoint = "userinfo"

    def test_wrong(self) -> None:
        """
        Without what UserInfo says of the same person nobody is signed in.
        """
        self.each(answers.userinfo_answers(), self.refused)

    def test_signed(self) -> None:
        """
        A signed response is verified as tokens are, and says whose it is and for whom.
        """
        self.each(answers.signed_userinfo(self.signer.kid), self.refused)

    def test_unusual(self) -> None:
        """
        What real OPs answer is taken.
        """
        self.each(answers.unusual_userinfo(self.signer.kid), self.accepted)

    def test_unreachable(self) -> None:
        """
        It may be out of reach.
        """
        self.unreachable()

    def test_slow(self) -> None:
        """
        UserInfo that never comes costs ten seconds.
        """
        self.refused_in_time()
