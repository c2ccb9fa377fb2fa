"""
The beginning of a sign-in, on a route host: off to the authenticate host, with a cookie to come back to.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from pomerium_tx import paths
from pomerium_tx.logout.handover import (
    ADDITIONAL_HOSTS,
    CALLBACK_URI,
    IDP_ID,
    LOGIN,
    PROGRAMMATIC,
    REDIRECT_URI,
    login_digest,
)
from pomerium_tx.web.cookies import cookie_values, set_cookie
from pomerium_tx.web.signed_url import UrlSigner

LIFETIME = 900

# 128 random bits in base64url.
_VALUE = re.compile(rb"[A-Za-z0-9_-]{22}")
_ALL_VISIBLE = re.compile(r"[!-~]*")
_VISIBLE = "".join(chr(octet) for octet in range(0x21, 0x7F))


class LoginCookies:
    """
    The cookie that ties a sign-in to the user agent that began it. Parallel tabs share it.
    """

    def __init__(self, cookie_name: str) -> None:
        self._name = f"{cookie_name}_login"
        self._attributes = set_cookie(self._name, "", max_age=LIFETIME, same_site="lax").removeprefix(f"{self._name}=")

    def read(self, cookie_headers: Iterable[bytes]) -> list[str]:
        """
        Every well-formed value: a sibling host can have planted some, in front of the one that is ours.
        """
        values = cookie_values(cookie_headers, self._name.encode("ascii"))
        return [value.decode("ascii") for value in values if _VALUE.fullmatch(value)]

    def kept(self, cookie_headers: Iterable[bytes]) -> str:
        """
        A value that the user agent has already, or else a fresh one.
        """
        return next(iter(self.read(cookie_headers)), None) or secrets.token_urlsafe(16)

    def set(self, value: str) -> str:
        """
        The ``Set-Cookie`` value that keeps one that is `kept`.
        """
        return f"{self._name}={value}{self._attributes}"


class LoginStart:
    """
    Writes the redirect to the sign-in.
    """

    def __init__(self, *, url_signer: UrlSigner, authenticate_origin: str, cookie_name: str) -> None:
        self._url_signer = url_signer
        self._sign_in = authenticate_origin + paths.SIGN_IN
        self._cookies = LoginCookies(cookie_name)

    def begin(
        self, url: str, cookie_headers: Sequence[bytes], idp_id: str, now: float, hosts: Sequence[str] = ()
    ) -> tuple[str, str]:
        """
        Where to send the user agent, and the cookie to give it.

        :param url: Where the person wants to be, absolute; comes back as it is.
        :param cookie_headers: The request's ``Cookie`` fields.
        :param idp_id: The OP that the route wants people from.
        :param hosts: Further hosts, with their ports, where the person is to be signed in on the way.
        """
        value = self._cookies.kept(cookie_headers)
        wanted = url
        if not _ALL_VISIBLE.fullmatch(url):
            # A Location holds nothing else; what is encoded already stays as it is.
            wanted = quote(url, safe=_VISIBLE, encoding="latin-1", errors="replace")
        parameters = [(REDIRECT_URI, wanted), (IDP_ID, idp_id), (LOGIN, login_digest(value))]
        if hosts:
            parameters.append((ADDITIONAL_HOSTS, ",".join(hosts)))
        location = self._url_signer.sign_parameters(self._sign_in, parameters, now)
        return location, self._cookies.set(value)

    def for_program(self, callback: str, redirect: str, idp_id: str, now: float) -> str:
        """
        Where a person goes, in a browser that need not have been here, so that a program gets a session handle.

        :param callback: Where the handle comes back to this host, with the query that the program has sent.
        :param redirect: Where the program waits for it.
        """
        parameters = (
            (CALLBACK_URI, callback),
            (PROGRAMMATIC, "true"),
            (REDIRECT_URI, redirect),
            (IDP_ID, idp_id),
        )
        return self._url_signer.sign_parameters(self._sign_in, parameters, now)

    def resume(self, parameters: Iterable[tuple[str, str]], now: float) -> str:
        """
        Back to the sign-in, with these parameters of an earlier link of ours.
        """
        return self._url_signer.sign_parameters(self._sign_in, parameters, now)
