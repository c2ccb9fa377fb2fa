"""
The beginning of a sign-in: off to the OpenID Provider (OpenID Connect Core 1.0, section 3.1.2.1), unless a hold is in
force.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from twisted.internet.interfaces import IReactorTime

from pomerium_tx import paths
from pomerium_tx.authenticate.browser import Browser, Browsers
from pomerium_tx.authenticate.code_verifiers import CodeVerifierCookies
from pomerium_tx.authenticate.hold import Hold, Holds
from pomerium_tx.authenticate.state import State, States, binding_of
from pomerium_tx.oidc.authentication import authentication_request, code_challenge, new_code_verifier, new_nonce
from pomerium_tx.oidc.metadata import ProviderMetadata
from pomerium_tx.oidc.provider import Provider, ProviderSettings, ProviderUnavailable
from pomerium_tx.web import html
from pomerium_tx.web.fetch_metadata import unauthenticated_is_401
from pomerium_tx.web.resource import Answer, HttpProblem, PageRequest, html_answer, redirect
from pomerium_tx.web.sealed import Sealer

HELD = "pomerium_held"
"""
The form field with the sign-in that a held page offers.
"""
_PURPOSE = "held sign-in"


class SignInStart:
    """
    Sends people to their OP, or says that they have signed out.
    """

    def __init__(
        self,
        *,
        providers: Mapping[str, Provider],
        default_idp_id: str,
        browsers: Browsers,
        holds: Holds,
        states: States,
        code_verifiers: CodeVerifierCookies,
        sealer: Sealer,
        clock: IReactorTime,
    ) -> None:
        self._providers = providers
        self._default_idp_id = default_idp_id
        self._browsers = browsers
        self._holds = holds
        self._states = states
        self._code_verifiers = code_verifiers
        self._sealer = sealer
        self._clock = clock

    def known_idp_id(self, idp_id: str | None) -> str:
        """
        The id of a configured OP: the one asked for, else the default.
        """
        return idp_id if idp_id is not None and idp_id in self._providers else self._default_idp_id

    def issuer_of(self, idp_id: str) -> str:
        """
        The issuer of a configured OP.
        """
        return self._providers[idp_id].settings.issuer

    async def unless_held(
        self, request: PageRequest, browser: Browser, *, return_url: str, held_url: str, idp_id: str
    ) -> Answer:
        """
        Off to the OP, for a person who has not signed out.

        :param return_url: Where the person goes once signed in.
        :param held_url: The same, if they take their time before they want to sign in.
        """
        hold = self._holds.in_force(request, browser, self.issuer_of(idp_id))
        if unauthenticated_is_401(request.header, handle_outside_cookie=False):
            raise HttpProblem(401, "You are not signed in." if hold is None else "You have signed out.")
        if hold is not None:
            return self._held_page(browser, hold, held_url, idp_id)
        return await self.begin(request, browser, return_url=return_url, idp_id=idp_id)

    async def begin(
        self,
        request: PageRequest,
        browser: Browser,
        *,
        return_url: str,
        idp_id: str,
        by_click: bool = False,
        most_age: float | None = None,
    ) -> Answer:
        """
        Off to the OP.

        :param by_click: The person has signed out and asks to sign in: the OP must ask them who they are. Until they
            have said so their other tabs are held as before.
        :param most_age: How long ago, in seconds, they may have said so; the OP then has to say when it was. What it
            says is for the caller to look at: an OP that does not do as it was told must not keep anybody out.
        """
        # Before any wait: an end that comes while we wait is later than this sign-in.
        now = self._clock.seconds()
        browser_id = self._browsers.browser_id(browser)
        provider = self._providers[idp_id]
        try:
            metadata = await provider.metadata()
        except ProviderUnavailable:
            raise provider_is_silent(request.url if request.method == "GET" else return_url) from None
        code_verifier = new_code_verifier() if metadata.supports_pkce else None
        prompt = _reprompt(provider, metadata) if by_click else None
        state = State(
            issued=now,
            nonce=new_nonce(),
            browser=browser_id,
            idp_id=idp_id,
            return_url=return_url,
            uses_pkce=code_verifier is not None,
            binding=binding_of(browser.csrf_secret),
            # A clock that another process has may be ahead.
            clicked=max((now, *(hold.at for hold in self._holds.all_in_force(request, browser)))) if by_click else None,
            # To select an account is not to say who one is.
            asks="login" in (prompt or provider.settings.request_params.get("prompt", "")).split(),
        )
        sealed = self._states.seal(state)
        location = authentication_request(
            metadata,
            provider.settings if most_age is None else _with_max_age(provider.settings, most_age),
            state=sealed,
            nonce=state.nonce,
            code_challenge=None if code_verifier is None else code_challenge(code_verifier),
            prompt=prompt,
        )
        headers = [self._browsers.csrf_cookie(browser)]
        if code_verifier is not None:
            headers.append(("Set-Cookie", self._code_verifiers.set(sealed, code_verifier, now)))
        if not by_click:
            # What is not in force any more must not come into force again when its receipt is forgotten.
            headers += self._browsers.without_stale_session(browser)
            headers += self._holds.that_go_on(request, browser)
        return redirect(location, status=302 if request.method == "GET" else 303, headers=headers)

    def read_held(self, value: str | None) -> tuple[str, str] | None:
        """
        Where the person wanted to go and by which OP, from the field of a held page.
        """
        plaintext = None if not value else self._sealer.open(_PURPOSE, value)
        if plaintext is None:
            return None
        content = json.loads(plaintext)
        return content["url"], content["idp_id"]

    def _held_page(self, browser: Browser, hold: Hold, held_url: str, idp_id: str) -> Answer:
        sealed = self._sealer.seal(_PURPOSE, json.dumps({"url": held_url, "idp_id": idp_id}).encode())
        body = html.held(hold.at, paths.SIGN_IN, self._browsers.token(browser), {HELD: sealed})
        return html_answer(body, headers=[self._browsers.csrf_cookie(browser)])


def _reprompt(provider: Provider, metadata: ProviderMetadata) -> str:
    """
    The ``prompt`` that makes this OP ask who is there: ``login``, unless it says or was configured otherwise.
    """
    # Few OPs say; a configured one is then known to work.
    configured = provider.settings.request_params.get("prompt", "")
    known = metadata.prompt_values_supported or configured.split()
    asking = "select_account" if "select_account" in known and "login" not in known else "login"
    # What is configured besides may be what gives a refresh token.
    return configured if asking == "select_account" and asking in configured.split() else asking


def _with_max_age(settings: ProviderSettings, most_age: float) -> ProviderSettings:
    """
    The same, asking for an authentication that is at most so old; what is configured may be stricter.
    """
    configured = settings.request_params.get("max_age", "")
    seconds = min(int(configured), int(most_age)) if configured.isdecimal() else int(most_age)
    return replace(settings, request_params={**settings.request_params, "max_age": str(seconds)})


def provider_is_silent(retry: str | None) -> HttpProblem:
    """
    The page that says that the OP gives no answer.
    """
    return HttpProblem(
        502,
        "The identity provider gives no usable answer just now. Please try again in a moment.",
        title="Your identity provider does not answer",
        retry=retry,
    )
