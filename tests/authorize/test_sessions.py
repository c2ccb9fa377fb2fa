"""
Who asks: which session a request is for, if any.
"""

from __future__ import annotations

from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.sessions.handle import Carrier, Handles
from tests.authorize.asking import ALICE, BOB, CheckTestCase
from tests.policy.people import alice
from tests.routing.routes import a_route


class SessionTests(CheckTestCase):
    """
    Who asks.
    """

    def assert_nobody(self, verdict: Verdict, trouble: str) -> None:
        """
        The request was taken for nobody's, for that reason.
        """
        self.assert_action(verdict, Action.SIGN_IN, 302)
        self.assertIsNone(verdict.session)
        self.assertEqual(verdict.reasons, ("user-unauthenticated", trouble) if trouble else ("user-unauthenticated",))

    def test_signed_in(self) -> None:
        """
        A person with a live session goes through, by whatever carries the handle.
        """
        handle = self.handle(ALICE)
        carried: list[tuple[str, dict[str, str], Carrier]] = [
            ("app.example.com/x?y=1", {"Cookie": f"a=b; _pomerium={handle}"}, Carrier.COOKIE),
            ("app.example.com/x", {"Authorization": f"Pomerium {handle}"}, Carrier.HEADER),
            ("app.example.com/x", {"Authorization": f"Bearer Pomerium-{handle}"}, Carrier.HEADER),
            ("app.example.com/x", {"X-Pomerium-Authorization": handle}, Carrier.HEADER),
            (f"app.example.com/x?pomerium_session={handle}", {}, Carrier.QUERY),
        ]
        for url, headers, carrier in carried:
            with self.subTest(carrier=carrier, headers=list(headers)):
                verdict = self.ask(url, headers)
                self.assert_action(verdict, Action.PROCEED, 200)
                self.assertEqual(verdict.reason, "")
                self.assertIs(verdict.session, ALICE)
                self.assertEqual(verdict.live, (ALICE,))
                self.assertIs(verdict.presented.carrier, carrier)
                self.assertEqual((verdict.allow, verdict.reasons, verdict.denials), (True, ("user-ok",), ()))

    def test_nobody(self) -> None:
        """
        Without a handle there is nobody.
        """
        self.assert_nobody(self.ask("app.example.com/"), "")

    def test_ended(self) -> None:
        """
        A handle of a session that is no more is worth nothing, from that moment on.
        """
        headers = self.cookie(ALICE)
        self.assert_action(self.ask("app.example.com/", headers), Action.PROCEED, 200)
        del self.known.live[ALICE.id]
        verdict = self.ask("app.example.com/", headers)
        self.assert_nobody(verdict, "session-not-found")
        self.assertEqual(verdict.live, ())

    def test_forged(self) -> None:
        """
        A handle that we did not sign is worth nothing, and breaks nothing.
        """
        stranger = Handles(b"x" * 32, "_pomerium").mint(
            ALICE.id, user_id="alice", issuer="i", audience=("a",), idp_id="idp", now=0.0
        )
        for value in (stranger, self.handle(ALICE)[:-2], "x", "a.b.c"):
            with self.subTest(value=value):
                self.assert_nobody(self.ask("app.example.com/", {"Cookie": f"_pomerium={value}"}), "handle-invalid")

    def test_other_provider(self) -> None:
        """
        A session of another provider than the route's is no session there, but stays bound to the exchange.
        """
        other = alice(id="other", idp_id="other")
        self.known.live[other.id] = other
        for headers in (
            self.cookie(other),
            {"Cookie": f"_pomerium={self.handle(ALICE, idp_id='other')}"},
            {"Cookie": f"_pomerium={self.handle(other, idp_id='idp')}"},
        ):
            verdict = self.ask("app.example.com/", headers)
            self.assert_nobody(verdict, "session-of-other-provider")
            self.assertEqual(len(verdict.live), 1)

    def test_handle_without_provider(self) -> None:
        """
        A handle that names no provider is judged by its session's.
        """
        headers = {"Cookie": f"_pomerium={self.handle(ALICE, idp_id='')}"}
        self.assert_action(self.ask("app.example.com/", headers), Action.PROCEED, 200)
        self.make(a_route("https://app.example.com"), idp_id_of=lambda route: "another")
        self.assert_nobody(self.ask("app.example.com/", headers), "session-of-other-provider")

    def test_several(self) -> None:
        """
        Several live sessions are no session, but each of them binds the exchange.
        """
        verdict = self.ask("app.example.com/", self.cookie(ALICE, BOB))
        self.assert_nobody(verdict, "several-sessions-presented")
        self.assertEqual({session.id for session in verdict.live}, {ALICE.id, BOB.id})
        two_fields = [("Cookie", self.cookie(ALICE)["Cookie"]), ("Cookie", self.cookie(BOB)["Cookie"])]
        self.assert_nobody(self.ask("app.example.com/", two_fields), "several-sessions-presented")

    def test_one_of_each_provider(self) -> None:
        """
        Of the sessions that one browser has with several providers, the one of the route's provider counts, and
        nothing is amiss.
        """
        other = alice(id="other", idp_id="other")
        self.known.live[other.id] = other
        verdict = self.ask("app.example.com/", self.cookie(other, ALICE))
        self.assert_action(verdict, Action.PROCEED, 200)
        self.assertEqual((verdict.session, verdict.live), (ALICE, (other, ALICE)))
        self.assertEqual(verdict.reasons, ("user-ok",))

    def test_left_behind(self) -> None:
        """
        A handle of a session that is no more, left behind or planted, takes nothing away from one that lives.
        """
        both = (self.cookie(ALICE, BOB), self.cookie(BOB, ALICE))
        del self.known.live[BOB.id]
        for headers in both:
            verdict = self.ask("app.example.com/", headers)
            self.assert_action(verdict, Action.PROCEED, 200)
            self.assertEqual((verdict.session, verdict.live), (ALICE, (ALICE,)))
        del self.known.live[ALICE.id]
        for headers in both:
            verdict = self.ask("app.example.com/", headers)
            self.assert_nobody(verdict, "session-not-found")
            self.assertEqual(verdict.live, ())

    def test_left_behind_beside_other_provider(self) -> None:
        """
        The one session that lives is judged by its own handle, whatever came before it.
        """
        other = alice(id="other", idp_id="other")
        self.known.live[other.id] = other
        del self.known.live[BOB.id]
        self.assert_nobody(self.ask("app.example.com/", self.cookie(BOB, other)), "session-of-other-provider")

    def test_every_carrier_binds(self) -> None:
        """
        The first carrier says who asks, and every live session that any carrier presents binds the exchange.
        """
        by_header = {"Authorization": f"Pomerium {self.handle(BOB)}"}
        by_query = f"app.example.com/?pomerium_session={self.handle(BOB)}"
        for url, headers in (
            ("app.example.com/", {**self.cookie(ALICE), **by_header}),
            ("app.example.com/", {**self.cookie(ALICE), "X-Pomerium-Authorization": self.handle(BOB)}),
            (by_query, self.cookie(ALICE)),
            (by_query, {"Authorization": f"Pomerium {self.handle(ALICE)}"}),
            (by_query, {**self.cookie(ALICE, BOB), **by_header}),
        ):
            with self.subTest(url=url, headers=list(headers)):
                self.assertEqual(self.ask(url, headers).live, (ALICE, BOB))
        verdict = self.ask("app.example.com/", {**self.cookie(ALICE), **by_header})
        self.assertIs(verdict.session, ALICE)
        verdict = self.ask("public.example.com/", {"Cookie": "_pomerium=x", **by_header})
        self.assertEqual((verdict.session, verdict.live), (None, (BOB,)))
        del self.known.live[ALICE.id]
        verdict = self.ask("app.example.com/", {**self.cookie(ALICE), **by_header})
        self.assertEqual((verdict.action, verdict.session, verdict.live), (Action.UNAUTHORIZED, None, (BOB,)))

    def test_usual_request(self) -> None:
        """
        One cookie, and a header and a query that are the application's: one session is looked for, once.
        """
        headers = {**self.cookie(ALICE), "Authorization": "Bearer of-the-application"}
        self.assertEqual(self.ask("app.example.com/?a=b", headers).live, (ALICE,))
        self.assertEqual(self.known.asked, 1)

    def test_twice_the_same(self) -> None:
        """
        The same session twice is that session.
        """
        self.assert_action(self.ask("app.example.com/", self.cookie(ALICE, ALICE)), Action.PROCEED, 200)

    def test_first_header_counts(self) -> None:
        """
        Of a repeated header, the first is the one that counts.
        """
        mine, other = f"Pomerium {self.handle(ALICE)}", f"Pomerium {self.handle(BOB)}"
        verdict = self.ask("app.example.com/", [("Authorization", mine), ("Authorization", other)])
        self.assertEqual((verdict.session, verdict.live), (ALICE, (ALICE, BOB)))
        pair = [("X-Pomerium-Authorization", self.handle(each)) for each in (BOB, ALICE)]
        self.assertIs(self.ask("app.example.com/", pair).session, BOB)
