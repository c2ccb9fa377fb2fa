"""
The beginning of a sign-in: off to the OpenID Provider (OpenID Connect Core 1.0, section 3.1.2.1).
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.authenticate.browser import Browser, Browsers
from pomerium_tx.authenticate.code_verifiers import CodeVerifierCookies
from pomerium_tx.authenticate.hold import Hold, Holds
from pomerium_tx.authenticate.state import State, States, binding_of
from pomerium_tx.oidc.authentication import authentication_request, code_challenge, new_code_verifier, new_nonce
from pomerium_tx.oidc.fetch import ProviderUnavailable
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.web import html
from pomerium_tx.web.fetch_metadata import unauthenticated_is_401
from pomerium_tx.web.resource import Answer, HttpProblem, PageRequest, html_answer, redirect
from pomerium_tx.web.sealed import Sealer

HELD = "pomerium_held"
"""
The form field with the sign-in that a held page stands for.
"""

PROVIDER_IS_SILENT = "The identity provider gives no answer. Please try again in a moment."


class SignInStart:
    """
    Sends people to their OP, or tells them that they have signed out.
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
        held: HeldSignIns,
        clock: IReactorTime,
    ) -> None:
        self._providers = providers
        self._default_idp_id = default_idp_id
        self._browsers = browsers
        self._holds = holds
        self._states = states
        self._code_verifiers = code_verifiers
        self._held = held
        self._clock = clock
