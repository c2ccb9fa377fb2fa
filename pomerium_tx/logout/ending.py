"""
The one door through which every session ends.

Whoever wants a session ended, and whatever for, comes here; nobody else calls ``registry.end``. Here is worked out what
an end brings with it: which other sessions end with it, which sign-ins under way must lose, which tokens are to be
revoked and when, and what the authenticate host needs for the way to the OP.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.logout.heard import Hear, Heard
from pomerium_tx.logout.legs import legs_of
from pomerium_tx.logout.lost_sign_ins import LIFETIME, TOKEN_LIFETIME, Name, tombstones_of
from pomerium_tx.logout.owed_tokens import REVOKED_AT, owed_for
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.oidc.provider_settings import Revocation
from pomerium_tx.sessions.bearers import PURPOSE, is_bearer, signed_half
from pomerium_tx.sessions.departure import DEPARTURE_LIFETIME, Departure
from pomerium_tx.sessions.provider_logout import SKEW, ProviderLogout
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.registry import Ending as RecordedEnding
from pomerium_tx.sessions.registry import SessionRegistry, new_receipt_id
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import AtProvider, Cause, OpLogout, OwedRevocation, SeenJti
from pomerium_tx.sessions.tombstone import Tombstone
from pomerium_tx.web.sealed import purpose_key

OWN_SIGN_OUT = frozenset({Cause.USER_ROUTE, Cause.USER_AUTHENTICATE, Cause.USER_EVERYWHERE})
"""
The ends that a person asked for.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut:
    """
    What a person's own sign-out came to.
    """

    receipt: Receipt
    departure: Departure | None = field(repr=False)
    """
    The way to the OP; none if nothing has ended, neither now nor a moment ago, or if it is not for whoever asked.
    """
    other_idp_ids: tuple[str, ...] = ()
    """
    A client at each further OP at which the person may still be signed in.
    """
    origins: Mapping[str, str] = field(default_factory=dict)
    """
    Of the routes that the ended sessions were used on: from a route's id to the external origin.
    """

    def routes_at(self, origin: str) -> frozenset[str]:
        """
        The ids of those that are at *origin*.
        """
        return frozenset(route_id for route_id, known in self.origins.items() if known == origin)


class Ending:
    """
    The door.
    """

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        providers: Mapping[str, Provider],
        clock: IReactorTime,
        key: bytes,
        revocation_delay: float,
        audit: Callable[[Receipt], None],
        heard: Hear = lambda heard: None,
        notify: Iterable[str] = (),
    ) -> None:
        """
        :param providers: By id; read anew each time, since a reload changes it.
        :param key: A secret that all processes share: references are made from it.
        :param audit: Told each end of at least one session, once.
        :param heard: Told each logout that an OP has asked for.
        """
        self._registry = registry
        self._providers = providers
        self._clock = clock
        self._reference_key = purpose_key(key, "departure reference")
        self._token_key = purpose_key(key, PURPOSE)
        self._audit = audit
        self._heard = heard
        self.configure(revocation_delay=revocation_delay, notify=notify)

    def configure(self, *, revocation_delay: float, notify: Iterable[str], takes_tokens: bool = False) -> None:
        """
        Take these settings from now on.

        :param revocation_delay: Seconds that tokens outlive a person's own sign-out if the OP confirms nothing.
        :param notify: The ids of the routes whose applications are told of ends.
        :param takes_tokens: Whether sessions begin with tokens that may have been issued before an end.
        """
        self._takes_tokens = takes_tokens
        self._tombstone_lifetime = TOKEN_LIFETIME if takes_tokens else LIFETIME
        self._revocation_delay = revocation_delay
        self._notify = tuple(notify)

    async def sign_out(
        self,
        session_ids: Sequence[str],
        *,
        cause: Cause,
        target: str | None,
        browsers: Iterable[str] = (),
        everywhere: bool = False,
        may_follow: Callable[[Departure], bool] = lambda departure: True,
    ) -> SignedOut:
        """
        End every session of each browser that one of these sessions belongs to.

        :param session_ids: Those whose handles were presented. The OP of the first one that lives is where the person
            is sent.
        :param target: Where the person wants to be afterwards.
        :param browsers: What else the user agent that asks may be called: a sign-in which it began without its session
            loses as well.
        :param everywhere: Whether the same person's sessions in other browsers end too.
        :param may_follow: Whether the departure of an end, this one or one that is past, is for whoever asks. What may
            not be followed is left out of the answer; the sessions end all the same.
        :raises StoreUnavailable: If nothing could be recorded; nothing has ended then.
        """
        presented = [session for name in session_ids if (session := self._registry.find(name)) is not None]
        if not presented:
            return self._nothing_ended(session_ids, cause, may_follow)
        sessions = self._of_browsers(presented)
        names: set[Name] = {("browser", "", browser) for browser in browsers}
        if everywhere:
            # By whatever name each OP knows them, as far as they have shown a session there: whose sessions are said to
            # be of the same browser besides, somebody can have planted.
            names |= {("sub", session.iss, session.sub) for session in presented}
            sessions |= self._of_people(presented)
        receipt, departure = await self._end_own(presented, sessions, cause, target, names, is_leaving=True)
        if not receipt.sessions_ended:
            # Another process was first, and its end is the answer.
            return self._nothing_ended(session_ids, cause, may_follow)
        here = presented[0].iss
        others = {session.iss: session.idp_id for session in sessions.values() if session.iss != here}
        uses = (use for session in sessions.values() for use in session.uses.items())
        return SignedOut(
            receipt=receipt,
            departure=departure if may_follow(departure) else None,
            other_idp_ids=tuple(sorted(others.values())),
            origins={route_id: use.origin for route_id, use in uses},
        )

    async def end_elsewhere(self, session_ids: Iterable[str], cause: Cause) -> Receipt:
        """
        End a person's own sessions in other browsers, with all of theirs; nobody is there to be sent to the OP.

        :raises StoreUnavailable: If nothing could be recorded; nothing has ended then.
        """
        assert cause in OWN_SIGN_OUT
        named = [session for name in session_ids if (session := self._registry.find(name)) is not None]
        if not named:
            return Receipt(id=new_receipt_id(), time=self._clock.seconds(), cause=cause)
        receipt, _ = await self._end_own(named, self._of_browsers(named), cause, None, set(), is_leaving=False)
        return receipt

    async def end(self, session_ids: Iterable[str], cause: Cause, *, names: Iterable[Name] = ()) -> Receipt:
        """
        End just these sessions, for any cause but a person's own sign-out.

        :param names: Whose sign-ins under way must lose as well, besides those of the people whose sessions end.
        :raises StoreUnavailable: If nothing could be recorded; nothing has ended then.
        """
        assert cause not in OWN_SIGN_OUT
        # One that is due has stopped being valid, so it is not found; what it owes is known by its end alone.
        sessions = [session for name in session_ids if (session := self._registry.known(name)) is not None]
        named = set(names)
        if cause is Cause.ADMINISTRATOR:
            named |= {("sub", session.iss, session.sub) for session in sessions}
        elif cause is Cause.FRONT_CHANNEL:
            named |= {("sid", session.iss, sid) for session in sessions for sid in session.sids}
        now = self._clock.seconds()
        return await self._end_others(sessions, cause, at=now, tombstones=self._tombstones(named, now, cause))

    async def end_by_provider(self, logout: ProviderLogout, cause: Cause, *, jti: SeenJti | None = None) -> Receipt:
        """
        End the sessions that an OP's logout names, and take it as the confirmation of people's own sign-outs.

        :param jti: Of the Logout Token, recorded in the same step. The front channel has none, and proves nothing.
        :raises StoreUnavailable: If nothing could be recorded; nothing has ended then.
        """
        named: set[Name] = set()
        if logout.sid is not None:
            named.add(("sid", logout.iss, logout.sid))
        if logout.sub is not None:
            named.add(("sub" if logout.sid is None else "sidless", logout.iss, logout.sub))
        now = self._clock.seconds()
        known = (self._registry.known(name) for name in self._registry.named_by(logout))
        # A sign-in that the OP saw after it spoke is another one, however late its word arrives.
        tombstones = self._tombstones(named, now, cause, signed_in_until=logout.issued + SKEW)
        is_proof = cause is Cause.BACK_CHANNEL
        receipt = await self._end_others(
            [session for session in known if session is not None],
            cause,
            at=now,
            tombstones=tombstones,
            jti=jti,
            confirms=self._registry.confirmed_by(logout) if is_proof else (),
        )
        self._heard(Heard(iss=logout.iss, channel=cause, at=now, sessions_ended=receipt.sessions_ended))
        if is_proof:
            # Own sign-outs that were recorded meanwhile.
            await self.confirm_by_provider(logout)
        return receipt

    async def confirm_by_provider(self, logout: ProviderLogout) -> None:
        """
        Take an OP's logout, proven, as the confirmation of people's own sign-outs, and end nothing.

        :raises StoreUnavailable: If not all of it could be recorded.
        """
        for name, iss in self._registry.confirmed_by(logout):
            await self._registry.op_logout(name, OpLogout.CONFIRMED, iss)
            await self._registry.release_revocations(name, iss)

    def departure_of(self, receipt_id: str) -> Departure | None:
        """
        The departure of an end, while the way is open.
        """
        return self._registry.departure(self._reference(receipt_id))

    async def _end_own(
        self,
        presented: Sequence[Session],
        sessions: Mapping[str, Session],
        cause: Cause,
        target: str | None,
        names: set[Name],
        *,
        is_leaving: bool,
    ) -> tuple[Receipt, Departure]:
        now = self._clock.seconds()
        receipt_id = new_receipt_id()
        browsers = {session.browser for session in presented}
        # Whoever had one of these sessions finds the departure: of several browsers' it must lead to no OP, and say
        # nothing of another person. Of the handles, any may have been planted.
        is_one = len(browsers) == 1
        legs = legs_of(presented, sessions.values(), self._brings_state_back) if is_one else ()
        departure = Departure(
            reference=self._reference(receipt_id),
            receipt_id=receipt_id,
            legs=legs,
            target=target,
            expires=now + DEPARTURE_LIFETIME,
            browsers=tuple(sorted(browsers)),
            from_elsewhere=not is_leaving,
        )
        open_way = OpLogout.PENDING if is_leaving else OpLogout.UNCONFIRMED

        def op_logout(idp_id: str) -> OpLogout:
            return open_way if self._may_end_session(idp_id) else OpLogout.NOT_SUPPORTED

        names = names | {("browser", "", session.browser) for session in sessions.values()}
        if self._takes_tokens:
            names |= {("sid", session.iss, sid) for session in sessions.values() for sid in session.sids}
        receipt = await self._registry.end(
            RecordedEnding(
                session_ids=tuple(sessions),
                cause=cause,
                at=now,
                receipt_id=receipt_id,
                tombstones=(*self._tombstones(names, now, cause), *self._of_tokens(sessions.values(), now)),
                departure=departure,
                owed=self._owed(sessions.values(), lambda session: self._not_before(session, now)),
                op_logout=op_logout(presented[0].idp_id),
                op_logouts={leg.iss: op_logout(leg.idp_id) for leg in legs},
                notify=self._notify,
            )
        )
        if receipt.sessions_ended:
            self._audit(receipt)
        return receipt, departure

    async def _end_others(
        self,
        sessions: Sequence[Session],
        cause: Cause,
        *,
        at: float,
        tombstones: tuple[Tombstone, ...],
        jti: SeenJti | None = None,
        confirms: tuple[AtProvider, ...] = (),
    ) -> Receipt:
        revoked_at = REVOKED_AT.get(cause)
        # What a program has presented is its own, as long as nobody but time has ended the session.
        ours = [session for session in sessions if cause.is_final or not is_bearer(session.id)]
        receipt = await self._registry.end(
            RecordedEnding(
                session_ids=tuple(session.id for session in sessions),
                cause=cause,
                at=at,
                tombstones=(*tombstones, *(self._of_tokens(sessions, at) if cause.is_final else ())),
                owed=() if revoked_at is None else self._owed(ours, lambda _: max(at, revoked_at)),
                jti=jti,
                confirms=confirms,
                notify=self._notify,
            )
        )
        if receipt.sessions_ended:
            self._audit(receipt)
        return receipt

    def _tombstones(
        self, names: Iterable[Name], now: float, cause: Cause, *, signed_in_until: float = inf
    ) -> tuple[Tombstone, ...]:
        # In the front channel anybody can speak: what is said there is not remembered for long.
        lifetime = LIFETIME if cause is Cause.FRONT_CHANNEL else self._tombstone_lifetime
        return tombstones_of(names, now, signed_in_until=signed_in_until, lifetime=lifetime)

    def _of_tokens(self, sessions: Iterable[Session], now: float) -> tuple[Tombstone, ...]:
        """
        Applications may have got the tokens of these sessions: they must begin no other one now.
        """
        if not self._takes_tokens:
            return ()
        tokens = [token for session in sessions for token in (session.tokens.id_token, session.tokens.access_token)]
        names: set[Name] = {("token", "", signed_half(self._token_key, token.encode())) for token in tokens if token}
        return tombstones_of(names, now, lifetime=self._tombstone_lifetime)

    def _of_browsers(self, presented: Sequence[Session]) -> dict[str, Session]:
        return self._valid(*(sorted(self._registry.by_browser(session.browser)) for session in presented))

    def _of_people(self, presented: Sequence[Session]) -> dict[str, Session]:
        return self._valid(*(sorted(self._registry.by_sub(session.iss, session.sub)) for session in presented))

    def _valid(self, *names: Sequence[str]) -> dict[str, Session]:
        found = (self._registry.find(name) for several in names for name in several)
        return {session.id: session for session in found if session is not None}

    def _nothing_ended(
        self, session_ids: Sequence[str], cause: Cause, may_follow: Callable[[Departure], bool]
    ) -> SignedOut:
        nothing = Receipt(id=new_receipt_id(), time=self._clock.seconds(), cause=cause)
        for name in session_ids:
            past = self._registry.ended(name)
            departure = None if past is None else self._registry.departure(self._reference(past.id))
            if past is not None and departure is not None and may_follow(departure):
                repeated = Receipt(
                    id=past.id, time=past.time, cause=past.cause, op_logout=past.op_logout, replicas=past.replicas
                )
                return SignedOut(receipt=repeated, departure=departure)
        return SignedOut(receipt=nothing, departure=None)

    def _reference(self, receipt_id: str) -> str:
        """
        The name of an end's departure. Receipts are shown; nobody can tell the one from the other.
        """
        return hmac.digest(self._reference_key, receipt_id.encode(), "sha256").hex()

    def _may_end_session(self, idp_id: str) -> bool:
        provider = self._providers.get(idp_id)
        return provider is not None and provider.may_end_session

    def _brings_state_back(self, idp_id: str) -> bool:
        provider = self._providers.get(idp_id)
        return provider is not None and provider.brings_state_back

    def _not_before(self, session: Session, now: float) -> float:
        # Revoking first makes some OPs forget to tell the other relying parties.
        return now + self._revocation_delay if self._may_end_session(session.idp_id) else now

    def _owed(self, sessions: Iterable[Session], not_before: Callable[[Session], float]) -> tuple[OwedRevocation, ...]:
        return owed_for([session for session in sessions if self._revokes(session.idp_id)], not_before)

    def _revokes(self, idp_id: str) -> bool:
        provider = self._providers.get(idp_id)
        # What is owed to one that is gone may be paid by another process, which knows it still.
        return provider is None or provider.settings.revocation is not Revocation.OFF
