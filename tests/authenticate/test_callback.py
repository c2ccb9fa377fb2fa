"""
Tests for `pomerium_tx.authenticate.callback`: the Authentication Response.
"""

from __future__ import annotations

from urllib.parse import urlencode

from twisted.internet.defer import Deferred

from pomerium_tx.demo.messages import Fault
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.sessions.store import Cause
from tests.authenticate.cases import CallbackCase, without
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_OWN_PAGE, R2, A, R, World, query_of

CALLBACK = A + "/oauth2/callback"
HOSTILE = [
    ("two states", lambda params: [*params, ("state", "x")]),
    ("two codes", lambda params: [*params, ("code", "x")]),
    ("two issuers", lambda params: [*params, ("iss", "https://op.example.com")]),
    ("no state", lambda params: [pair for pair in params if pair[0] != "state"]),
    ("no code", lambda params: [pair for pair in params if pair[0] != "code"]),
    ("empty code", lambda params: [(name, "" if name == "code" else value) for name, value in params]),
    ("no issuer", lambda params: [pair for pair in params if pair[0] != "iss"]),
    ("another issuer", lambda params: [(n, "https://evil.example" if n == "iss" else v) for n, v in params]),
    ("garbage state", lambda params: [(name, "garbage" if name == "state" else value) for name, value in params]),
    ("changed state", lambda params: [(n, "A" + v[1:] if n == "state" else v) for n, v in params]),
    ("long code", lambda params: [(name, "x" * 100_000 if name == "code" else value) for name, value in params]),
    ("nothing", lambda params: []),
]


class CallbackTests(CallbackCase):
    """
    ``/oauth2/callback``.
    """

    def test_success(self) -> None:
        """
        The authenticate cookie, and 302 to a freshly signed sign_in.
        """
        answer = self.alice.get(self.response())
        location = answer.header("location") or ""
        self.assertEqual(answer.status, 302)
        self.assertTrue(location.startswith(A + "/.pomerium/sign_in?"))
        self.world.url_signer.verify(location, self.world.clock.seconds())
        self.assertIsNotNone(self.alice.session(A))

    def test_taking_time(self) -> None:
        """
        The way back is open for a person who took nearly five minutes, whatever the first link's age was.
        """
        location = self.alice.open(R + "/").header("location") or ""
        self.world.clock.advance(299.0)
        landed = self.alice.follow(self.alice.get(self.alice.at_provider(location)))
        self.assertEqual(landed.header("location"), R + "/")

    def test_session_record(self) -> None:
        """
        The session keeps whose it is, as the OP says, and where it came from.
        """
        session = self.alice.sign_in()
        self.assertEqual(session.iss, "https://op.example.com")
        self.assertEqual(session.sids, (self.alice.at_op["https://op.example.com"].sid,))
        self.assertEqual((session.name, session.address), ("Alice Liddell", "192.0.2.1"))
        self.assertEqual(session.claims["groups"], ("engineering", "staff"))
        self.assertEqual(session.expires - session.began, 14 * 3600.0)
        self.assertEqual(len(session.id), 43)

    def test_by_post(self) -> None:
        """
        A response by form is taken as well, and answered with 303.
        """
        params = query_of(self.response())
        answer = self.alice.post(CALLBACK, params, FROM_OWN_PAGE)
        self.assertEqual(answer.status, 303)
        self.assertIsNotNone(self.alice.session(A))

    def test_hostile_responses(self) -> None:
        """
        Whatever is not the one answer to the request is 400, before any token request.
        """
        for title, change in HOSTILE:
            with self.subTest(title):
                params = list(query_of(self.response()).items())
                answer = self.alice.get(f"{CALLBACK}?{urlencode(change(params))}")
                self.assert_not_signed_in(answer, 400)
        self.assertEqual(self.world.op.code_exchanges, [])

    def test_another_browser(self) -> None:
        """
        A response in a browser that did not begin is 400, with a link to what was wanted, and uses nothing up.
        """
        response = self.response()
        mallory = UserAgent(self.world, "bob")
        for first in (False, True):
            if first:
                mallory.open(R + "/")
            answer = mallory.get(response)
            self.assert_not_signed_in(answer, 400)
            self.assertIn(f'href="{R}/wanted"', answer.text)
        self.assertEqual(self.alice.get(response).status, 302)

    def test_quicker_tab(self) -> None:
        """
        Two tabs that began before either had a cookie: the one whose secret is lost goes on once the other has signed
        in, and begins nothing, whoever began it.
        """
        lost = self.response(R + "/first")
        self.alice.jar["authenticate.example.com"].clear()
        self.alice.get(self.response(R + "/second"))
        exchanges, session = len(self.world.op.code_exchanges), self.alice.session(A)
        theirs = self.response(R + "/theirs", alice=UserAgent(self.world, "bob"))
        for response, wanted in ((lost, "/first"), (theirs, "/theirs")):
            answer = self.alice.get(response)
            self.assertEqual((answer.status, answer.header("location")), (302, R + wanted))
            self.assertFalse([one for one in answer.headers("set-cookie") if "_authenticate=" in one])
        self.assertEqual(self.alice.session(A), session)
        self.assertEqual((len(self.world.op.code_exchanges), self.world.registry.count), (exchanges, 1))

    def test_too_old(self) -> None:
        """
        A state older than five minutes is 400 with a link to what was wanted.
        """
        response = self.response()
        self.world.clock.advance(301.0)
        answer = self.alice.get(response)
        self.assert_not_signed_in(answer, 400)
        self.assertIn(f'href="{R}/wanted"', answer.text)

    def test_once(self) -> None:
        """
        A state is good for one response, whatever became of the first.
        """
        for fault in (None, Fault(status=500)):
            with self.subTest(fault=fault):
                alice = UserAgent(self.world)
                response = self.response(alice=alice)
                if fault is not None:
                    self.world.op.faults["token"] = fault
                alice.get(response)
                exchanges = len(self.world.op.code_exchanges)
                self.world.op.faults.clear()
                self.assertEqual(alice.get(response).status, 400)
                self.assertEqual(len(self.world.op.code_exchanges), exchanges)

    def test_without_pkce(self) -> None:
        """
        Browser, age and single use of the state are checked where no PKCE cookie would show them, too.
        """
        self.world.op.alterations["discovery"] = without("code_challenge_methods_supported")
        response = self.response()
        mallory = UserAgent(self.world, "bob")
        self.assert_not_signed_in(mallory.get(response), 400)
        mallory.open(R + "/")
        self.assert_not_signed_in(mallory.get(response), 400)
        self.world.clock.advance(301.0)
        self.assert_not_signed_in(self.alice.get(response), 400)
        self.assertEqual(self.world.op.code_exchanges, [])
        response = self.response()
        self.assertEqual(self.alice.get(response).status, 302)
        exchanges = len(self.world.op.code_exchanges)
        self.assertEqual(self.alice.get(response).status, 400)
        self.assertEqual(len(self.world.op.code_exchanges), exchanges)

    def test_pkce(self) -> None:
        """
        With S256 advertised a challenge is sent and its verifier at the token request; the cookie goes to the callback
        only, and is gone afterwards.
        """
        started = self.alice.open(R + "/")
        [field] = [one for one in started.headers("set-cookie") if "_pkce_" in one]
        for attribute in ("Path=/oauth2/callback", "Max-Age=300", "Secure", "HttpOnly"):
            self.assertIn(attribute, field.split("; "))
        location = started.header("location") or ""
        self.assertEqual(query_of(location)["code_challenge_method"], "S256")
        answer = self.alice.get(self.alice.at_provider(location))
        self.assertEqual(len(self.world.op.code_exchanges[0].parameter("code_verifier") or ""), 43)
        self.assertTrue([one for one in answer.headers("set-cookie") if "_pkce_" in one and "Max-Age=0" in one])

    def test_no_pkce(self) -> None:
        """
        Without S256 advertised there is neither, and state and nonce still protect the sign-in.
        """
        self.world.op.alterations["discovery"] = without("code_challenge_methods_supported")
        location = self.alice.open(R + "/").header("location") or ""
        self.assertNotIn("code_challenge", query_of(location))
        self.assertEqual(self.alice.get(self.alice.at_provider(location)).status, 302)
        self.assertIsNone(self.world.op.code_exchanges[0].parameter("code_verifier"))

    def test_lost_verifier(self) -> None:
        """
        Without the verifier's cookie, or with a damaged one, the response is 400 and no token is asked for.
        """
        for value in (None, "damaged"):
            with self.subTest(value=value):
                response = self.response()
                jar = self.alice.jar["authenticate.example.com"]
                [name] = [key for key in jar if "_pkce_" in key[0]]
                if value is None:
                    del jar[name]
                else:
                    jar[name] = value
                self.assert_not_signed_in(self.alice.get(response), 400)
                jar.pop(name, None)
        self.assertEqual(self.world.op.code_exchanges, [])

    def test_oid(self) -> None:
        """
        A claim `oid` is the user's id; the raw `sub` is kept beside it, and a claim `jti` never names the session.
        """
        self.world.op.alterations["id_token"] = lambda claims: {**claims, "oid": "the-oid", "jti": "the-jti"}
        session = self.alice.sign_in()
        self.assertEqual((session.user_id, session.sub), ("the-oid", "248289761001"))
        self.assertNotEqual(session.id, "the-jti")

    def test_signed_out_meanwhile(self) -> None:
        """
        A sign-out that comes while a sign-in is under way wins: no session, a page that says so, tokens given back.
        """
        session = self.alice.sign_in()
        other_tab = UserAgent(self.world)
        other_tab.jar, other_tab.at_op = self.alice.jar, self.alice.at_op
        self.alice.jar["authenticate.example.com"].pop(("_pomerium_authenticate", "/"))
        response = self.response()
        self.world.clock.advance(1.0)
        ending = self.world.ending.sign_out([session.id], cause=Cause.USER_ROUTE, target=None)
        self.successResultOf(Deferred.fromCoroutine(ending))
        answer = self.alice.get(response)
        self.assert_not_signed_in(answer, 401)
        self.assertIn("You were signed out while signing in", answer.text)
        self.assertIn(f'href="{R}/wanted"', answer.text)
        self.world.clock.advance(1.0)
        self.assertEqual(len(self.world.op.revocations), 2)

    def test_a_browser_is_one_person(self) -> None:
        """
        A sign-in that completes ends the browser's earlier session, and leaves none of its handles usable.
        """
        first = self.alice.sign_in(R + "/")
        self.alice.jar["authenticate.example.com"].pop(("_pomerium_authenticate", "/"))
        self.alice.person = "bob"
        self.alice.at_op.clear()
        second = self.alice.sign_in(R2 + "/")
        self.assertEqual((second.email, second.browser), ("bob@example.com", first.browser))
        self.assertIsNone(self.world.registry.find(first.id))
        self.assertEqual([one.cause for one in self.world.receipts], [Cause.REPLACED])

    def test_own_cookie_of_another_browser_id(self) -> None:
        """
        The session in the authenticate cookie ends too, although the browser has another id by now.
        """
        first = self.alice.sign_in(R + "/")
        response = self.response(R2 + "/", alice=(fresh := UserAgent(self.world)))
        key = ("_pomerium_authenticate", "/")
        fresh.jar["authenticate.example.com"][key] = self.alice.jar["authenticate.example.com"][key]
        fresh.get(response)
        self.assertIsNone(self.world.registry.find(first.id))

    def test_parallel_tabs(self) -> None:
        """
        Tabs that sign in at the same time all end up signed in.
        """
        self.alice.open(R + "/first")
        responses = [self.response(f"{R}/{number}") for number in range(3)]
        landed = [self.alice.follow(self.alice.get(response)) for response in responses]
        self.assertEqual([one.header("location") for one in landed], [f"{R}/{number}" for number in range(3)])
        self.assertIsNotNone(self.alice.session(R))
        self.assertEqual(self.world.registry.count, 1)

    def test_request(self) -> None:
        """
        The Authentication Request has what the OP needs, a fresh nonce and state each time.
        """
        one, other = (query_of(self.alice.open(R + "/").header("location") or "") for _ in range(2))
        self.assertEqual(
            (one["client_id"], one["redirect_uri"], one["response_type"], one["scope"]),
            ("rp1", CALLBACK, "code", "openid profile email offline_access"),
        )
        self.assertNotIn("prompt", one)
        for name in ("nonce", "state", "code_challenge"):
            self.assertNotEqual(one[name], other[name])

    def test_csrf_cookie(self) -> None:
        """
        HttpOnly, Secure, for the whole host and twelve hours; the same secret at a second attempt.
        """
        values = []
        for _ in range(2):
            [field] = [
                one for one in self.alice.open(R + "/").headers("set-cookie") if one.startswith("_pomerium_csrf=")
            ]
            values.append(field.split("; ")[0])
            for attribute in ("HttpOnly", "Secure", "Path=/", "Max-Age=43200"):
                self.assertIn(attribute, field.split("; "))
        self.assertEqual(*values)

    def test_cookie_options(self) -> None:
        """
        The authenticate cookie follows the options, and is always Secure.
        """
        world = World(cookie=CookieSettings(domain="example.com", http_only=False, same_site="lax", lifetime=60.0))
        self.addCleanup(world.stop)
        alice = UserAgent(world)
        answer = alice.get(self.response(alice=alice))
        [field] = [one for one in answer.headers("set-cookie") if one.startswith("_pomerium_authenticate=")]
        self.assertEqual(
            field.split("; ")[1:],
            ["Path=/", "Domain=example.com", "Expires=Tue, 14 Nov 2023 22:14:20 GMT", "Secure", "SameSite=Lax"],
        )
