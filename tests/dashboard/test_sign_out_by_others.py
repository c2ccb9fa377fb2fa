"""
Tests for `pomerium_tx.dashboard.sign_out`: scripts, programs, other sites, the OP.
"""

from __future__ import annotations

import json
from urllib.parse import urlencode

from twisted.internet.defer import Deferred

from tests.dashboard.cases import FRAME, IMAGE, SIGN_OUT, SignOutCase
from tests.doubles.channel import Asked
from tests.doubles.exchanges import MemoryExchange
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_ANOTHER_SITE, FROM_OWN_PAGE, NAVIGATION, R2, SCRIPT, R, World, query_of, with_query


class ScriptTests(SignOutCase):
    """
    Signing out by a script or a program.
    """

    def test_receipt(self) -> None:
        """
        A script of the application gets the receipt without the routes, and the signed URL to go to.
        """
        for method, headers in (
            ("POST", SCRIPT),
            ("GET", {**SCRIPT, "Accept": "application/json"}),
            ("GET", {**SCRIPT, "X-Requested-With": "XMLHttpRequest"}),
        ):
            with self.subTest(method=method, headers=headers):
                alice = UserAgent(self.world)
                session = alice.sign_in()
                answer = alice.get(SIGN_OUT, headers) if method == "GET" else alice.post(SIGN_OUT, {}, headers)
                self.assertEqual((answer.status, answer.header("content-type")), (200, "application/json"))
                receipt = json.loads(answer.body)
                self.assertEqual((receipt["sessions_ended"], receipt["cause"]), (1, "user_route"))
                self.assertNotIn("routes", receipt)
                self.assertEqual(set(receipt["exchanges_cut"]), {"websocket", "tunnel", "sse", "upload", "download"})
                self.world.url_signer.verify(receipt["end_session_url"], self.world.clock.seconds())
                self.assertNotIn(session.tokens.id_token, answer.text)
                self.assertTrue(answer.headers("set-cookie")[0].startswith("_pomerium=;"))

    def test_program(self) -> None:
        """
        A handle in a header, without a cookie, gets JSON; its session ends.
        """
        session = self.alice.sign_in()
        handle = self.alice.cookie(R, "_pomerium")
        for fields in ({"Authorization": f"Pomerium {handle}"}, {"X-Pomerium-Authorization": handle or ""}):
            with self.subTest(fields=fields):
                answer = UserAgent(self.world).get(SIGN_OUT, fields)
                self.assertEqual((answer.status, answer.header("content-type")), (200, "application/json"))
        self.assertIsNone(self.world.registry.find(session.id))

    def test_in_doubt(self) -> None:
        """
        The script learns which of its own host's requests are in doubt; of all others, on whatever host, one sum.
        """
        session = self.alice.sign_in()
        for route_id, origin in (("a", R), ("b", R), ("c", R2), ("d", R2)):
            using = self.world.registry.use_route(session.id, route_id, origin)
            self.successResultOf(Deferred.fromCoroutine(using))
        for route_id in ("a", "b", "c", "d", "unknown"):
            exchange = MemoryExchange(route_id=route_id, method="PUT", in_doubt=True)
            self.world.registry.attach(session.id, exchange)
        receipt = json.loads(self.alice.post(SIGN_OUT, {}, SCRIPT).body)
        self.assertEqual(receipt["in_doubt"], {"PUT a": 1, "PUT b": 1, "PUT elsewhere": 3})

    def test_nothing_ended(self) -> None:
        """
        Without a session the receipt says so.
        """
        receipt = json.loads(self.alice.post(SIGN_OUT, {}, SCRIPT).body)
        self.assertEqual(receipt["sessions_ended"], 0)
        self.assertNotIn("pomerium_ended", receipt["end_session_url"])
        self.assertEqual(self.world.receipts, [])


class OthersTests(SignOutCase):
    """
    Who may not sign a user out.
    """

    def setUp(self) -> None:
        super().setUp()
        self.session = self.alice.sign_in()

    def assert_nothing_ended(self, answer: Asked) -> None:
        self.assertIsNotNone(self.world.registry.find(self.session.id))
        self.assertEqual(answer.headers("set-cookie"), [])

    def test_link_on_another_site(self) -> None:
        """
        A navigation from elsewhere is asked about on the authenticate host, with nothing ended here.
        """
        for headers in (
            FROM_ANOTHER_SITE,
            {**NAVIGATION, "Sec-Fetch-Site": "same-site"},
            {**NAVIGATION, "Sec-Fetch-Site": "nonsense"},
            {"Referer": "https://evil.example/"},
            {"Origin": "null"},
        ):
            with self.subTest(headers=headers):
                query = urlencode({"pomerium_redirect_uri": R2 + "/bye"})
                answer = self.alice.get(f"{SIGN_OUT}?{query}", headers)
                self.assert_nothing_ended(answer)
                self.assertEqual(answer.status, 302)
                location = answer.header("location") or ""
                self.assertEqual(set(query_of(location)), {"pomerium_confirm"})
                self.assertNotIn(self.session.id, location)

    def test_same_site_setting(self) -> None:
        """
        `sign_out_from_same_site: now` believes sibling hosts.
        """
        world = World(from_same_site_now=True)
        self.addCleanup(world.stop)
        alice = UserAgent(world)
        session = alice.sign_in()
        alice.get(SIGN_OUT, {**NAVIGATION, "Sec-Fetch-Site": "same-site"})
        self.assertIsNone(world.registry.find(session.id))

    def test_what_nobody_meant(self) -> None:
        """
        Images, frames, beacons, service workers and prefetches end nothing.
        """
        for headers, status in (
            (IMAGE, 403),
            ({**SCRIPT}, 403),
            ({**IMAGE, "Sec-Fetch-Site": "cross-site"}, 403),
            ({**SCRIPT, "Sec-Fetch-Site": "cross-site", "Accept": "application/json"}, 403),
            (FRAME, 200),
            ({**FROM_OWN_PAGE, "Sec-Fetch-Dest": "iframe"}, 403),
            ({**NAVIGATION, "Sec-Purpose": "prefetch;prerender"}, 503),
            ({**NAVIGATION, "Purpose": "prefetch"}, 503),
        ):
            with self.subTest(headers=headers):
                answer = self.alice.get(SIGN_OUT, headers)
                self.assertEqual(answer.status, status)
                self.assert_nothing_ended(answer)

    def test_json_client_from_elsewhere(self) -> None:
        """
        A JSON client gets 403 JSON instead of a page that asks.
        """
        answer = self.alice.get(SIGN_OUT, {**FROM_ANOTHER_SITE, "Accept": "application/json"})
        self.assertEqual((answer.status, answer.header("content-type")), (403, "application/json"))
        self.assert_nothing_ended(answer)

    def test_provider_speaks(self) -> None:
        """
        With `iss` or `sid` the cookie that came along does not count: 200, a page to be framed, nothing ended.
        """
        for query in ({"iss": "https://op.example.com", "sid": "unknown"}, {"iss": "x"}, {"sid": ""}):
            for headers in (FRAME, NAVIGATION):
                with self.subTest(query=query, headers=headers):
                    answer = self.alice.get(f"{SIGN_OUT}?{urlencode(query)}", headers)
                    self.assertEqual(answer.status, 200)
                    self.assertIsNone(answer.header("x-frame-options"))
                    self.assertNotIn("frame-ancestors", answer.header("content-security-policy") or "")
                    self.assert_nothing_ended(answer)

    def test_provider_names_somebody(self) -> None:
        """
        What the OP names ends, here without a redirect or a word to the cookie; what the cookie names does not.
        """
        bob = UserAgent(self.world, "bob")
        of_bob = bob.sign_in()
        answer = self.alice.get(with_query(SIGN_OUT, iss="https://op.example.com", sid=of_bob.sids[0]), FRAME)
        self.assertEqual((answer.status, answer.header("location"), answer.headers("set-cookie")), (200, None, []))
        self.assertIsNone(bob.session())
        self.assertIsNotNone(self.alice.session())

    def test_provider_words_in_a_form(self) -> None:
        """
        In a POST they mean nothing: it is the person's sign-out.
        """
        self.alice.post(SIGN_OUT, {"iss": "x", "sid": "y"})
        self.assertIsNone(self.world.registry.find(self.session.id))
