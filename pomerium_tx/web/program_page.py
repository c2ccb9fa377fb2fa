"""
The page that asks a person whether a program may use an application as them.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from twisted.web.template import tags

from pomerium_tx.web import csrf
from pomerium_tx.web.page_frame import form, page
from pomerium_tx.web.programmatic import is_this_computer


def allow_program(
    *, person: str, application: str, program: str, action: str, csrf_token: str, hidden: Mapping[str, str]
) -> bytes:
    """
    Asks before a session handle is handed out. The button POSTs the token.

    :param person: Who is signed in.
    :param application: The origin of the application.
    :param program: The origin at which the program waits.
    :param hidden: What the button has to bring along.
    """
    split = urlsplit(program)
    is_here = is_this_computer(split.hostname or "")
    title = "Let a program act as you?" if is_here else f"Let {split.netloc} act as you?"
    who = "A program on this computer, which waits at " if is_here else "The site "
    return page(
        title,
        tags.h1(title),
        tags.p(who, tags.code(program), ", wants to use ", tags.code(application), " as ", tags.strong(person), "."),
        tags.p("Whoever has what it gets can do there what you can, until you sign out."),
        tags.p("It gets that unencrypted, by http.") if not is_here and split.scheme == "http" else "",
        form(action, [(csrf.FIELD, csrf_token), *hidden.items()], "Allow"),
        tags.p("If you have not just started it yourself, close this page: then nothing happens."),
    )
