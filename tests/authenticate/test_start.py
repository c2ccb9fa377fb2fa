"""
Tests for `pomerium_tx.authenticate.start`; the way as a whole is in `tests.authenticate.test_sign_in`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authenticate.start import HELD
from pomerium_tx.authenticate.state import States
from pomerium_tx.demo.messages import Fault
from pomerium_tx.sessions.store import Cause
from tests.doubles.channel import Asked
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_OWN_PAGE, A, R, World, form_of, query_of


class SignInStartTests(SynchronousTestCase):
    """
    Off to the OP, or not.
    """

    def setUp(self) -> None:
        self.world = World(settings={"request_params": {"hd": "example.com", "prompt": "consent", "state": "evil"}})
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def test_configured_parameters(self) -> None:
        """
        What is configured is sent along, but never in the place of what protects the sign-in.
        """
        query = query_of(self.alice.open(R + "/").header("location") or "")
        self.assertEqual((query["hd"], query["prompt"]), ("example.com", "consent"))
        self.assertGreater(len(query["state"]), 100)

    def test_what_was_asked(self) -> None:
        """
        The state remembers whether the OP was told to ask the person, by us or because it always is.
        """
        for params, expected in (
            ({}, False),
            ({"prompt": "consent"}, False),
            ({"prompt": "select_account"}, False),
            ({"prompt": "login consent"}, True),
        ):
            with self.subTest(params=params):
                world = World(settings={"request_params": params})
                self.addCleanup(world.stop)
                alice = UserAgent(world)
                self.assertIs(self.asks(world, alice.open(R + "/")), expected)
                alice.sign_in()
                alice.get(R + "/.pomerium/sign_out", FROM_OWN_PAGE)
                clicked = alice.post(A + "/.pomerium/sign_in", form_of(alice.open(R + "/").text))
                self.assertTrue(self.asks(world, clicked))

    def asks(self, world: World, answer: Asked) -> bool:
        """
        What the state says of an answer that leads to the OP.
        """
        state = States(world.sealer).open(query_of(answer.header("location") or "")["state"])
        assert state is not None
        return state.asks

    def test_hold_click_asks_again(self) -> None:
        """
        After a hold the `prompt` that asks again goes before a configured one.
        """
        self.alice.sign_in()
        self.alice.get(R + "/.pomerium/sign_out", FROM_OWN_PAGE)
        page = self.alice.open(R + "/")
        self.assertEqual(set(form_of(page.text)), {"_pomerium_csrf", HELD})
        answer = self.alice.post(A + "/.pomerium/sign_in", form_of(page.text))
        self.assertEqual(query_of(answer.header("location") or "")["prompt"], "login")

    def test_prompt_of_the_provider(self) -> None:
        """
        Where the OP says that it knows `select_account` and not `login`, that is how it is asked.
        """
        for supported, expected in (
            (["none", "select_account"], "select_account"),
            (["login", "select_account"], "login"),
            (["none", "consent"], "login"),
            ([], "login"),
        ):
            with self.subTest(supported=supported):
                world = World()
                self.addCleanup(world.stop)
                world.op.alterations["discovery"] = lambda document, values=supported: {
                    **document,
                    "prompt_values_supported": values,
                }
                alice = UserAgent(world)
                alice.sign_in()
                alice.get(R + "/.pomerium/sign_out", FROM_OWN_PAGE)
                answer = alice.post(A + "/.pomerium/sign_in", form_of(alice.open(R + "/").text))
                self.assertEqual(query_of(answer.header("location") or "")["prompt"], expected)

    def test_silent_provider(self) -> None:
        """
        If the OP gives no answer the page says so, and offers the same again.
        """
        self.world.op.faults["discovery"] = Fault(status=500)
        answer = self.alice.open(R + "/")
        self.assertEqual(answer.status, 502)
        self.assertIn(f'href="{A}/.pomerium/sign_in?', answer.text)

    def test_end_while_the_provider_is_asked(self) -> None:
        """
        A sign-out that comes while the OP's metadata is awaited is later than the sign-in, which loses.
        """
        session = self.alice.sign_in()
        self.alice.jar["authenticate.example.com"].pop(("_pomerium_authenticate", "/"))
        self.world.clock.advance(3601.0)
        self.world.http.is_held = True
        starting = self.alice.open(R + "/")
        self.world.clock.advance(1.0)
        ending = self.world.ending.sign_out([session.id], cause=Cause.USER_ROUTE, target=None)
        self.successResultOf(Deferred.fromCoroutine(ending))
        self.world.clock.advance(1.0)
        self.world.http.release()
        self.alice.keep(starting, "authenticate.example.com")
        answer = self.alice.get(self.alice.at_provider(starting.header("location") or ""))
        self.assertIn("You were signed out while signing in", answer.text)
        self.assertEqual(self.world.registry.count, 0)

    def test_state_is_small(self) -> None:
        """
        A usual address makes a state that every OP takes.
        """
        query = query_of(self.alice.open(R + "/some/page?with=query").header("location") or "")
        self.assertLess(len(query["state"]), 1200)
