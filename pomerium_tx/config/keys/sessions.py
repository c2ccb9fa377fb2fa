"""
Keys about signing in and out: the authenticate host, cookies, and how long a session lasts.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretBytes

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.section import Duration, FileName, Key32, Limit, Origin, Origins, Section, Truth, Url


class SessionKeys(Section):
    """
    Signing in and out.
    """

    authenticate_service_url: Origin
    """
    Where browsers reach the sign-in pages: scheme and host, and the port where it is not the usual one; no path.
    ``http://`` only for names of this machine (``localhost``, ``*.localhost``, ``127.0.0.1``). Register
    ``/oauth2/callback`` below it at the provider as redirect URI, and ``/.pomerium/signed_out`` as post-logout redirect
    URI. Pomerium has a hosted default; here it must be set.
    """
    signout_redirect_url: Url | None = None
    """
    Where a person lands after signing out, unless the link says otherwise. Unset, on our own page, which says what was
    ended.
    """
    sign_out_redirect_allowlist: Origins = ()
    """
    Origins, besides those of routes, to which ``pomerium_redirect_uri`` of a sign-out link may lead.
    """
    sign_out_from_same_site: Annotated[Literal["confirm", "now"], BeforeValidator(forms.lower)] = "confirm"
    """
    What a sign-out link on a sibling host does (same site, other origin): ``confirm`` asks the person first, ``now``
    signs out at once.
    """
    shared_secret: Key32 = Field(default_factory=lambda: SecretBytes(os.urandom(32)))
    """
    Signs session handles and links, and what else only we may have made: 32 random bytes, as
    ``head -c32 /dev/urandom | base64`` prints them. Unset, it is random, and with a restart everybody is signed out.
    """
    shared_secret_file: FileName | None = None
    """
    The file with ``shared_secret``.
    """
    cookie_secret: Key32 = Field(default_factory=lambda: SecretBytes(os.urandom(32)))
    """
    Seals what travels through the browser while a person signs in: 32 random bytes, made as those of
    ``shared_secret``. Unset, it is random.
    """
    cookie_secret_file: FileName | None = None
    """
    The file with ``cookie_secret``.
    """
    cookie_name: Annotated[str, BeforeValidator(forms.cookie_name)] = "_pomerium"
    """
    Our cookies are the one of this name and those that begin with it and ``_``. They are always ``Secure``, and never
    reach an application.
    """
    cookie_domain: Annotated[str, BeforeValidator(forms.cookie_domain)] | None = None
    """
    The domain of the session's cookie. Unset, each host has its own, which is safer; set, it must cover the
    authenticate host and every route.
    """
    cookie_expire: Duration = timedelta(hours=14)
    """
    How long a session lasts, whatever happens; then the person signs in again.
    """
    session_idle_timeout: Limit = None
    """
    Ends a session that nobody has used for so long. Unset, or 0, sessions do not end for want of use.
    """
    session_idle_counts_streams: Truth = False
    """
    Whether an answer that still runs, or an open WebSocket, counts as a use of its session for
    ``session_idle_timeout``.
    """
    cookie_http_only: Truth = True
    """
    Keeps the session's cookie from scripts of the applications' pages.
    """
    cookie_same_site: Annotated[Literal["Strict", "Lax", "None"], BeforeValidator(forms.same_site)] | None = None
    """
    The cookie's ``SameSite``. Unset, it is left to the browser, and most take it for ``Lax``.
    """
