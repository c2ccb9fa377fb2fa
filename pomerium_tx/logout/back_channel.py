"""
``/.pomerium/backchannel_logout`` on every host: OpenID Connect Back-Channel Logout 1.0, sections 2.5 to 2.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pomerium_tx.jose.jwt import InvalidToken, parse
from pomerium_tx.logout.ending import Ending
from pomerium_tx.logout.heard import Hear, Heard
from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.logout_token import LEEWAY, LogoutToken, audience
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.sessions.provider_logout import SKEW, ProviderLogout
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause, SeenJti, StoreUnavailable
from pomerium_tx.web.resource import Answer, HttpProblem, LocalRequest, Page, PageRequest, protocol_problem_answer

log = Logger()

_DAY: Final = 24 * 3600.0
_REMEMBERED: Final = 25 * 3600.0
_LONGEST_SHOWN: Final = 100


class BackChannelLogoutPage(Page):
    """
    Where OPs say, themselves, that a session of theirs is over. One page serves all hosts.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("POST",)
    reads_form: ClassVar[bool] = True

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        providers: Mapping[str, Provider],
        ending: Ending,
        clock: IReactorTime,
        refused: Hear = lambda heard: None,
    ) -> None:
        """
        :param providers: By id; read anew each time, since a reload changes it.
        :param refused: Told each token that is said to be of a configured OP and is not believed.
        """
        super().__init__()
        self._refused = refused
        self._registry = registry
        self._providers = providers
        self._ending = ending
        self._clock = clock
        self._under_way: dict[tuple[str, str], list[Deferred[None]]] = {}
        # A session may be gone when its OP confirms that, to a process through which nobody has signed in.
        registry.subscribe_begun(self._learn_from)

    async def answer(self, request: PageRequest) -> Answer:
        """
        Whether the sessions are ended; nothing that came along but the token counts.
        """
        iss = ""
        try:
            raw = _the_token(request)
            claims = parse(raw).claims
            iss = _shown(claims.get("iss"))
            provider = self._provider(claims)
            self._learn_alg(provider, claims)
            await self._act_once_on(await provider.logout_token(raw))
        except InvalidToken as problem:
            log.warn("A logout token of {iss} is refused: {reason}", iss=iss, reason=problem.reason)
            self._note_refusal(iss, problem.reason)
            # Section 2.8. OPs count 400 as final.
            return protocol_problem_answer("invalid_request", problem.reason, status=400)
        except ProviderUnavailable as problem:
            log.warn("A logout token of {iss} cannot be verified now: {reason}", iss=iss, reason=problem.reason)
            return _later(problem.reason, seconds=10)
        except StoreUnavailable:
            log.error("A logout token of {iss} cannot be acted on: the end could not be recorded", iss=iss)
            return _later("the logout could not be recorded", seconds=5)
        # Section 2.8 allows 204 too, but some OPs count only this as delivered.
        return Answer(status=200)

    def problem(self, request: LocalRequest, problem: HttpProblem) -> Answer:
        """
        What no token came out of, in the one form that OPs read, whatever they say that they accept.
        """
        error = "temporarily_unavailable" if problem.status >= 500 else "invalid_request"
        return protocol_problem_answer(error, problem.message, status=problem.status, headers=problem.headers)

    def _note_refusal(self, iss: str, reason: str) -> None:
        if any(provider.settings.issuer == iss for provider in self._providers.values()):
            now = self._clock.seconds()
            self._refused(Heard(iss=iss, channel=Cause.BACK_CHANNEL, at=now, refused=reason))

    def _provider(self, claims: Mapping[str, Any]) -> Provider:
        """
        The one for which a token says that it is; whether that is true, its keys tell.
        """
        clients = audience(claims)
        for provider in self._providers.values():
            if provider.settings.issuer == claims.get("iss") and provider.settings.client_id in clients:
                return provider
        raise InvalidToken("the token is of an issuer, or for an audience, that is not configured")

    def _learn_from(self, session: Session) -> None:
        provider = self._providers.get(session.idp_id)
        if provider is not None:
            provider.learn_alg(session.tokens.id_token)

    def _learn_alg(self, provider: Provider, claims: Mapping[str, Any]) -> None:
        """
        People may have signed in through another process, before this one was there.
        """
        for claim, find in (("sid", self._registry.by_sid), ("sub", self._registry.by_sub)):
            value = claims.get(claim)
            found = find(provider.settings.issuer, value) if isinstance(value, str) else frozenset()
            session = self._registry.known(next(iter(found), ""))
            if session is not None and session.idp_id == provider.idp_id:
                provider.learn_alg(session.tokens.id_token)

    async def _act_once_on(self, token: LogoutToken) -> None:
        """
        The token has had its effect. Copies wait for the first; if that fails, the next one is the first.
        """
        key = (token.iss, token.jti)
        while (waiting := self._under_way.get(key)) is not None:
            first_is_done: Deferred[None] = Deferred()
            waiting.append(first_is_done)
            await first_is_done
        if self._registry.has_seen(*key):
            log.info("The OP {iss} has sent a logout token again", iss=token.iss)
            # It ends nothing more, but what it confirms may not have been recorded the first time.
            await self._ending.confirm_by_provider(self._logout(token))
            return
        self._under_way[key] = []
        try:
            await self._act_on(token)
        finally:
            for waiter in self._under_way.pop(key):
                waiter.callback(None)

    async def _act_on(self, token: LogoutToken) -> None:
        now = self._clock.seconds()
        receipt = await self._ending.end_by_provider(
            self._logout(token),
            Cause.BACK_CHANNEL,
            jti=SeenJti(iss=token.iss, jti=token.jti, expires=min(token.exp + LEEWAY, now + _REMEMBERED)),
        )
        log.info("The OP {iss} ended {count} sessions by the back channel", iss=token.iss, count=receipt.sessions_ended)

    def _logout(self, token: LogoutToken) -> ProviderLogout:
        issued = token.iat
        if issued < self._clock.seconds() - _DAY:
            # It may have been acted on and forgotten. Whoever has signed in at the OP since it was issued must stay, so
            # that a second time it finds nobody.
            issued -= SKEW + 1
        return ProviderLogout(iss=token.iss, sid=token.sid, sub=token.sub, client_id=token.client_id, issued=issued)


def _the_token(request: PageRequest) -> str:
    # Section 2.5: in the form; other parameters are ignored. Of two, nobody knows which one an OP has meant.
    values = request.values("logout_token", "form")
    if len(values) != 1:
        raise InvalidToken("the form must have exactly one logout_token")
    return values[0]


def _shown(iss: object) -> str:
    """
    What a log may say of an issuer that anybody can have written.
    """
    if not isinstance(iss, str):
        return ""
    return "".join(character if " " < character <= "~" else "?" for character in iss[:_LONGEST_SHOWN])


def _later(reason: str, *, seconds: int) -> Answer:
    # The specification says 400, after which no OP would ask again.
    return protocol_problem_answer(
        "temporarily_unavailable", reason, status=503, headers=[("Retry-After", str(seconds))]
    )
