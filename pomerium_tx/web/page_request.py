"""
A request for one of our own pages, as plain values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl

from pomerium_tx.web.answers import HttpProblem
from pomerium_tx.web.cookies import cookie_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_FORM_BYTES = 65536
MAX_PARAMETERS = 100

Pairs = list[tuple[str, str]]
Where = Literal["anywhere", "query", "form"]


class BadParameter(HttpProblem):
    """
    A parameter was given more than once, so that nobody can know which value was meant.
    """

    def __init__(self, name: str) -> None:
        super().__init__(400, f"The parameter {name} was given more than once.")


def parse_pairs(octets: bytes) -> Pairs:
    """
    The names and values of a query or of a urlencoded form, all of them, in order.

    :raises HttpProblem: If there are too many.
    """
    try:
        pairs = parse_qsl(
            octets.decode("latin-1"), keep_blank_values=True, encoding="latin-1", max_num_fields=MAX_PARAMETERS
        )
    except ValueError:
        raise HttpProblem(400, "There are too many parameters.") from None
    return [(_as_utf8(name), _as_utf8(value)) for name, value in pairs]


def _as_utf8(text: str) -> str:
    # Raw and percent-encoded octets alike; what is no UTF-8 can equal nothing that we expect.
    return text.encode("latin-1").decode("utf-8", "replace")


def form_pairs(content_type: str | None, content: bytes) -> Pairs:
    """
    The fields of a urlencoded form; none where the content is anything else.

    :raises HttpProblem: If it is too long or has too many fields.
    """
    if (content_type or "").partition(";")[0].strip(" \t").lower() != "application/x-www-form-urlencoded":
        return []
    if len(content) > MAX_FORM_BYTES:
        raise HttpProblem(413, "The form is too large.")
    return parse_pairs(content)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """
    What a page may know about the request that it answers.
    """

    method: str
    path: str
    """
    Canonical, percent-encoded, without the query.
    """
    origin: str
    """
    The external origin of the host asked, as configured.
    """
    url: str = field(repr=False)
    """
    Origin, path and query: what a signature was made for.
    """
    raw_query: bytes | None = field(repr=False)
    query: Pairs = field(repr=False)
    form_fields: Pairs = field(repr=False)
    client_address: str
    peer_address: str = ""
    """
    Who has connected: a proxy in front of us, or the client itself.
    """
    client: object = field(default=None, repr=False)
    """
    The client, for rooms that know more of it than its address.
    """
    request_id: str
    fields: Mapping[bytes, Sequence[bytes]] = field(repr=False)
    """
    The values of each field, by lower-case name.
    """

    def raw_headers(self, name: bytes) -> list[bytes]:
        """
        The values of a field as they came.
        """
        return list(self.fields.get(name.lower(), ()))

    def headers(self, name: str) -> list[str]:
        """
        The values of a field.
        """
        return [value.decode("latin-1") for value in self.raw_headers(name.encode("latin-1"))]

    def header(self, name: str) -> str | None:
        """
        The value of a field, several joined by commas, so that a repeated one equals no single value.
        """
        values = self.headers(name)
        return ", ".join(values) if values else None

    @property
    def user_agent(self) -> str:
        """
        What the user agent calls itself.
        """
        return self.header("User-Agent") or ""

    @property
    def form(self) -> dict[str, list[str]]:
        """
        The values of each form field. Only a page that reads forms has any.
        """
        found: dict[str, list[str]] = {}
        for name, value in self.form_fields:
            found.setdefault(name, []).append(value)
        return found

    def cookies(self, name: str) -> list[bytes]:
        """
        Every value that the request gives for a cookie.
        """
        return cookie_values(self.raw_headers(b"cookie"), name.encode("latin-1"))

    def values(self, name: str, where: Where = "anywhere") -> list[str]:
        """
        Every value of a parameter, those of the query first.
        """
        pairs: Pairs = []
        if where != "form":
            pairs += self.query
        if where != "query":
            pairs += self.form_fields
        return [value for key, value in pairs if key == name]

    def param(self, name: str) -> str | None:
        """
        The first value of a parameter, in the query or else in the form.
        """
        return next(iter(self.values(name)), None)

    def one(self, name: str, where: Where = "anywhere") -> str | None:
        """
        The only value of a parameter.

        :raises BadParameter: If it has several.
        """
        values = self.values(name, where)
        if len(values) > 1:
            raise BadParameter(name)
        return values[0] if values else None
