"""
Every event in every state of an exchange: the table of ``docs/data-path.md``, seen from outside.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import product

from tests.doubles.peers import PatientPeer, PeerFactory
from tests.doubles.sessions import a_session
from tests.proxy.harness import UPSTREAM, ProxyTestCase
from tests.proxy.wires import EVENTS, STATES, Wires, early, time

Event = Callable[[Wires], None]
SAMPLE = 500

TABLE: dict[str, tuple[str, dict[str, str]]] = {
    "connecting": (
        "open | none | 1",
        {
            "agent_gone": "reset | none | 0",
            "accepts": "open | used | 1",
            "refuses": "503 closed | none | 0",
            "cut": "401 closed | none | 0",
        },
    ),
    "connecting_whole": (
        "open | none | 1",
        {
            "agent_gone": "reset | none | 0",
            "accepts": "open | used | 1",
            "refuses": "503 closed | none | 0",
            "cut": "401 closed | none | 0",
        },
    ),
    "sending": (
        "open | used | 1",
        {
            "garbage": "400 closed | reset | 0",
            "agent_done": "400 closed | reset | 0",
            "agent_gone": "reset | reset | 0",
            "begins": "200 open | used | 1",
            "completes": "200 closed | reset | 0",
            "nonsense": "502 closed | reset | 0",
            "upstream_done": "502 closed | closed | 0",
            "upstream_gone": "502 closed | reset | 0",
            "time": "408 closed | reset | 0",
            "cut": "401 closed | reset | 0",
        },
    ),
    "waiting": (
        "open | used | 1",
        {
            "agent_gone": "reset | reset | 0",
            "begins": "200 open | used | 1",
            "completes": "200 open | pooled | 0",
            "nonsense": "502 open | reset | 0",
            "upstream_done": "502 open | closed | 0",
            "upstream_gone": "502 open | reset | 0",
            "time": "504 closed | reset | 0",
            "cut": "401 closed | reset | 0",
        },
    ),
    "early": (
        "200 open | used | 1",
        {
            "garbage": "200 reset | reset | 0",
            "agent_gone": "200 reset | reset | 0",
            "interim": "200 closed | reset | 0",
            "begins": "200 closed | reset | 0",
            "completes": "200 closed | reset | 0",
            "nonsense": "200 closed | reset | 0",
            "upstream_done": "200 reset | closed | 0",
            "upstream_gone": "200 reset | reset | 0",
            "time": "200 reset | reset | 0",
            "cut": "200 reset | reset | 0",
        },
    ),
    "answering": (
        "200 open | used | 1",
        {
            "agent_gone": "200 reset | reset | 0",
            "interim": "200 open | reset | 0",
            "begins": "200 open | reset | 0",
            "completes": "200 open | pooled | 0",
            "nonsense": "200 open | reset | 0",
            "upstream_done": "200 reset | closed | 0",
            "upstream_gone": "200 reset | reset | 0",
            "time": "200 reset | reset | 0",
            "cut": "200 reset | reset | 0",
        },
    ),
    "unsent": (
        "open | pooled | 1",
        {
            "agent_gone": "reset | pooled | 0",
            "interim": "open | reset | 1",
            "begins": "open | reset | 1",
            "completes": "open | reset | 1",
            "nonsense": "open | reset | 1",
            "upstream_done": "open | closed | 1",
            "upstream_gone": "open | reset | 1",
            "time": "reset | closed | 0",
            "cut": "reset | pooled | 0",
        },
    ),
    "tunnel": (
        "101 open | used | 1",
        {
            "agent_done": "101 open | closed | 1",
            "agent_gone": "101 reset | closed | 0",
            "begins": "101 200 open | used | 1",
            "upstream_done": "101 closed | used | 1",
            "upstream_gone": "101 closed | reset | 0",
            "cut": "101 closed | closed | 0",
        },
    ),
    "over": (
        "200 open | pooled | 0",
        {
            "more": "200 302 open | pooled | 0",
            "garbage": "200 400 closed | pooled | 0",
            "agent_done": "200 closed | pooled | 0",
            "agent_gone": "200 reset | pooled | 0",
            "interim": "200 open | reset | 0",
            "begins": "200 open | reset | 0",
            "completes": "200 open | reset | 0",
            "nonsense": "200 open | reset | 0",
            "upstream_done": "200 open | closed | 0",
            "upstream_gone": "200 open | reset | 0",
            "time": "200 closed | closed | 0",
            "drains": "200 closed | pooled | 0",
        },
    ),
}
"""
By state: what is seen if nothing changes, and what is seen after the events that change something.
"""


class ExchangeStateTests(ProxyTestCase):
    """
    One exchange at a time, brought into a state, and then an event.
    """

    def after(self, state: Event, *events: Event) -> str:
        """
        What is seen from outside after *events*, all in one turn, in *state*.
        """
        now = self.network.clock.seconds()
        self.session = a_session(began=now, expires=now + 50_000)
        self.successResultOf(self.registry.begin(self.session, state_issued=now))
        self.upstreams = PeerFactory(PatientPeer)
        self.network.listen(*UPSTREAM, self.upstreams)
        wires = Wires(self)
        state(wires)
        self.settle()
        for event in events:
            event(wires)
        self.settle()
        seen = wires.seen()
        self.clear(wires)
        return seen

    def clear(self, wires: Wires) -> None:
        """
        Leave nothing to the next one, and see that nothing can be left.
        """
        self.proxy.draining = False
        self.network.accept()
        self.factory.abort_all()
        for peer in self.upstreams.peers:
            peer.transport.abortConnection()
        self.settle()
        self.assertEqual(self.registry.exchanges(self.session.id), ())
        self.assertEqual(self.factory.open_connections, 0)
        self.assertIn("idle=0 in_use=0", repr(self.pool))

    def test_table(self) -> None:
        """
        Whatever happens in whatever state has the outcome of the table, raises nothing and leaves nothing behind.
        """
        self.assertEqual([state.__name__ for state in STATES], list(TABLE))
        for state in STATES:
            unchanged, changes = TABLE[state.__name__]
            self.assertLess(changes.keys(), {event.__name__ for event in EVENTS})
            for event in EVENTS:
                with self.subTest(state=state.__name__, event=event.__name__):
                    self.assertEqual(self.after(state, event), changes.get(event.__name__, unchanged))

    def test_two_events(self) -> None:
        """
        Nor do two events in one turn: a sample of all pairs, another one in each run.
        """
        prompt = [event for event in EVENTS if event is not time]
        for state, first, second in random.sample(list(product(STATES, prompt, prompt)), SAMPLE):
            with self.subTest(state=state.__name__, first=first.__name__, second=second.__name__):
                self.after(state, first, second)

    def test_slow_answer(self) -> None:
        """
        An answer that has come early and takes its time is not broken off because the content does not go on.
        """
        wires = Wires(self)
        early(wires)
        self.network.advance(60)
        wires.answer(b"cd")
        self.settle()
        self.assertTrue(wires.agent.received.endswith(b"abcd"))
        self.assertTrue(wires.agent.heard_out)
