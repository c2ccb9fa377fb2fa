"""
The hold: after a person's own sign-out nothing signs them in again by itself.

Otherwise the next tab that reloads would be signed in again, silently, for as long as the OP still knows the person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from pomerium_tx.authenticate.browser import Browser
from pomerium_tx.logout.ending import OWN_SIGN_OUT
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.store import Cause, OpLogout
from pomerium_tx.web.cookies import clear_cookie, set_cookie
from pomerium_tx.web.resource import PageRequest
from pomerium_tx.web.sealed import Sealer

LIFETIME = 30 * 86400
"""
Seconds for which an unconfirmed sign-out holds.
"""
LIFETIME_RELEASED = 3600
"""
Seconds for which a confirmed one can still be shown.
"""

_PURPOSE = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """
    A sign-out that this user agent knows of. It names no session.
    """

    receipt_id: str
    """
    Of the end that has left it; empty if that is not for this user agent to know, or was none.
    """
    at: float
    other_providers: tuple[str, ...] = ()
    """
    Issuers where the person may still be signed in, besides the one they were sent to.
    """
    is_released: bool = False
    only_by_click: bool = False
    """
    Whether it took the place of another one in force, so that its own OP's word is not enough to end it.
    """
    is_of_one_browser: bool = False
    """
    Whether all that has ended was this browser's, so that its person may see where it was used.
    """
    is_by_reference: bool = False
    """
    Whether the user agent had nothing to show but the reference of that end: it is held, and has no part in the end.
    """
    is_on_all_devices: bool = False
    """
    Whether no session of its person was left in any browser, that one included in which they asked for it.
    """
    answered: tuple[str, ...] = ()
    """
    Issuers at which somebody has signed in since: at the others nobody is by that, and the OP may know the one person
    still who has signed out.
    """
    shown: tuple[int, ...] = ()
    """
    The places of the legs of that end whose sessions this user agent has shown.
    """
    has_ended_nothing: bool = False
    """
    Whether its person asked to be signed out when no session was left to end.
    """


class Holds:
    """
    Reads and writes the hold of a user agent, and knows whether it is in force.
    """

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        cookie: CookieSettings,
        sealer: Sealer,
        issuers: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """
        :param issuers: All at which people may sign in.
        """
        self._registry = registry
        self._issuers = issuers
        self._cookie = cookie
        self._name = f"{cookie.name}_hold"
        self._sealer = sealer

    def read(self, request: PageRequest) -> Hold | None:
        """
        The hold in the user agent's cookie, in force or not.
        """
        holds = self._all(request)
        return next((hold for hold in holds if self._holds(hold)), holds[0] if holds else None)

    def of(self, request: PageRequest, receipt_id: str) -> Hold | None:
        """
        The hold that one end has left in the user agent whose session it was, in force or not.
        """
        return self._of(request, receipt_id, is_by_reference=False)

    def by_reference(self, request: PageRequest, receipt_id: str) -> Hold | None:
        """
        The hold that one end has left in a user agent which had nothing to show but its reference.
        """
        return self._of(request, receipt_id, is_by_reference=True)

    def _of(self, request: PageRequest, receipt_id: str, *, is_by_reference: bool) -> Hold | None:
        holds = (hold for hold in self._all(request) if hold.receipt_id == receipt_id)
        return next((hold for hold in holds if hold.is_by_reference is is_by_reference), None)

    def in_force(self, request: PageRequest, browser: Browser, iss: str | None = None) -> Hold | None:
        """
        The hold that keeps this user agent from being signed in by itself; of several the latest.

        :param iss: As for `all_in_force`.
        """
        return max(self.all_in_force(request, browser, iss), key=lambda hold: hold.at, default=None)

    def all_in_force(self, request: PageRequest, browser: Browser, iss: str | None = None) -> tuple[Hold, ...]:
        """
        Every hold that keeps this user agent from being signed in by itself.

        :param iss: At that OP; None for any that its last sign-in has not answered.

        Until it has reached this host after a sign-out, its session cookie stands for the hold: it names an ended one.
        """
        found = self._standing(request, browser)
        # Whoever has signed in since then is held no more, also where a cookie stays that cannot be cleared from here.
        if iss is None:
            since = [] if browser.session is None else [browser.session.began]
        else:
            since = [session.began for session in browser.sessions if session.iss == iss]
            found = [hold for hold in found if iss not in hold.answered]
        return tuple(hold for hold in found if not any(began >= hold.at for began in since))

    def _standing(self, request: PageRequest, browser: Browser) -> list[Hold]:
        """
        Every hold that is not over for some other reason than a sign-in.
        """
        holds = self._all(request)
        found = [hold for hold in holds if self._holds(hold)]
        known = {hold.receipt_id for hold in holds if hold.is_released or self._holds(hold)}
        for session_id in browser.session_ids:
            receipt = self._registry.ended(session_id)
            if receipt is None or receipt.cause not in OWN_SIGN_OUT or releases(receipt):
                continue
            # A cookie knows more: of the return from the OP, say, of which another process may not have heard yet.
            if receipt.id not in known:
                found.append(hold_of(receipt))
        return found

    def _all(self, request: PageRequest) -> list[Hold]:
        """
        Several, if a sibling host has planted one: one that is over must not take away one that is in force.
        """
        found = []
        for value in request.cookies(self._name):
            plaintext = self._sealer.open(_PURPOSE, value.decode("latin-1"))
            if plaintext is not None:
                content = json.loads(plaintext)
                hold = Hold(
                    receipt_id=content["receipt"],
                    at=content["at"],
                    other_providers=tuple(content["others"]),
                    is_released=content["released"],
                    only_by_click=content.get("click", False),
                    is_of_one_browser=content.get("one", False),
                    is_by_reference=content.get("reference", False),
                    is_on_all_devices=content.get("all", False),
                    has_ended_nothing=content.get("nothing", False),
                    shown=tuple(content.get("shown", ())),
                    answered=tuple(content.get("answered", ())),
                )
                found.append(hold)
        return found

    def _holds(self, hold: Hold) -> bool:
        if hold.only_by_click:
            return True
        if hold.is_released:
            return False
        receipt = self._registry.receipt(hold.receipt_id)
        # Forgotten, or unknown after a restart: nobody can say that the OP confirmed.
        return receipt is None or not releases(receipt)

    def cookie(self, hold: Hold) -> tuple[str, str]:
        """
        The field that keeps a hold.
        """
        content = {
            "receipt": hold.receipt_id,
            "at": hold.at,
            "others": list(hold.other_providers),
            "released": hold.is_released,
            "click": hold.only_by_click,
            "one": hold.is_of_one_browser,
            "reference": hold.is_by_reference,
            "all": hold.is_on_all_devices,
            "nothing": hold.has_ended_nothing,
            "shown": hold.shown,
            "answered": hold.answered,
        }
        return "Set-Cookie", set_cookie(
            self._name,
            self._sealer.seal(_PURPOSE, json.dumps(content).encode()),
            max_age=LIFETIME_RELEASED if hold.is_released and not hold.only_by_click else LIFETIME,
            same_site=self._cookie.crossing_same_site,
        )

    def released(self, hold: Hold) -> tuple[str, str]:
        """
        The field that keeps the memory of a sign-out, but lets the person be signed in again.
        """
        return self.cookie(replace(hold, is_released=True))

    def after_return(
        self, request: PageRequest, browser: Browser, hold: Hold, *, is_last: bool = True
    ) -> tuple[str, str]:
        """
        The field after the return for one sign-out, which takes no other hold away that is in force.

        :param is_last: Whether the person has returned from every OP that the sign-out led to.
        """
        others = [other for other in self.all_in_force(request, browser) if other.receipt_id != hold.receipt_id]
        if not others:
            return self.released(hold) if is_last else self.cookie(hold)
        return self.cookie(replace(max(others, key=lambda other: other.at), only_by_click=True))

    def after(
        self,
        request: PageRequest,
        browser: Browser,
        receipt: Receipt,
        other_providers: tuple[str, ...],
        *,
        is_of_one_browser: bool = False,
        is_by_reference: bool = False,
        is_on_all_devices: bool = False,
        shown: tuple[int, ...] = (),
    ) -> tuple[str, str]:
        """
        The field with the hold of an end, which takes none away that is in force.
        """
        in_force = self.all_in_force(request, browser)
        hold = replace(
            hold_of(receipt, other_providers),
            only_by_click=any(other.only_by_click or other.receipt_id != receipt.id for other in in_force),
            is_of_one_browser=is_of_one_browser,
            is_by_reference=is_by_reference,
            is_on_all_devices=is_on_all_devices,
            shown=shown,
        )
        return self.released(hold) if releases(receipt) else self.cookie(hold)

    def after_click(
        self, request: PageRequest, browser: Browser, now: float, *, has_ended_nothing: bool
    ) -> tuple[tuple[str, str], ...]:
        """
        The field with the hold of a person who has asked to be signed out, whatever that has ended: what is in force
        already, else one that only their click ends.
        """
        kept = self.kept(request, browser)
        if kept:
            return kept
        return (self.cookie(Hold(receipt_id="", at=now, only_by_click=True, has_ended_nothing=has_ended_nothing)),)

    def kept(self, request: PageRequest, browser: Browser) -> tuple[tuple[str, str], ...]:
        """
        The field with what is in force, for a user agent that loses the session cookie which may stand for it.
        """
        in_force = self.all_in_force(request, browser)
        if not in_force:
            return ()
        latest = max(in_force, key=lambda hold: hold.at)
        is_alone = all(other.receipt_id == latest.receipt_id and not other.only_by_click for other in in_force)
        return (self.cookie(replace(latest, only_by_click=not is_alone)),)

    def that_go_on(
        self, request: PageRequest, browser: Browser, *, signed_in_at: str = ""
    ) -> tuple[tuple[str, str], ...]:
        """
        The field of what still holds people at some OP, or else the one that forgets the hold.

        :param signed_in_at: The issuer at which somebody has signed in just now.
        """
        left = [
            (hold, issuers)
            for hold in self._standing(request, browser)
            if (issuers := self._unanswered(hold, browser) - {signed_in_at})
        ]
        if not left:
            return self.clear(request)
        latest = max((hold for hold, _ in left), key=lambda hold: hold.at)
        answered = frozenset(self._issuers()).difference(*(issuers for _, issuers in left))
        click = latest.only_by_click or len(left) > 1
        return (self.cookie(replace(latest, answered=tuple(sorted(answered)), only_by_click=click)),)

    def _unanswered(self, hold: Hold, browser: Browser) -> frozenset[str]:
        """
        The issuers at which nobody has signed in since.
        """
        later = {session.iss for session in browser.sessions if session.began >= hold.at}
        return frozenset(self._issuers()).difference(hold.answered, later)

    def clear(self, request: PageRequest) -> tuple[tuple[str, str], ...]:
        """
        The field that forgets the hold, if there is one.
        """
        if not request.cookies(self._name):
            return ()
        cleared = clear_cookie(
            self._name,
            path="/",
            domain=None,
            secure=True,
            http_only=True,
            same_site=self._cookie.crossing_same_site,
        )
        return (("Set-Cookie", cleared),)


def releases(receipt: Receipt) -> bool:
    """
    Whether what is known of an end releases every browser that it has signed out.
    """
    # One browser has returned from the OP, which may still know the person's others; its own cookie says that it has.
    is_of_many = receipt.cause is Cause.USER_EVERYWHERE and receipt.op_logout is OpLogout.RETURNED
    return receipt.op_logout.releases_hold and not is_of_many


def hold_of(receipt: Receipt, other_providers: tuple[str, ...] = ()) -> Hold:
    """
    The hold that a person's own sign-out leaves.
    """
    # A cookie has room for so many.
    others = tuple(name for name in other_providers if len(name) <= 200)[:5]
    return Hold(receipt_id=receipt.id, at=receipt.time, other_providers=others)
