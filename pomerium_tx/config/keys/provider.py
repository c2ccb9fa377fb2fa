"""
The keys of one provider: outside of everything, as Pomerium has them, or in one of ``providers``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import values
from pomerium_tx.config.forms.provider_types import EACH, LAST_SESSION, OFF, PROVIDER_TYPES, ProviderType, Slash
from pomerium_tx.config.section import FileName, Password, Section, StringMap, Strings, Text, Truth

DEFAULT: Final = "default"
"""
The name of the provider whose keys stand outside of ``providers``.
"""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_REQUIRED: Final = frozenset({"idp_provider", "idp_provider_url", "idp_client_id", "idp_client_secret"})


def provider_type(value: object) -> str:
    """
    ``idp_provider``.
    """
    word = forms.lower(value)
    if word == "hosted":
        raise ValueError("means Pomerium's own sign-in service, which is not used here; write your own provider's kind")
    if word not in PROVIDER_TYPES:
        raise ValueError(f"must be one of {', '.join(sorted(PROVIDER_TYPES))}")
    return word


def revocation_mode(value: object) -> str:
    """
    ``revocation``; YAML takes ``off`` for a truth value.
    """
    word = OFF if value is False else forms.lower(value)
    if word not in (EACH, LAST_SESSION, OFF):
        raise ValueError("must be each, last_session or off")
    return word


def sign_out_template(value: object) -> str:
    """
    A URL with names in braces, which become values in its query.
    """
    written = forms.text(value)
    url, _, query = written.partition("?")
    if not re.fullmatch(r"[!-~]*", written) or "#" in written:
        raise ValueError("must be a URL without spaces and without a fragment")
    if "{" in url or "}" in url:
        raise ValueError("may have names in braces after the question mark only")
    values.split_url(url)
    left = re.sub(r"\{(?:client_id|post_logout_redirect_uri|id_token_hint|state)\}", "", query)
    if "{" in left or "}" in left:
        raise ValueError("may have in braces: client_id, post_logout_redirect_uri, id_token_hint, state")
    return written


def by_name(value: object) -> object:
    """
    ``providers``: a mapping of names to mappings, or one as JSON.
    """
    found = forms.section(value)
    if not isinstance(found, Mapping):
        raise ValueError("must be a mapping of names to the keys of a provider")
    for name in found:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name: write letters, digits, - and _, 32 at most")
    return found


class ProviderSection(Section):
    """
    One client registration at one provider.
    """

    files: ClassVar[Mapping[str, str]] = {"idp_client_secret": "idp_client_secret_file"}
    empty_says: ClassVar[frozenset[str] | None] = frozenset()

    idp_provider: Annotated[str, BeforeValidator(provider_type)] | None = None
    """
    The kind of provider: ``oidc`` for any that publishes OpenID Connect metadata, or ``apple``, ``auth0``, ``azure``,
    ``cognito``, ``github``, ``gitlab``, ``google``, ``okta``, ``onelogin``, ``ping``, whose particulars are known
    (`providers/README.md`).
    """
    idp_provider_url: Annotated[str, BeforeValidator(forms.issuer)] | None = None
    """
    The provider's issuer, letter for letter as in its ``/.well-known/openid-configuration``. Unset, the one of its
    kind, where there is one for everybody.
    """
    idp_client_id: Text | None = None
    """
    The name under which the provider has registered this proxy.
    """
    idp_client_secret: Password | None = None
    """
    The client's secret, as the provider has given it out.
    """
    idp_client_secret_file: FileName | None = None
    """
    The file with ``idp_client_secret``.
    """
    idp_scopes: Strings | None = None
    """
    What the provider is asked for. Unset, what suits its kind; for ``oidc`` that is ``openid``, ``profile``, ``email``
    and ``offline_access``. ``openid`` must be among them, except for ``github``. ``offline_access`` is what gives a
    refresh token at most providers, without which a session ends with its access token.
    """
    idp_request_params: StringMap | None = Field(default=None)
    """
    More parameters of the sign-in request to the provider, such as ``prompt: select_account``. Unset, those that suit
    its kind.
    """
    end_session: Truth | None = None
    """
    Whether a person's sign-out leads them to the provider's own. Unset, it does where the provider has one.
    """
    end_session_needs_hint: Truth | None = None
    """
    The provider ignores or refuses a sign-out without an ID Token: where we have none it is then sent neither return
    address nor state. Unset, as is known of its kind.
    """
    sign_out_url: Annotated[str, BeforeValidator(sign_out_template)] | None = None
    """
    The provider's own sign-out, instead of the one that its metadata names. ``{client_id}``,
    ``{post_logout_redirect_uri}``, ``{id_token_hint}`` and ``{state}`` in its query become the values, encoded. Unset,
    as is known of its kind.
    """
    revocation: Annotated[Literal["each", "last_session", "off"], BeforeValidator(revocation_mode)] | None = None
    """
    When tokens are revoked at the provider: those of ``each`` session after its end, or only when no session of the
    same person and client is left (``last_session``: where revoking one token takes back everything that the person has
    ever granted), or ``off``. Unset, as is known of its kind.
    """
    id_token_signed_response_alg: Annotated[str, BeforeValidator(forms.signature_algorithm)] | None = None
    """
    How the provider signs ID Tokens and logout tokens, if only that is to be accepted. Unset, any asymmetric algorithm
    that its metadata lists; logout tokens as the ID Tokens were.
    """
    backchannel_logout_allow_missing_exp: Truth = False
    """
    Accept back-channel logout tokens without ``exp``: they are then good for two minutes from when they were issued.
    """
    frontchannel_sid_is_sub: Truth = False
    """
    What the provider calls ``sid`` in front-channel logouts is the person's ``sub``: one ends those of their sessions
    that were last used from the same address.
    """

    @property
    def is_written(self) -> bool:
        """
        Whether a provider is described at all.
        """
        return not self.model_fields_set.isdisjoint(_REQUIRED)

    @property
    def particulars(self) -> ProviderType:
        """
        What is known of its kind.
        """
        return PROVIDER_TYPES[self.idp_provider or "oidc"]

    @property
    def issuer(self) -> str:
        """
        The provider's name for itself; empty if it is not known.
        """
        url = self.idp_provider_url or self.particulars.url or ""
        match self.particulars.slash:
            case Slash.ADDED:
                return url if not url or url.endswith("/") else f"{url}/"
            case Slash.DROPPED:
                return url.rstrip("/")
            case Slash.AS_WRITTEN:
                return url

    @property
    def scopes(self) -> tuple[str, ...]:
        """
        What is asked for.
        """
        return self.particulars.scopes if self.idp_scopes is None else self.idp_scopes

    @property
    def request_params(self) -> Mapping[str, str]:
        """
        What goes along with each sign-in.
        """
        chosen = self.particulars.request_params if self.idp_request_params is None else self.idp_request_params
        return {**chosen, **self.particulars.fixed_params}
