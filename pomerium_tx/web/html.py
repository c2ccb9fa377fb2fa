"""
Our own pages, each a function from plain values to a whole document.

They need no JavaScript, and everything that came from outside is escaped.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from twisted.web.template import tags

from pomerium_tx.web import csrf
from pomerium_tx.web.page_frame import (
    clock_time,
    day_and_time,
    form,
    fragment,
    link,
    moment,
    page,
    safe_href,
    submit_script,
)
from pomerium_tx.web.provider_lines import ProviderLine, provider_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from twisted.web.template import Flattenable

REDIRECT_FIELD = "pomerium_redirect_uri"
"""
Where the person wants to be afterwards.
"""

REFERENCE_FIELD = "pomerium_reference"
"""
Stands for a session that a route host named to the authenticate host.
"""

LOOK_AGAIN_SECONDS = 2
"""
After which the page at the end of a sign-out looks whether the OP has confirmed it.
"""

_TITLES = {
    400: "This request cannot be understood",
    401: "Please sign in",
    403: "You have no access here",
    404: "There is nothing here",
    405: "That cannot be done here",
    408: "The request took too long",
    413: "That is too much at once",
    431: "The request is too large",
    495: "A valid client certificate is required to access this page",
    500: "Something went wrong",
    502: "The application gave no usable answer",
    503: "Not available just now",
    504: "The application took too long",
}


class Truth(Enum):
    """
    What can truthfully be said after a sign-out.
    """

    EVERYWHERE = "signed_out_everywhere"
    NO_PROVIDER_SIGN_OUT = "signed_out_here_provider_has_none"
    PROVIDER_UNCONFIRMED = "signed_out_here_provider_unconfirmed"
    STILL_SIGNED_IN = "still_signed_in"
    NOTHING = "nothing_signed_out"


class Confirmed(Enum):
    """
    How the OP confirmed a sign-out.
    """

    BY_RETURN = "returned"
    BY_LOGOUT_TOKEN = "confirmed"


_ENDED = "Your session has ended here and in every application behind this proxy."
_ENDED_ON_ALL_DEVICES = "Your sessions have ended on all your devices, in every application behind this proxy."
_HERE = "You are signed out here"
_AFTER_AN_END = {
    Truth.EVERYWHERE: ("You are signed out everywhere", "Your identity provider has signed you out too."),
    Truth.NO_PROVIDER_SIGN_OUT: (
        _HERE,
        "Your identity provider has no sign-out, so you may still be signed in there.",
    ),
    Truth.PROVIDER_UNCONFIRMED: (
        _HERE,
        "Your identity provider did not confirm it, so you may still be signed in there.",
    ),
}
_OTHERWISE = {
    Truth.STILL_SIGNED_IN: ("You are still signed in", "This browser has a session that has not ended."),
    Truth.NOTHING: (
        "Nothing was signed out here",
        "This page knows of no sign-out in this browser. Nothing has changed.",
    ),
}
_STAYS_SIGNED_OUT = (
    "No session was left to end in this browser. You will stay signed out here until you choose to sign in, but you may"
    " still be signed in at your identity provider."
)
_CONFIRMED = {
    Confirmed.BY_RETURN: "Your identity provider has sent you back from its own sign-out.",
    Confirmed.BY_LOGOUT_TOKEN: "Your identity provider has confirmed that you are signed out there.",
}


def title_of(status: int) -> str:
    """
    A short headline for an error status.
    """
    return _TITLES.get(status, _TITLES[500] if status >= 500 else _TITLES[400])


def error_page(
    status: int,
    title: str,
    message: str,
    *,
    request_id: str,
    sign_out_path: str | None = None,
    retry: str | None = None,
    details: Sequence[str] = (),
) -> bytes:
    """
    Says what went wrong, and where to go from here.

    :param details: The names of the reasons, for whoever is asked about it.
    """
    footer: list[Flattenable] = [f"Error {status}"]
    if request_id:
        footer += [" · Request ", tags.code(request_id)]
    return page(
        title,
        tags.h1(title),
        tags.p(message),
        tags.p("The reasons: ", *(part for name in details for part in (tags.code(name), " "))) if details else "",
        link(retry, "Try again"),
        link(sign_out_path, "Sign out"),
        footer=tags.p(*footer),
    )


def confirm_sign_out(
    action: str,
    csrf_token: str,
    redirect_uri: str | None = None,
    reference: str | None = None,
    cancel: str | None = None,
) -> bytes:
    """
    Asks before anything is ended. The button POSTs the token.
    """
    fields = [(csrf.FIELD, csrf_token)]
    if redirect_uri is not None:
        fields.append((REDIRECT_FIELD, redirect_uri))
    if reference is not None:
        fields.append((REFERENCE_FIELD, reference))
    return page(
        "Sign out?",
        tags.h1("Sign out?"),
        tags.p("This ends your session in every application that you reached from this browser."),
        tags.p("Afterwards you go to ", tags.code(redirect_uri), ".") if redirect_uri else "",
        form(action, fields, "Sign out"),
        link(cancel, "Stay signed in"),
    )


def held(when: float, action: str, csrf_token: str, hidden: Mapping[str, str]) -> bytes:
    """
    Stands where a sign-in would have begun by itself, in a browser whose person has signed out.

    :param when: When they did, in seconds since the epoch.
    :param hidden: What the button has to bring along to sign in where the person wanted to go.
    """
    return page(
        f"You signed out at {clock_time(when)}",
        tags.h1("You signed out at ", moment(when, clock_time(when)), " UTC"),
        tags.p(f"That was on {day_and_time(when)}. You will stay signed out until you choose to sign in."),
        form(action, [(csrf.FIELD, csrf_token), *hidden.items()], "Sign in"),
    )


def signed_out(
    truth: Truth,
    *,
    confirmed: Confirmed | None = None,
    on_all_devices: bool = False,
    stays_signed_out: bool = False,
    receipt_id: str | None = None,
    sign_in_url: str | None = None,
    sign_out_action: str | None = None,
    csrf_token: str = "",
    providers: Sequence[ProviderLine] = (),
    other_providers: Sequence[str] = (),
    target: str | None = None,
    look_again: str | None = None,
    images: Iterable[str] = (),
) -> bytes:
    """
    Where a sign-out ends. It claims no more than is known.

    :param confirmed: How the OP confirmed it, if that is known.
    :param on_all_devices: Whether the person's sessions in other browsers have ended as well.
    :param stays_signed_out: Whether the person, of whom there was nothing to end, has asked to be signed out.
    :param sign_out_action: Where the button POSTs that is offered to a person who is still signed in.
    :param providers: What is true of each provider, where the sign-out concerned several.
    :param other_providers: Names of further providers where the person may still be signed in.
    :param target: Where the person wanted to be, if nothing leads there by itself.
    :param look_again: The page's own path, if it may soon have more to say: then it looks by itself.
    :param images: URLs of images that are there to be loaded, not to be seen.
    """
    if truth in _OTHERWISE:
        title, message = _OTHERWISE[truth]
        if stays_signed_out:
            message = _STAYS_SIGNED_OUT
    else:
        title, provider = _AFTER_AN_END[truth]
        if truth is Truth.EVERYWHERE and confirmed is not None:
            provider = _CONFIRMED[confirmed]
        ended = _ENDED_ON_ALL_DEVICES if on_all_devices else _ENDED
        message = ended if providers else f"{ended} {provider}"
    offers_button = truth is Truth.STILL_SIGNED_IN and sign_out_action is not None
    return page(
        title,
        tags.h1(title),
        tags.p(message),
        provider_lines(providers),
        tags.p("You may also still be signed in at ", ", ".join(other_providers), ".") if other_providers else "",
        form(sign_out_action, [(csrf.FIELD, csrf_token)], "Sign out") if offers_button and sign_out_action else "",
        link(target, f"Continue to {target}"),
        "" if truth is Truth.STILL_SIGNED_IN else link(sign_in_url, "Sign in again"),
        *(tags.img(src=url, alt="", width="1", height="1") for url in images),
        footer=tags.p("Receipt ", tags.code(receipt_id)) if receipt_id else "",
        onward=look_again,
        after=LOOK_AGAIN_SECONDS,
    )


def signed_out_while_signing_in(sign_in_url: str | None, *, request_id: str = "") -> bytes:
    """
    Tells a person whose sign-in was overtaken by a sign-out.
    """
    title = "You were signed out while signing in"
    return page(
        title,
        tags.h1(title),
        tags.p("A sign-out reached us before your sign-in was complete, so no session was begun."),
        link(sign_in_url, "Sign in"),
        footer=tags.p("Request ", tags.code(request_id)) if request_id else "",
    )


def self_submitting(
    action: str, fields: Iterable[tuple[str, str]], message: str = "You are being sent to your identity provider."
) -> bytes:
    """
    Goes on by POST where a URL would be too long: by itself with JavaScript, by its button without.

    Needs `page_frame.SUBMITTING_POLICY`.
    """
    return page(
        "One more step",
        tags.h1("One more step"),
        tags.p(f"{message} If nothing happens, use the button."),
        form(action, fields, "Continue"),
        submit_script(),
    )


def sent_on(url: str) -> bytes:
    """
    Goes on by itself, without a script, as a page of its own host would; by its link where that is switched off.

    :raises ValueError: If the URL is no place to go.
    """
    href = safe_href(url)
    if href is None:
        raise ValueError("A page goes on to a web address or to a path.")
    title = "You are signed in"
    return page(title, tags.h1(title), tags.p("You are being sent on."), link(href, "Continue"), onward=href)


def tiny() -> bytes:
    """
    A page for a frame that nobody looks at: nothing to read, nothing to click.
    """
    return fragment(tags.title("Sign-out"))
