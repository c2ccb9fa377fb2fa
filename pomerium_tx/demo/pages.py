"""
The pages of the demo: plain HTML that needs no JavaScript to be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from twisted.web.template import Tag, flattenString, tags

from pomerium_tx.demo.logout_channels import Frame, LogoutRecord
from pomerium_tx.demo.registration import User

Content = Tag | str
_MOMENT = 2
"""
Seconds that relying parties have to be told by the page itself.
"""


def static_file(name: str) -> bytes:
    """
    The file *name* of those that the demo serves as they are.
    """
    return files("pomerium_tx.demo").joinpath("static", name).read_bytes()


STYLE = static_file("style.css")


def document(
    title: str,
    content: Iterable[Content],
    *,
    navigation: Content = "",
    scripts: Iterable[Tag] = (),
    refresh: str | None = None,
) -> bytes:
    """
    A whole page.

    :param scripts: What makes the page livelier.
    :param refresh: When the page is followed by which other one, as ``<meta http-equiv="refresh">`` has it.
    """
    head = [
        tags.meta(charset="utf-8"),
        tags.title(title),
        tags.meta(name="viewport", content="width=device-width, initial-scale=1"),
        tags.meta(name="color-scheme", content="light dark"),
        tags.link(rel="stylesheet", href="/style.css"),
    ]
    if refresh is not None:
        head.append(tags.meta(content=refresh, **{"http-equiv": "refresh"}))
    head += scripts
    page = tags.html(
        tags.head(*head),
        tags.body(tags.header(navigation), Tag("main")(tags.h1(title), *content)),
        lang="en",
    )
    rendered: list[bytes] = []
    flattenString(None, page).addCallback(rendered.append)
    [markup] = rendered
    return b"<!DOCTYPE html>\n" + markup


def script(path: str, **attributes: str) -> Tag:
    """
    The script at *path*, which runs once the page is there.
    """
    return tags.script(src=path, defer="defer", **attributes)


def rows(pairs: Iterable[tuple[str, str]], *, names: str, values: str, caption: str) -> Tag:
    """
    A table of two columns.
    """
    return tags.div(
        tags.table(
            tags.caption(caption, class_="quiet"),
            tags.thead(tags.tr(tags.th(names, scope="col"), tags.th(values, scope="col"))),
            tags.tbody(*(tags.tr(tags.th(name, scope="row"), tags.td(value)) for name, value in pairs)),
        ),
        class_="table",
    )


_DEVELOPMENT = tags.p(
    "This is a development provider: it asks for no password, so anybody at this computer can be anybody here.",
    class_="quiet",
)


def choose_person(client_id: str, users: Iterable[User], *, signed_in_as: User | None, request: str) -> bytes:
    """
    The question who the person is.

    :param request: The Authentication Request, which is taken up again with the answer.
    """
    choices = []
    for user in users:
        hint = f"email-{user.username}"
        choices.append(
            tags.li(
                tags.button(
                    f"Sign in as {user.name.split()[0]}",
                    type="submit",
                    name="username",
                    value=user.username,
                    **{"aria-describedby": hint},
                ),
                tags.p(user.email, class_="quiet", id=hint),
            )
        )
    already = [] if signed_in_as is None else [tags.p(f"You are signed in here as {signed_in_as.name}.")]
    form = tags.form(
        tags.input(type="hidden", name="request", value=request),
        tags.ul(*choices, class_="choices"),
        method="post",
        action="/sign-in",
    )
    asks = tags.p(tags.strong(client_id), " asks you to sign in.")
    return document("Who are you?", [tags.section(asks, *already, form), _DEVELOPMENT])


def confirm_logout(user: User, *, client_id: str | None, request: str) -> bytes:
    """
    The question whether the person wants to sign out.
    """
    who = "An application" if client_id is None else client_id
    form = tags.form(
        tags.input(type="hidden", name="request", value=request),
        tags.div(
            tags.button("Sign out", type="submit", name="logout", value="yes"),
            tags.button("Stay signed in", type="submit", name="logout", value="no", class_="second"),
            class_="row",
        ),
        method="post",
        action="/end-session/confirm",
    )
    asks = tags.p(tags.strong(who), f" would like to sign you out here, {user.name}.")
    return document("Do you want to sign out?", [tags.section(asks, form), _DEVELOPMENT])


def signed_out(told: Iterable[LogoutRecord], frames: Iterable[Frame], *, location: str | None) -> bytes:
    """
    The news that nobody is signed in at the OP, and what tells relying parties of it.

    :param location: Where the person goes on to.
    """
    news = [(record.client_id, f"{record.channel} channel{_outcome(record)}") for record in told]
    content = [tags.section(tags.p("Nobody is signed in at this provider."))]
    if news:
        content.append(tags.section(rows(news, names="Application", values="Told by", caption="Who has been told")))
    content += [tags.iframe(src=frame.url, title=f"Sign-out of {frame.client_id}", hidden="hidden") for frame in frames]
    if location is None:
        return document("You are signed out", content)
    content.append(tags.p(tags.a("Go on", href=location, id="next", class_="button")))
    refresh = f"{_MOMENT}; url={location}"
    return document("You are signed out", content, scripts=[script("/logout.js")], refresh=refresh)


def _outcome(record: LogoutRecord) -> str:
    if record.channel == "front":
        return ""
    return f": {record.failure or record.status}"


def still_signed_in(user: User) -> bytes:
    """
    The news that nothing was ended.
    """
    return document("You are still signed in", [tags.section(tags.p(f"You are signed in here as {user.name}."))])


def refusal(error: str, description: str) -> bytes:
    """
    A request that cannot be answered otherwise than to the person.
    """
    said = tags.section(tags.p(description), tags.p("Error: ", tags.code(error), class_="quiet"))
    return document("This request is refused", [said])


def provider_home(user: User | None, issuer: str, *, clients: Iterable[str] = ()) -> bytes:
    """
    What the OP shows to who looks at it directly.

    :param clients: Who has been told who is signed in.
    """
    if user is None:
        said = [tags.p("Nobody is signed in here.")]
    else:
        to = ", ".join(clients)
        said = [
            tags.p(f"You are signed in here as {user.name}."),
            tags.p(f"Signed in to: {to}." if to else "Signed in to no application."),
            tags.form(tags.button("Sign out", type="submit"), method="post", action="/sign-out"),
        ]
    discovery = tags.a("discovery document", href="/.well-known/openid-configuration")
    at = tags.p(tags.code(issuer), ": ", discovery, class_="quiet")
    return document("Development provider", [tags.section(*said), at, _DEVELOPMENT])
