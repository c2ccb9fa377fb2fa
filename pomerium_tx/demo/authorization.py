"""
The authorization endpoint of the development OP: what an Authentication Request asks for.

OpenID Connect Core 1.0, 3.1.2; PKCE (RFC 7636); ``iss`` in the response (RFC 9207).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pomerium_tx.demo.ledger import OPSession, RequestRefused
from pomerium_tx.demo.registration import Client

_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_PROMPTS = frozenset({"none", "login", "consent", "select_account"})


class InteractionRequired(Exception):
    """
    The person has to be asked who they are before this request can be answered.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationRequest:
    """
    A request that names a known client and one of its redirect URIs.
    """

    client: Client
    redirect_uri: str
    state: str | None = field(repr=False)
    nonce: str | None = field(repr=False)
    code_challenge: str | None = field(repr=False)
    scope: frozenset[str]
    prompt: frozenset[str]
    max_age: float | None
    query: str = field(repr=False)
    """
    The request itself, to be taken up again once the person has chosen.
    """

    def needs_authentication(self, session: OPSession | None, now: float) -> bool:
        """
        Whether the person must authenticate anew for this request.
        """
        if session is None or "login" in self.prompt:
            return True
        return self.max_age is not None and now - session.auth_time > self.max_age


class ResponseRefused(RequestRefused):
    """
    A refusal that the relying party is told of, through the user agent.
    """

    def __init__(self, error: str, description: str, *, redirect_uri: str, state: str | None) -> None:
        super().__init__(error, description)
        self.redirect_uri = redirect_uri
        self.state = state

    def location(self, issuer: str) -> str:
        """
        Where the user agent goes with this refusal.
        """
        parameters = {"error": self.error, "error_description": self.description}
        return response_location(self.redirect_uri, parameters, state=self.state, issuer=issuer)


def one(parameters: Sequence[tuple[str, str]], name: str) -> str | None:
    """
    The value of the parameter *name*; an empty one counts as absent (RFC 6749, 3.1).

    :raises RequestRefused: If it is there more than once.
    """
    values = [value for key, value in parameters if key == name]
    if len(values) > 1:
        raise RequestRefused("invalid_request", f"The parameter {name} is repeated.")
    return values[0] or None if values else None


def parse_query(query: str) -> list[tuple[str, str]]:
    """
    The parameters of a query or of a form.

    :raises RequestRefused: If there are too many.
    """
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise RequestRefused("invalid_request", "There are too many parameters.") from None


def read_request(query: str, clients: Mapping[str, Client]) -> AuthenticationRequest:
    """
    The Authentication Request in *query*.

    :raises ResponseRefused: If the relying party is to be told that its request is wrong.
    :raises RequestRefused: If it is not even certain whom to tell; the person sees a page.
    """
    parameters = parse_query(query)
    client = clients.get(one(parameters, "client_id") or "")
    if client is None:
        raise RequestRefused("invalid_request", "The client_id is not known.")
    redirect_uri = one(parameters, "redirect_uri")
    if redirect_uri is None or redirect_uri not in client.redirect_uris:
        raise RequestRefused("invalid_request", "The redirect_uri is not registered for this client.")
    states = [value for key, value in parameters if key == "state"]
    state = states[0] if len(states) == 1 else None
    try:
        return _checked_request(parameters, client, redirect_uri, state, query)
    except RequestRefused as refused:
        raise ResponseRefused(refused.error, refused.description, redirect_uri=redirect_uri, state=state) from None


def _checked_request(
    parameters: Sequence[tuple[str, str]],
    client: Client,
    redirect_uri: str,
    state: str | None,
    query: str,
) -> AuthenticationRequest:
    one(parameters, "state")
    if one(parameters, "request") is not None:
        raise RequestRefused("request_not_supported", "Request objects are not supported.")
    if one(parameters, "request_uri") is not None:
        raise RequestRefused("request_uri_not_supported", "Request objects are not supported.")
    if one(parameters, "response_type") != "code":
        raise RequestRefused("unsupported_response_type", "Only the response_type code is supported.")
    if one(parameters, "response_mode") not in (None, "query"):
        raise RequestRefused("invalid_request", "Only the response_mode query is supported.")
    scope = frozenset((one(parameters, "scope") or "").split())
    if "openid" not in scope:
        raise RequestRefused("invalid_scope", "The scope does not contain openid.")
    prompt = frozenset((one(parameters, "prompt") or "").split())
    if prompt - _PROMPTS or ("none" in prompt and len(prompt) > 1):
        raise RequestRefused("invalid_request", "The prompt is not one of those supported, or not alone.")
    return AuthenticationRequest(
        client=client,
        redirect_uri=redirect_uri,
        state=state,
        nonce=one(parameters, "nonce"),
        code_challenge=_code_challenge(parameters),
        scope=scope,
        prompt=prompt,
        max_age=_max_age(one(parameters, "max_age")),
        query=query,
    )


def _code_challenge(parameters: Sequence[tuple[str, str]]) -> str | None:
    code_challenge = one(parameters, "code_challenge")
    method = one(parameters, "code_challenge_method")
    if code_challenge is None and method is None:
        return None
    if method != "S256":
        raise RequestRefused("invalid_request", "Only the code_challenge_method S256 is supported.")
    if code_challenge is None or not _S256_CHALLENGE.match(code_challenge):
        raise RequestRefused("invalid_request", "The code_challenge is not one of S256.")
    return code_challenge


def _max_age(value: str | None) -> float | None:
    if value is None:
        return None
    if not re.fullmatch("[0-9]{1,9}", value):
        raise RequestRefused("invalid_request", "The max_age is not a number of seconds.")
    return float(value)


def response_location(uri: str, parameters: Mapping[str, str], *, state: str | None, issuer: str | None = None) -> str:
    """
    *uri* with the parameters of a response added, its own query kept.
    """
    added = dict(parameters)
    if state is not None:
        added["state"] = state
    if issuer is not None:
        added["iss"] = issuer
    parts = urlsplit(uri)
    query = "&".join(part for part in (parts.query, urlencode(added)) if part)
    return urlunsplit(parts._replace(query=query))
