"""
``/oauth2/callback``: the Authentication Response (OpenID Connect Core 1.0, sections 3.1.2.5 to 3.1.3.8; RFC 9207).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pomerium_tx import paths
from pomerium_tx.authenticate.browser import Browser, Browsers
from pomerium_tx.authenticate.code_verifiers import CodeVerifierCookies
from pomerium_tx.authenticate.form_post import is_cookieless_post, posted_again
from pomerium_tx.authenticate.hold import Holds
from pomerium_tx.authenticate.new_session import new_session, person_of, supposed_sub, tokens_of
from pomerium_tx.authenticate.refresher import plan_refresh_by_id_token
from pomerium_tx.authenticate.start import provider_is_silent
from pomerium_tx.authenticate.state import LIFETIME, State, States
from pomerium_tx.jose.jwt import InvalidToken
from pomerium_tx.logout.ending import Ending
from pomerium_tx.logout.handover import PROGRAMMATIC, REDIRECT_URI
from pomerium_tx.logout.late_tokens import LateTokens
from pomerium_tx.oidc.authentication import AuthenticationResponse, InvalidResponse, read_response
from pomerium_tx.oidc.id_token import IdToken
from pomerium_tx.oidc.metadata import ProviderMetadata
from pomerium_tx.oidc.provider import (
    AuthenticationRefused,
    Provider,
    ProviderUnavailable,
    TokenResponse,
    UserInfoRefused,
)
from pomerium_tx.sessions.registry import SessionRegistry, SignedOutMeanwhile
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause, StoreUnavailable
from pomerium_tx.web import html
from pomerium_tx.web.page_request import parse_pairs
from pomerium_tx.web.resource import Answer, HttpProblem, Page, PageRequest, html_answer, redirect
from pomerium_tx.web.signed_url import UrlSigner

log = Logger()

_REFUSALS = ("access_denied", "unauthorized_client")
_NOT_SIGNED_IN = "You are not signed in"


class CallbackPage(Page):
    """
    Finishes a sign-in.
    """

    methods: ClassVar[tuple[str, ...] | None] = ("GET", "POST")
    reads_form: ClassVar[bool] = True

    def __init__(
        self,
        *,
        registry: SessionRegistry,
        providers: Mapping[str, Provider],
        browsers: Browsers,
        holds: Holds,
        states: States,
        code_verifiers: CodeVerifierCookies,
        ending: Ending,
        late_tokens: LateTokens,
        url_signer: UrlSigner,
        authenticate_origin: str,
        session_lifetime: float,
        session_begun: Callable[[Session], None],
        clock: IReactorTime,
    ) -> None:
        """
        :param session_begun: Told each session that begins, for the audit log.
        """
        super().__init__()
        self._registry = registry
        self._providers = providers
        self._browsers = browsers
        self._holds = holds
        self._states = states
        self._code_verifiers = code_verifiers
        self._ending = ending
        self._late_tokens = late_tokens
        self._url_signer = url_signer
        self._sign_in = authenticate_origin + paths.SIGN_IN
        self._session_lifetime = session_lifetime
        self._session_begun = session_begun
        self._clock = clock

    async def answer(self, request: PageRequest) -> Answer:
        """
        A session and the way back, or why there is none.
        """
        if request.method == "POST" and is_cookieless_post(request):
            return posted_again(request)
        params = request.query if request.method == "GET" else request.form_fields
        values = [value for name, value in params if name == "state"]
        state = self._states.open(values[0]) if len(values) == 1 else None
        if state is None:
            raise _unexpected(params, None)
        clear_verifier = ("Set-Cookie", self._code_verifiers.clear(values[0]))
        try:
            return await self._finish(request, params, values[0], state, clear_verifier)
        except HttpProblem as problem:
            problem.headers = (*problem.headers, clear_verifier)
            raise

    async def _finish(
        self,
        request: PageRequest,
        params: Sequence[tuple[str, str]],
        sealed_state: str,
        state: State,
        clear_verifier: tuple[str, str],
    ) -> Answer:
        now = self._clock.seconds()
        retry = self._wanted(state)
        browser = self._browsers.read(request)
        if not state.is_bound_to(browser.csrf_secrets):
            if browser.session is not None:
                # Another tab was quicker to begin, and has signed this browser in. Nothing begins by this response.
                return redirect(retry, status=302 if request.method == "GET" else 303, headers=[clear_verifier])
            raise _unexpected(params, retry)
        if not state.is_current(now):
            raise _problem(400, "Signing in took too long. Please try again.", retry)
        provider = self._providers.get(state.idp_id)
        if provider is None:
            raise _problem(400, "The identity provider you came from is not in use any more.", retry)
        metadata = await self._metadata(provider, retry)
        response = self._response(params, provider, metadata, retry)
        code_verifier = None
        if state.uses_pkce:
            code_verifier = self._code_verifiers.read(sealed_state, request.cookies, now)
            if code_verifier is None:
                raise _problem(400, "This sign-in was begun in another browser, or too long ago.", retry)
        await self._use(state, retry)
        tokens = await self._exchanged(provider, response, code_verifier, retry)
        try:
            session = await self._session(request, browser, provider, tokens, state)
            return await self._begin(request, browser, state, session, clear_verifier)
        except SignedOutMeanwhile:
            self._late_tokens.owe(state.idp_id, tokens_of(tokens, None, now), supposed_sub(tokens))
            body = html.signed_out_while_signing_in(retry, request_id=request.request_id)
            return html_answer(body, status=401, headers=[clear_verifier])

    def _response(
        self, params: Sequence[tuple[str, str]], provider: Provider, metadata: ProviderMetadata, retry: str
    ) -> AuthenticationResponse:
        try:
            response = read_response(params, settings=provider.settings, metadata=metadata)
        except InvalidResponse as problem:
            log.warn(
                "The OP {iss} sent no Authentication Response: {reason}", iss=_iss(provider), reason=problem.reason
            )
            raise _problem(400, "The identity provider's answer cannot be understood.", retry) from None
        if response.error is not None:
            log.warn("The OP {iss} refuses: {error}", iss=_iss(provider), error=response.error)
            raise _refused(response.error, retry)
        return response

    async def _metadata(self, provider: Provider, retry: str) -> ProviderMetadata:
        try:
            return await provider.metadata()
        except ProviderUnavailable:
            raise provider_is_silent(retry) from None

    async def _use(self, state: State, retry: str) -> None:
        """
        Let this answer be the only one that finishes the sign-in.
        """
        try:
            if not await self._registry.use_once(state.once, state.issued + LIFETIME + 60.0):
                raise _problem(400, "This sign-in is finished already. Please try again.", retry)
        except StoreUnavailable:
            raise _not_now(retry) from None

    async def _exchanged(
        self, provider: Provider, response: AuthenticationResponse, code_verifier: str | None, retry: str
    ) -> TokenResponse:
        assert response.code is not None
        try:
            return await provider.exchange_code(response.code, code_verifier=code_verifier)
        except AuthenticationRefused as refusal:
            log.warn("The OP {iss} refuses the code: {error}", iss=_iss(provider), error=refusal.error)
            if refusal.error == "invalid_grant":
                raise _problem(400, "The identity provider does not accept this sign-in any more.", retry) from None
            raise provider_is_silent(retry) from None
        except (ProviderUnavailable, InvalidToken) as problem:
            log.warn("Sign-in by the OP {iss} failed: {reason}", iss=_iss(provider), reason=str(problem))
            raise provider_is_silent(retry) from None

    async def _session(
        self, request: PageRequest, browser: Browser, provider: Provider, tokens: TokenResponse, state: State
    ) -> Session:
        """
        :raises SignedOutMeanwhile: If the person has signed out; then these tokens are used for nothing.
        """
        self._require_current(request, browser, state)
        try:
            person = await person_of(
                provider,
                tokens,
                nonce=state.nonce,
                now=self._clock.seconds(),
                require_current=lambda id_token: self._require_current(request, browser, state, id_token),
            )
        except (ProviderUnavailable, UserInfoRefused, InvalidToken) as problem:
            # The OP may have refused because of that very sign-out.
            self._require_current(request, browser, state)
            log.warn("Sign-in by the OP {iss} failed: {reason}", iss=_iss(provider), reason=str(problem))
            self._late_tokens.owe(state.idp_id, tokens_of(tokens, None, self._clock.seconds()), supposed_sub(tokens))
            raise provider_is_silent(self._wanted(state)) from None
        self._require_current(request, browser, state, person.id_token)
        return new_session(
            person,
            provider,
            browser=state.browser,
            user_agent=request.user_agent,
            address=request.client_address,
            now=self._clock.seconds(),
            lifetime=self._session_lifetime,
            was_asked=state.asks,
        )

    def _require_current(
        self, request: PageRequest, browser: Browser, state: State, id_token: IdToken | None = None
    ) -> None:
        if id_token is not None and self._registry.is_person_overtaken(
            id_token.iss, id_token.sub, id_token.sid, signed_in=id_token.iat, since=state.issued
        ):
            raise SignedOutMeanwhile
        # A reload that removes an OP signs its people out.
        if state.idp_id not in self._providers:
            raise SignedOutMeanwhile
        if self._registry.is_overtaken(state.browser, state.issued):
            raise SignedOutMeanwhile
        # The sign-out may have been that of a session which the sign-in, when it began, knew nothing of.
        iss = self._providers[state.idp_id].settings.issuer
        if any(state.is_held_by(hold.at) for hold in self._holds.all_in_force(request, browser, iss)):
            raise SignedOutMeanwhile

    async def _begin(
        self,
        request: PageRequest,
        browser: Browser,
        state: State,
        session: Session,
        clear_verifier: tuple[str, str],
    ) -> Answer:
        retry = self._wanted(state)
        try:
            await self._registry.begin(session, state_issued=state.issued)
        except StoreUnavailable:
            self._late_tokens.owe(session.idp_id, session.tokens, session.sub)
            raise _not_now(retry) from None
        plan_refresh_by_id_token(self._registry, session.id, session.tokens, session.began)
        self._session_begun(session)
        await self._replace_earlier(browser, session)
        holds = self._holds.that_go_on(request, browser, signed_in_at=session.iss)
        headers = [self._browsers.session_cookie(session), clear_verifier, *holds]
        return redirect(self._return_url(state), status=302 if request.method == "GET" else 303, headers=headers)

    async def _replace_earlier(self, browser: Browser, session: Session) -> None:
        """
        A browser is one person: its earlier sessions by the same OP are over, and what was another browser's.
        """
        names = dict.fromkeys((*browser.session_ids, *sorted(self._registry.by_browser(session.browser))))
        earlier = [
            name
            for name in names
            if name != session.id
            and (known := self._registry.known(name)) is not None
            and (known.idp_id == session.idp_id or known.browser != session.browser)
        ]
        if not earlier:
            return
        try:
            await self._ending.end(earlier, Cause.REPLACED)
        except StoreUnavailable:
            log.error("Earlier sessions of the browser of {session} could not be ended", session=session.id)
            raise _not_now(None) from None

    def _return_url(self, state: State) -> str:
        """
        Back to the sign-in, freshly signed, since the person may have taken their time at the OP.
        """
        if state.return_url.startswith(self._sign_in + "?"):
            return self._url_signer.sign(state.return_url, self._clock.seconds())
        return state.return_url

    def _wanted(self, state: State) -> str:
        """
        Where the person wanted to go in the first place.
        """
        if not state.return_url.startswith(self._sign_in + "?"):
            return state.return_url
        query = parse_pairs(state.return_url.partition("?")[2].encode("latin-1", "replace"))
        if (PROGRAMMATIC, "true") in query:
            # The program has no use for a person who comes without a handle.
            return self._return_url(state)
        return next((value for name, value in query if name == REDIRECT_URI), state.return_url)


def _iss(provider: Provider) -> str:
    return provider.settings.issuer


def _problem(status: int, message: str, retry: str | None) -> HttpProblem:
    return HttpProblem(status, message, title=_NOT_SIGNED_IN, retry=retry)


def _refused(error: str, retry: str | None) -> HttpProblem:
    if error in _REFUSALS:
        return _problem(401, "Your identity provider did not let you in.", retry)
    return _problem(400, "Your identity provider could not sign you in.", retry)


def _unexpected(params: Sequence[tuple[str, str]], retry: str | None) -> HttpProblem:
    """
    The answer to a response that we cannot tell to be ours.
    """
    errors = [value for name, value in params if name == "error"]
    if len(errors) == 1 and errors[0] in _REFUSALS:
        return _refused(errors[0], retry)
    return _problem(400, "This sign-in was not begun in this browser, or is not known any more.", retry)


def _not_now(retry: str | None) -> HttpProblem:
    return _problem(503, "Signing in is not possible just now. Please try again in a moment.", retry)
