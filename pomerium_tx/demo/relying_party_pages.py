"""
The pages of the second relying party.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from twisted.web.template import Tag, tags

from pomerium_tx.demo import pages
from pomerium_tx.demo.relying_party_sessions import HERE, OtherSession, state_of


def front_page(visitor: OtherSession | None, *, issuer: str) -> bytes:
    """
    Who is here, or who was and how that ended.
    """
    if visitor is None:
        said, action = "Nobody is signed in here.", _button("Sign in", "/sign-in")
    elif visitor.ended_at is None:
        said, action = f"Signed in as {visitor.name}.", _button("Sign out", "/sign-out")
    else:
        said, action = _farewell(visitor.name, visitor.ended_at, visitor.ended_by), _button("Sign in", "/sign-in")
    content = [
        tags.section(tags.p(said, id="state", role="status", **{"data-state": state_of(visitor)}), action),
        tags.p(
            "This application is not behind the proxy. It asks the same provider who you are: ",
            tags.a(issuer, href=f"{issuer}/"),
            class_="quiet",
        ),
    ]
    return pages.document("Other application", content, scripts=[pages.script("/other.js")])


def failed_page(reason: str) -> bytes:
    """
    A sign-in that led nowhere.
    """
    content = tags.section(tags.p(f"You are not signed in: {reason}."), tags.p(tags.a("Back", href="/")))
    return pages.document("That did not work", [content])


def _farewell(name: str, ended_at: float, ended_by: Sequence[str]) -> str:
    time = datetime.fromtimestamp(ended_at, UTC).strftime("%H:%M:%S UTC")
    channels = ", ".join(by for by in ended_by if by != HERE)
    if HERE in ended_by:
        told = f"; confirmed by the provider ({channels})" if channels else ""
        return f"{name} signed out here at {time}{told}."
    return f"{name} was signed out by the provider at {time} ({channels})."


def _button(text: str, action: str) -> Tag:
    return tags.form(tags.button(text, type="submit"), method="post", action=action)
