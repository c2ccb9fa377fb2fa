"""
Everything that ends a session, as a table; and a world in which it happens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pomerium_tx.demo.messages import Fault, Received
from pomerium_tx.demo.registration import Lifetimes
from pomerium_tx.house import House
from pomerium_tx.sessions.provider_logout import ProviderLogout
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause
from tests.scenarios.all_kinds import AllKindsTestCase
from tests.scenarios.browser import Browser
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, OP

OWN_COOKIE = ("authenticate.example.com", "_pomerium_authenticate", "/")
LATER = 60.0
"""
Seconds between the sign-in of alice and that of others.
"""
IDLE = 10.0


class TriggerTestCase(AllKindsTestCase):
    """
    Alice in the browser whose session is to end; alice on her phone, and bob.
    """

    trigger: Trigger

    def setUp(self) -> None:
        """
        Each trigger has a world of its own: see `start`.
        """

    def start(self, trigger: Trigger, houses: int = 1) -> None:
        """
        A moment before the end.
        """
        self.trigger = trigger
        self.settings, self.lifetimes = trigger.settings, trigger.lifetimes
        super().setUp()
        self.provider.always_confirm_logout = True
        if trigger.forgets_refresh_tokens:
            self.provider.alterations["token"] = lambda document: {
                key: value for key, value in document.items() if key != "refresh_token"
            }
        self.houses = [self.house, *(self.build_house(f"proxy{number}") for number in range(2, houses + 1))]
        self.alice, self.session = self.somebody("alice")
        self.advance(LATER, step=LATER)
        self.others: dict[str, Browser] = {}
        self.sessions: dict[str, Session] = {}
        for name, person in (("phone", "alice"), ("bob", "bob")):
            self.others[name], self.sessions[name] = self.somebody(person)
        self.handles = {origin: self.handle_of(self.alice, origin) for origin in (APP, CHAT)}
        trigger.approach(self)

    def somebody(self, person: str) -> tuple[Browser, Session]:
        """
        A browser that is signed in at both applications, and its session.
        """
        before = {session.id for session in self.house.registry.sessions()}
        browser = self.both(person)
        [session] = [session for session in self.house.registry.sessions() if session.id not in before]
        return browser, session

    def at(self, house: House, browser: Browser) -> Browser:
        """
        The same browser, with its connections at one of the houses.
        """
        other = self.browser("proxy" if house is self.house else "proxy2")
        other.jar = browser.jar
        return other

    def end(self) -> None:
        """
        The end comes.
        """
        # What a refresh has brought meanwhile is what is to be revoked.
        self.session = self.house.registry.known(self.session.id) or self.session
        self.trigger.pull(self)
        self.settle()
        self.provider.faults.clear()

    def ended(self) -> list[Session]:
        """
        The sessions that the end is to end.
        """
        lost = [self.sessions[name] for name in self.others if name not in self.trigger.spares]
        return [self.session, *lost]

    def revoked(self) -> list[tuple[str | None, str | None]]:
        """
        The hints and tokens of alice's session that were revoked, in order.
        """
        own = {token for _, token in self.session.tokens.revocable()}
        asked = [(one.parameter("token_type_hint"), one.parameter("token")) for one in self.provider.revocations]
        return [pair for pair in asked if pair[1] in own]

    def to_callback(self) -> str:
        """
        Where the OP sends alice's browser back to, in a sign-in that begins now.
        """
        own = self.alice.jar.pop(OWN_COOKIE)
        chat = self.alice.jar.pop(("chat.example.com", "_pomerium", "/"))
        url = CHAT + "/"
        for _ in range(3):
            url = self.alice.get(url, follow=False).get("Location") or ""
        assert url.startswith(AUTHENTICATE + "/oauth2/callback?"), url
        self.alice.jar[OWN_COOKIE] = own
        self.alice.jar["chat.example.com", "_pomerium", "/"] = chat
        return url

    def end_now(self, cause: Cause) -> None:
        """
        End alice's session as those do whom no browser tells.
        """
        self.successResultOf(self.house.ending.end([self.session.id], cause))

    def told(self, cause: Cause, **names: str | None) -> None:
        """
        The OP has said that its session is over.
        """
        logout = ProviderLogout(
            **{"iss": OP, "sid": None, "sub": None, **names},  # type: ignore[arg-type] # the names are right
            issued=self.clock.seconds(),
        )
        self.successResultOf(self.house.ending.end_by_provider(logout, cause))

    def wait_for_answer(self, path: str) -> None:
        """
        Let time pass until the OP has answered, at *path*, and its answer is on its way.
        """
        self.http.hold(path)
        for _ in range(140):
            if self.http.waiting(path):
                return
            self.advance(5.0, step=5.0)
        self.fail("the OP was not asked")


Act = Callable[[TriggerTestCase], object]


def _stay(world: TriggerTestCase) -> None:
    world.advance(1.0)


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """
    What ends a session, and what comes of it.
    """

    name: str
    cause: Cause
    pull: Act
    approach: Act = _stay
    """
    Brings the world to a moment before the end.
    """
    settings: Mapping[str, Any] = field(default_factory=dict)
    lifetimes: Lifetimes | None = None
    forgets_refresh_tokens: bool = False
    spares: tuple[str, ...] = ("phone", "bob")
    revokes: float | None = 0.0
    """
    Seconds until the tokens are revoked; None is never.
    """
    is_own: bool = False
    """
    Whether the person asked for it, so that there is a hold.
    """
    names_somebody: bool = False
    """
    Whether a sign-in under way loses.
    """


def _at_authenticate_host(world: TriggerTestCase) -> None:
    page = world.alice.get(AUTHENTICATE + "/.pomerium/sign_out")
    action, fields = page.form(0, "Sign out")
    world.alice.post(action, fields, follow=False)


def _everywhere(world: TriggerTestCase) -> None:
    world.successResultOf(
        world.house.ending.sign_out([world.session.id], cause=Cause.USER_EVERYWHERE, target=None, everywhere=True)
    )


def _elsewhere(world: TriggerTestCase) -> None:
    world.successResultOf(world.house.ending.end_elsewhere([world.session.id], Cause.USER_AUTHENTICATE))


def _sign_in_again(world: TriggerTestCase) -> None:
    for key in (OWN_COOKIE, ("app.example.com", "_pomerium", "/")):
        world.alice.jar.pop(key)
    assert world.alice.get(APP + "/").status == 200


def _others_are_active(world: TriggerTestCase) -> None:
    for _ in range(int(IDLE)):
        for browser in world.others.values():
            for house in world.houses:
                world.at(house, browser).get(APP + "/")
        world.advance(1.0)


def _limit_idleness(world: TriggerTestCase) -> None:
    for browser in (world.alice, *world.others.values()):
        for house in world.houses:
            world.at(house, browser).get(APP + "/")
    for house in world.houses:
        house.reload(world.read(session_idle_timeout=f"{int(IDLE)}s"))


def _refuse_grant(world: TriggerTestCase) -> None:
    world.provider.faults["token"] = Fault(
        status=400, body=b'{"error": "invalid_grant"}', content_type="application/json"
    )
    world.wait_for_answer("/token")


def _refuse_user_info(status: int) -> Act:
    def refuse(world: TriggerTestCase) -> None:
        mine = f"Bearer {world.session.tokens.access_token}"

        def answer(received: Received) -> Fault | None:
            return Fault(status=status) if received.authorization == mine else None

        world.provider.faults["userinfo"] = answer
        world.wait_for_answer("/userinfo")

    return refuse


_LONG = Lifetimes(access_token=20 * 3600.0, id_token=20 * 3600.0)

TRIGGERS = (
    Trigger(
        name="user_route",
        cause=Cause.USER_ROUTE,
        pull=lambda world: world.sign_out(world.alice),
        revokes=60.0,
        is_own=True,
        names_somebody=True,
    ),
    Trigger(
        name="user_authenticate",
        cause=Cause.USER_AUTHENTICATE,
        pull=_at_authenticate_host,
        revokes=60.0,
        is_own=True,
        names_somebody=True,
    ),
    Trigger(
        name="user_authenticate, from another browser",
        cause=Cause.USER_AUTHENTICATE,
        pull=_elsewhere,
        revokes=60.0,
        is_own=True,
        names_somebody=True,
    ),
    Trigger(
        name="user_everywhere",
        cause=Cause.USER_EVERYWHERE,
        pull=_everywhere,
        spares=("bob",),
        revokes=60.0,
        is_own=True,
        names_somebody=True,
    ),
    Trigger(
        name="front_channel",
        cause=Cause.FRONT_CHANNEL,
        pull=lambda world: world.told(Cause.FRONT_CHANNEL, sid=world.session.sids[0]),
        revokes=None,
        names_somebody=True,
    ),
    Trigger(
        name="back_channel, sid",
        cause=Cause.BACK_CHANNEL,
        pull=lambda world: world.told(Cause.BACK_CHANNEL, sid=world.session.sids[0]),
        names_somebody=True,
    ),
    Trigger(
        name="back_channel, sub",
        cause=Cause.BACK_CHANNEL,
        pull=lambda world: world.told(Cause.BACK_CHANNEL, sub=world.session.sub),
        spares=("bob",),
        names_somebody=True,
    ),
    Trigger(
        name="administrator",
        cause=Cause.ADMINISTRATOR,
        pull=lambda world: world.end_now(Cause.ADMINISTRATOR),
        names_somebody=True,
    ),
    Trigger(
        name="expired",
        cause=Cause.EXPIRED,
        settings={"cookie_expire": "5m"},
        approach=lambda world: world.advance(297.0 - LATER, step=60.0),
        pull=lambda world: world.advance(3.0),
    ),
    Trigger(name="idle", cause=Cause.IDLE, approach=_limit_idleness, pull=_others_are_active),
    Trigger(
        name="tokens_expired",
        cause=Cause.TOKENS_EXPIRED,
        lifetimes=Lifetimes(access_token=300.0),
        forgets_refresh_tokens=True,
        approach=lambda world: world.advance(297.0 - LATER, step=60.0),
        pull=lambda world: world.advance(3.0),
    ),
    Trigger(
        name="refresh_refused, invalid_grant",
        cause=Cause.REFRESH_REFUSED,
        approach=_refuse_grant,
        pull=lambda world: world.http.release("/token"),
    ),
    *(
        Trigger(
            name=f"refresh_refused, UserInfo {status}",
            cause=Cause.REFRESH_REFUSED,
            lifetimes=_LONG,
            approach=_refuse_user_info(status),
            pull=lambda world: world.http.release("/userinfo"),
        )
        for status in (401, 403)
    ),
    Trigger(
        name="provider_removed",
        cause=Cause.PROVIDER_REMOVED,
        pull=lambda world: world.house.reload(world.read(idp_client_id="another")),
        spares=(),
    ),
    Trigger(name="replaced", cause=Cause.REPLACED, pull=_sign_in_again, revokes=None),
)


def at_once(trigger: Trigger) -> Trigger:
    """
    The same end, but for those that time or a sign-in brings: they come when they are asked for.
    """
    if trigger.cause is Cause.REPLACED:
        return replace(trigger, pull=lambda world: world.end_now(Cause.REPLACED))
    if trigger.cause not in (Cause.EXPIRED, Cause.IDLE, Cause.TOKENS_EXPIRED, Cause.REFRESH_REFUSED):
        return trigger
    return Trigger(
        name=trigger.name,
        cause=trigger.cause,
        pull=lambda world: world.house.registry.report_due(world.session.id, trigger.cause),
    )


def for_every_trigger(case: type[TriggerTestCase]) -> type[TriggerTestCase]:
    """
    Make a test for each trigger of every method ``check_...`` of a test case.
    """
    for name, check in list(vars(case).items()):
        if name.startswith("check_"):
            for trigger in TRIGGERS:
                words = re.findall("[a-z0-9]+", trigger.name.lower())
                setattr(case, "_".join([name.replace("check_", "test_"), "after", *words]), _test(check, trigger))
    return case


def _test(check: Callable[[Any, Trigger], object], trigger: Trigger) -> Callable[[TriggerTestCase], object]:
    def test(self: TriggerTestCase) -> object:
        return check(self, trigger)

    test.__doc__ = check.__doc__
    return test
