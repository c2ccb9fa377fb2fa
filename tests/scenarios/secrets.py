"""
Every secret that ever existed in a world, every place where text comes out of it, and a search of one for the other.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from urllib.parse import parse_qsl, quote, urlsplit

from tests.scenarios.browser import Response

SHORTEST = 16
"""
What is shorter could be found by chance.
"""


class Kind(Enum):
    """
    What a secret is.
    """

    TOKEN = "token of the OP"
    ASSERTION = "identity assertion"
    HANDLE = "session handle"
    COOKIE = "other cookie of ours"
    OP_COOKIE = "cookie of the OP"
    CODE = "code"
    STATE = "state"
    NONCE = "nonce"
    VERIFIER = "code verifier"
    CLIENT_SECRET = "client secret"
    KEY = "key"
    CSRF = "CSRF token"
    CONFIGURED = "value that the operator has for an application"
    HANDOVER = "sealed handle on its way"
    REFERENCE = "reference to an end"
    SEALED = "sealed request to confirm or to sign in"
    SIGNATURE = "signature of a URL"


class Sink(Enum):
    """
    Where text comes out.
    """

    LOG = "log lines"
    PAGE = "content of our answers"
    LOCATION = "Location fields"
    SET_COOKIE = "Set-Cookie fields"
    FIELD = "other fields of our answers"
    UPSTREAM = "what applications hear"
    REPR = "reprs"


PERMITTED: Mapping[Sink, Mapping[Kind, str]] = {
    Sink.LOG: {},
    Sink.REPR: {},
    Sink.PAGE: {
        Kind.CSRF: "a page's own form must have it",
        Kind.SEALED: "the form of a held or confirmation page hands it back; nobody else can open it",
        Kind.REFERENCE: "end_session_url in the JSON answer of a script's own sign-out",
        Kind.SIGNATURE: "of that same URL",
    },
    Sink.LOCATION: {
        Kind.STATE: "the OP must send it back",
        Kind.NONCE: "the OP must put it into the ID Token",
        Kind.HANDOVER: "the only way to a route host; sealed, single-use, and bound to a cookie there",
        Kind.REFERENCE: "the only way to the authenticate host after an end; it ends nothing",
        Kind.SEALED: "the way to the confirmation page",
        Kind.SIGNATURE: "a URL between our hosts is signed",
        Kind.TOKEN: "id_token_hint, to the OP's own end-session endpoint",
    },
    Sink.SET_COOKIE: {
        Kind.HANDLE: "that is what a session cookie is",
        Kind.COOKIE: "likewise",
    },
    Sink.FIELD: {Kind.CSRF: "X-CSRF-Token of /.well-known/pomerium, not exposed to other origins"},
    Sink.UPSTREAM: {Kind.ASSERTION: "that is whom it is for", Kind.CONFIGURED: "likewise"},
}
"""
Which sink may show which secret, and why.
"""

_PARAMETERS = {
    "code": Kind.CODE,
    "state": Kind.STATE,
    "nonce": Kind.NONCE,
    "code_verifier": Kind.VERIFIER,
    "id_token_hint": Kind.TOKEN,
    "pomerium_signature": Kind.SIGNATURE,
    "pomerium_session_encrypted": Kind.HANDOVER,
    "pomerium_ended": Kind.REFERENCE,
    "pomerium_confirm": Kind.SEALED,
    "pomerium_presented": Kind.SEALED,
    "pomerium_receipt": Kind.SEALED,
    "pomerium_reference": Kind.SEALED,
    "pomerium_held": Kind.SEALED,
    "_pomerium_csrf": Kind.CSRF,
}


@dataclass
class Leak:
    """
    A secret where it must not be.
    """

    kind: Kind
    sink: Sink
    text: str
    secret: str = field(repr=False)


class Secrets:
    """
    All secrets, by kind.
    """

    def __init__(self) -> None:
        self.known: dict[str, Kind] = {}

    def add(self, kind: Kind, secret: str | bytes | None) -> None:
        """
        There is such a secret.
        """
        if isinstance(secret, bytes):
            secret = secret.decode("latin-1")
        if secret:
            assert len(secret) >= SHORTEST, f"{kind} is too short to be searched for: {secret}"
            self.known.setdefault(secret, kind)

    def of(self, kind: Kind) -> list[str]:
        """
        Those of one kind.
        """
        return [secret for secret, known in self.known.items() if known is kind]

    def only(self, secret: str) -> Secrets:
        """
        Just one of them.
        """
        one = Secrets()
        one.known = {secret: self.known[secret]}
        return one

    def read_url(self, url: str) -> None:
        """
        Add what a URL has, also inside the URLs that it has.
        """
        for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
            if name in _PARAMETERS:
                self.add(_PARAMETERS[name], value)
            elif "?" in value:
                self.read_url(value)

    def read_answer(self, answer: Response, *, op: bool = False) -> None:
        """
        Add what an answer gives to the user agent.
        """
        for cookie in answer.get_all("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            kind = Kind.OP_COOKIE if op else Kind.HANDLE if _HANDLE_COOKIE.fullmatch(name) else Kind.COOKIE
            self.add(kind, value.strip('"'))
        self.read_url(answer.get("Location") or "")
        self.add(Kind.CSRF, answer.get("X-CSRF-Token"))
        if (answer.get("Content-Type") or "").startswith("text/html"):
            for attributes in re.findall(r"<input\b([^>]*)>", answer.text):
                found = dict(re.findall(r'(name|value)="([^"]*)"', attributes))
                kind_of_field = _PARAMETERS.get(found.get("name", ""))
                if kind_of_field is not None:
                    self.add(kind_of_field, html.unescape(found.get("value", "")))
        elif "end_session_url" in answer.text:
            self.read_url(json.loads(answer.text)["end_session_url"])


_HANDLE_COOKIE = re.compile(r"_pomerium(?:_authenticate)?(?:_[0-9a-f]{16})?")


class Sinks:
    """
    All that came out.
    """

    def __init__(self) -> None:
        self.texts: dict[Sink, list[str]] = {sink: [] for sink in Sink}

    def add(self, sink: Sink, text: str) -> None:
        """
        Something came out there.
        """
        self.texts[sink].append(text)

    def add_answer(self, answer: Response) -> None:
        """
        An answer of ours came out.
        """
        self.add(Sink.PAGE, answer.content.decode("utf-8", "replace"))
        for name, value in answer.fields:
            sink = {"location": Sink.LOCATION, "set-cookie": Sink.SET_COOKIE}.get(name.lower(), Sink.FIELD)
            self.add(sink, f"{name}: {value}")

    def leaks(self, secrets: Secrets) -> list[Leak]:
        """
        Every secret in a sink that may not have it.
        """
        return [
            Leak(kind, sink, next((text for text in texts if shows(text, secret)), "split over several"), secret)
            for sink, texts in self.texts.items()
            for whole in ["\n".join(dict.fromkeys(texts))]
            for secret, kind in secrets.known.items()
            if kind not in PERMITTED[sink] and shows(whole, secret)
        ]

    def shown(self, secrets: Secrets) -> set[tuple[Sink, Kind]]:
        """
        Which permissions are made use of.
        """
        return {
            (sink, kind)
            for sink, texts in self.texts.items()
            for whole in ["\n".join(dict.fromkeys(texts))]
            for kind in PERMITTED[sink]
            if any(shows(whole, secret) for secret in secrets.of(kind))
        }


def shows(text: str, secret: str) -> bool:
    """
    Whether *text* gives *secret* away, in any of the spellings that text takes on its way.
    """
    return any(spelling in text for spelling in spellings(secret))


@cache
def spellings(secret: str) -> tuple[str, ...]:
    """
    How a secret may be spelt; of a signed token its payload or signature alone is enough.
    """
    return tuple(dict.fromkeys(_spellings(secret)))


def _spellings(secret: str) -> Iterable[str]:
    parts = [secret]
    if secret.count(".") == 2 and secret.startswith("eyJ"):
        parts += [part for part in secret.split(".")[1:] if len(part) >= SHORTEST]
    for part in parts:
        octets = part.encode("latin-1")
        yield part
        yield quote(part, safe="", encoding="latin-1")
        yield quote(quote(part, safe="", encoding="latin-1"), safe="")
        yield html.escape(part)
        yield json.dumps(part)[1:-1]
        yield repr(octets)[2:-1]
        yield octets.hex()
        yield base64.b64encode(octets).decode().rstrip("=")
        yield base64.urlsafe_b64encode(octets).decode().rstrip("=")


def basic_credentials(authorization: str) -> str:
    """
    What an Authorization field of the Basic scheme holds, as it is sent.
    """
    return authorization.partition(" ")[2]


def pem_lines(pem: bytes) -> list[str]:
    """
    The lines of a PEM file that are the key.
    """
    return [line for line in pem.decode().splitlines() if not line.startswith("-") and len(line) >= SHORTEST]
