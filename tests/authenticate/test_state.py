"""
Tests for `pomerium_tx.authenticate.state`.
"""

from __future__ import annotations

import base64
import string

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authenticate.state import LIFETIME, State, States, binding_of
from pomerium_tx.web.sealed import Sealer

SECRET = b"s" * 32


def _state(**changes: object) -> State:
    values: dict[str, object] = {
        "issued": 1000.5,
        "nonce": "the-nonce",
        "browser": "browser",
        "idp_id": "idp",
        "return_url": "https://app.example.com/é?a=%2F",
        "uses_pkce": True,
        "binding": binding_of(SECRET),
    }
    return State(**(values | changes))  # type: ignore[arg-type] # of several types


class StateTests(SynchronousTestCase):
    """
    A sign-in under way, as it travels by way of the OP.
    """

    def setUp(self) -> None:
        self.states = States(Sealer(b"secret"))

    def test_round_trip(self) -> None:
        """
        What is sealed is opened.
        """
        for state in (_state(), _state(clicked=1001.0, asks=True), _state(asks=False)):
            with self.subTest(state):
                self.assertEqual(self.states.open(self.states.seal(state)), state)

    def test_shape(self) -> None:
        """
        It has Pomerium's visible shape, and shows neither secret nor nonce nor URL.
        """
        octets = base64.urlsafe_b64decode(self.states.seal(_state()))
        binding, issued, trace, _ = octets.split(b"|", 3)
        self.assertEqual((len(base64.b64decode(binding)), issued, trace), (32, b"1000", b""))
        for hidden in (SECRET, b"the-nonce", b"app.example.com"):
            self.assertNotIn(hidden, octets)

    def test_any_change(self) -> None:
        """
        Changed anywhere it is not ours any more.
        """
        sealed = self.states.seal(_state())
        for place in range(len(sealed)):
            changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
            self.assertIsNone(self.states.open(changed), place)

    def test_one_spelling(self) -> None:
        """
        The bits of the last character that count for nothing cannot be used to spell one state in several ways.
        """
        alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
        for length in range(3):
            sealed = self.states.seal(_state(nonce="n" * length))
            content = sealed.rstrip("=")
            with self.subTest(padding=len(sealed) - len(content)):
                other = alphabet[(alphabet.index(content[-1]) + 1) % len(alphabet)]
                self.assertIsNone(self.states.open(content[:-1] + other + sealed[len(content) :]))

    def test_not_ours(self) -> None:
        """
        Garbage of every kind is nothing.
        """
        others = States(Sealer(b"another")).seal(_state())
        for value in ("", "x", "é", "a|b|c|d", base64.urlsafe_b64encode(b"a|b|c|d").decode(), others, "A" * 20_000):
            with self.subTest(value=value[:20]):
                self.assertIsNone(self.states.open(value))

    def test_binding(self) -> None:
        """
        It belongs to the user agent with the same secret.
        """
        state = _state()
        self.assertTrue(state.is_bound_to([SECRET]))
        self.assertTrue(state.is_bound_to([b"t" * 32, SECRET]))
        self.assertFalse(state.is_bound_to([b"t" * 32]))
        self.assertFalse(state.is_bound_to([]))

    def test_held(self) -> None:
        """
        A hold in force keeps it from its end, unless the person has clicked since that sign-out.
        """
        self.assertTrue(_state().is_held_by(999.0))
        self.assertFalse(_state(clicked=1000.0).is_held_by(1000.0))
        self.assertTrue(_state(clicked=1000.0).is_held_by(1000.5))
        state = _state(clicked=1000.0)
        self.assertEqual(self.states.open(self.states.seal(state)), state)

    def test_time(self) -> None:
        """
        It is good for five minutes, and not from the future.
        """
        state = _state(issued=1000.0)
        for now, expected in ((1000.0, True), (1000.0 + LIFETIME, True), (1300.5, False), (699.0, False)):
            with self.subTest(now=now):
                self.assertIs(state.is_current(now), expected)

    def test_single_use(self) -> None:
        """
        Each has a key of its own for its single use, which is not the state.
        """
        self.assertNotEqual(_state().once, _state().once)

    def test_repr(self) -> None:
        """
        No nonce gets into a log by way of a `repr`.
        """
        self.assertNotIn("the-nonce", repr(_state()))
