"""
Work for an outbox, of which a test decides what becomes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.logout.outbox import Outbox
from pomerium_tx.logout.owed_work import NotTaken, Terms
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.subscribers import Subscribers
from tests.doubles.stores import UnreliableStore

START = 1_700_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Favour:
    """
    Something that is owed.
    """

    id: str
    terms: Terms


class Favours:
    """
    Work of which a test decides what becomes.
    """

    kind = "favour"
    at_once_each = 2

    def __init__(self) -> None:
        self.all: dict[str, Favour] = {}
        self.tried: list[tuple[str, float]] = []
        self.finished: list[tuple[str, int]] = []
        self.problems: dict[str, BaseException] = {}
        """
        Raised by the attempts of one thing, or, by the name of a party, of all that it is owed.
        """
        self.held: dict[str, Deferred[None]] | None = None
        self.told: Subscribers[()] = Subscribers()
        self.clock: Clock | None = None

    def owe(self, name: str, party: str = "them", **terms: float) -> None:
        """
        One more is owed.
        """
        known = Terms(owed_id=name.partition("/")[0], party=party, not_before=terms.pop("not_before", START))
        self.all[name] = Favour(id=name, terms=replace(known, **terms))  # type: ignore[arg-type] # the test's own
        self.told.tell()

    def owed(self) -> Iterable[Favour]:
        """
        All that is owed.
        """
        return self.all.values()

    def subscribe(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Have *callback* told.
        """
        return self.told.add(callback)

    def terms(self, owed: Favour) -> Terms:
        """
        Its terms.
        """
        return owed.terms

    async def attempt(self, owed: Favour) -> None:
        """
        Whatever the test says.
        """
        assert self.clock is not None
        self.tried.append((owed.id, self.clock.seconds() - START))
        if self.held is not None:
            self.held[owed.id] = Deferred()
            await self.held[owed.id]
        problem = self.problems.get(owed.id) or self.problems.get(owed.terms.party)
        if problem is not None:
            raise problem

    async def done(self, owed: Favour, attempts: int) -> None:
        """
        Not owed any more.
        """
        if "done" in self.problems:
            raise self.problems["done"]
        self.finished.append((owed.id, attempts))
        self.all.pop(owed.id, None)

    @property
    def names(self) -> list[str]:
        """
        What was tried, in order.
        """
        return [name for name, _ in self.tried]


class OutboxTestCase(SynchronousTestCase):
    """
    An outbox that has started.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.store = UnreliableStore()
        self.work = Favours()
        self.work.clock = self.clock
        self.outbox = self.another()

    def another(self) -> Outbox[Favour]:
        """
        The outbox of another process.
        """
        registry = SessionRegistry(self.store, self.clock)
        self.successResultOf(Deferred.fromCoroutine(registry.join()))
        self.addCleanup(registry.leave)
        outbox = Outbox(self.work, registry=registry, clock=self.clock)
        outbox.start()
        self.addCleanup(outbox.stop)
        return outbox

    def advance(self, seconds: int) -> None:
        """
        Let time pass.
        """
        for _ in range(seconds):
            self.clock.advance(1.0)


DOWN = NotTaken("nobody is there", is_in_trouble=True)
REFUSED = NotTaken("not like this", is_in_trouble=False)
