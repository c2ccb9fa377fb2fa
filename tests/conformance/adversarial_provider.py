"""
An OP that lies: everything that it says can be made wrong, one thing at a time, and what must never come of that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs, urlsplit

from twisted.internet.defer import Deferred, fail
from twisted.logger import formatEvent

from pomerium_tx.config.model import Config
from pomerium_tx.demo.interaction import SESSION_COOKIE
from pomerium_tx.demo.messages import Fault
from pomerium_tx.jose.signer import Signer
from tests.conformance.case import CheckTestCase, location_of, set_cookies
from tests.doubles import keys
from tests.scenarios.browser import Browser, Response, read
from tests.scenarios.secrets import shows
from tests.scenarios.world import APP, AUTHENTICATE, CLIENT_SECRET, OP

GONE = object()
"""
As the value of a member: it is left out.
"""
PAGE = APP + "/page"
SILENT = "Your identity provider does not answer"
"""
The title of the page about an OP whose answer is of no use.
"""
OWN_COOKIE = "_pomerium_authenticate"
_SHORTEST = 16

T = TypeVar("T")


def changed(members: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """
    *members* with some of them changed, added, or left out.
    """
    return {name: value for name, value in {**members, **changes}.items() if value is not GONE}


@dataclass(kw_only=True)
class Mint:
    """
    What the OP is about to hand out, and the means to hand out something else.
    """

    claims: dict[str, Any]
    """
    Those of the right ID Token.
    """
    access_token: str = field(repr=False)
    now: float
    kid: str

    def token(self, changes: dict[str, Any] | None = None, alg: str = "RS256", **more: Any) -> str:
        """
        An ID Token with some claims changed; *more* is for `raw`.
        """
        return self.raw(json.dumps(changed(self.claims, changes or {})).encode(), alg, **more)

    def raw(
        self,
        payload: bytes,
        alg: str = "RS256",
        *,
        header: dict[str, Any] | bytes | None = None,
        key: Any = None,
        signature: bytes | None = None,
    ) -> str:
        """
        A token with that payload, whatever it is.

        :param header: Members that differ, or all of it as it is written.
        :param key: By default the OP's first key for *alg*.
        :param signature: Instead of a right one.
        """
        if not isinstance(header, bytes):
            header = json.dumps(changed({"alg": alg, "kid": self.kid, "typ": "JWT"}, header or {})).encode()
        signing_input = f"{keys.b64(header)}.{keys.b64(payload)}"
        if signature is None:
            signature = keys.signature(alg, signing_input.encode(), key or keys.private_key(alg))
        return f"{signing_input}.{keys.b64(signature)}"

    def payload(self, old: str = "", new: str = "") -> bytes:
        """
        The right claims as JSON, with a piece of the text replaced.
        """
        text = json.dumps(self.claims)
        assert old in text
        return text.replace(old, new, 1).encode()


Make = Callable[[Mint], object]
"""
What the OP puts in the place of an ID Token.
"""


class AdversarialTestCase(CheckTestCase):
    """
    A world whose OP signs by RS256 and publishes further keys; each wrong thing meets a fresh browser.
    """

    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    """
    Those that the OP says it signs ID Tokens with; the first of them is what it does sign with.
    """

    _config: ClassVar[Config]

    def setUp(self) -> None:
        super().setUp()
        self.signer = Signer(keys.private_key(self.algorithms[0]))
        self.provider.signers = [self.signer]
        self.provider.alterations["discovery"] = lambda document: {
            **document,
            "id_token_signing_alg_values_supported": list(self.algorithms),
        }
        self.provider.alterations["jwks"] = lambda _: {"keys": self.published()}
        self.provider.alterations["id_token"] = self._remember_claims
        self.provider.alterations["token"] = self._hand_out
        self.minted: list[dict[str, Any]] = []
        """
        Every token response.
        """
        self._claims: dict[str, Any] = {}
        self._make: Make | None = None

    def read(self, **changes: object) -> Config:
        """
        The configuration, which is the same for all worlds of a class.
        """
        assert not changes
        if "_config" not in type(self).__dict__:
            type(self)._config = super().read()
        return self._config

    def published(self) -> list[Any]:
        """
        The keys in the OP's JWK Set.
        """
        return [
            {**self.signer.public_jwk()},
            keys.jwk("RS256", "second"),
            keys.jwk("ES256", "curve", use="sig"),
            keys.jwk("EdDSA", "edwards", alg="EdDSA"),
            keys.jwk("RS256", "encryption", use="enc"),
            keys.jwk("RS256", "wrapping", key_ops=["wrapKey", "encrypt"]),
            keys.jwk("RS256", "for-pss", alg="PS256"),
        ]

    def _remember_claims(self, claims: dict[str, Any]) -> dict[str, Any]:
        self._claims = dict(claims)
        return claims

    def mint(self, access_token: str) -> Mint:
        """
        What makes the ID Token that belongs to *access_token*.
        """
        return Mint(claims=dict(self._claims), access_token=access_token, now=self.clock.seconds(), kid=self.signer.kid)

    def _hand_out(self, document: dict[str, Any]) -> dict[str, Any]:
        if self._make is not None:
            document = changed(document, {"id_token": self._make(self.mint(document["access_token"]))})
        self.minted.append(document)
        return document

    # -- the walk ------------------------------------------------------------------------------------------------------

    def visitor(self, person: str = "alice") -> Browser:
        """
        A fresh browser whose person is signed in at the OP, which will not ask.
        """
        browser = self.browser()
        self.become(browser, person)
        return browser

    def become(self, browser: Browser, person: str) -> None:
        """
        Have another person be signed in at the OP in that browser.
        """
        session = self.provider.sign_in(person)
        browser.keep(OP + "/", f"{SESSION_COOKIE}={session.handle}; Path=/")

    def by_id_token(self, make: Make, browser: Browser | None = None) -> tuple[Browser, Response]:
        """
        A sign-in whose ID Token is what *make* says.
        """
        browser = browser or self.visitor()
        self._make = make
        try:
            return browser, browser.get(PAGE)
        finally:
            self._make = None

    @contextmanager
    def misbehaving(self, endpoint: str, wrong: Fault | Callable[[dict[str, Any]], object]) -> Iterator[None]:
        """
        An endpoint that answers with a fault, or with something else than the right JSON.
        """
        right = self.provider.alterations.get(endpoint, lambda document: document)
        if isinstance(wrong, Fault):
            self.provider.faults[endpoint] = wrong
        else:
            self.provider.alterations[endpoint] = lambda document: wrong(dict(right(document)))  # type: ignore[call-overload]
        try:
            yield
        finally:
            self.provider.faults.pop(endpoint, None)
            self.provider.alterations[endpoint] = right

    @contextmanager
    def cut_off(self, path: str, reason: Exception) -> Iterator[None]:
        """
        An endpoint that cannot be reached.
        """
        ask = self.stub.request

        def request(method: str, url: str, **options: Any) -> Deferred[Any]:
            return fail(reason) if urlsplit(url).path == path else ask(method, url, **options)

        self.stub.request = request
        try:
            yield
        finally:
            self.stub.request = ask

    def anew(self) -> None:
        """
        Begin with a world that knows nothing of the OP yet.
        """
        self.doCleanups()
        self.setUp()
        self.watch()

    def slowly(self, browser: Browser, url: str, seconds: float) -> Response:
        """
        What a browser is answered that has to wait.
        """
        agent = browser.open("GET", url, "Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
        self.advance(seconds)
        answer = read(agent.take())
        answer.url = url
        for set_cookie in answer.get_all("Set-Cookie"):
            browser.keep(url, set_cookie)
        return answer

    def to_callback(self, browser: Browser) -> str:
        """
        Where the OP sends a browser that begins to sign in now.
        """
        location = location_of(browser.get(location_of(self.to_op(browser, PAGE)), follow=False))
        assert location.startswith(AUTHENTICATE + "/oauth2/callback?"), location
        return location

    def each(self, cases: Iterable[tuple[str, T]], check: Callable[[T], None]) -> None:
        """
        Every case of a table passes *check*; all of those that do not are named.
        """
        wrong = []
        for name, case in cases:
            self.watch()
            try:
                check(case)
            except (AssertionError, LookupError) as problem:
                wrong.append(f"{name}: {str(problem)[:300]}")
        self.assertEqual(wrong, [])

    # -- what must be --------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """
        Whatever is asserted next is about what happens from now on.
        """
        self.minted.clear()
        self.provider.requests.clear()
        self.events.clear()
        for application in self.applications.values():
            application.take()
        self._live = {session.id for session in self.house.registry.sessions()}

    def assert_refused(self, browser: Browser, answer: Response, *, status: int = 502, title: str = SILENT) -> None:
        """
        A page of that kind, and nothing else: nobody is signed in, nothing is told, nothing is broken.

        Then the same browser signs in as it should.
        """
        self.assertEqual(answer.status, status, answer.text[:300])
        self.assertIn(title, answer.text)
        self.assert_harmless(browser, answer)
        self.assert_signs_in(browser)

    def assert_harmless(self, browser: Browser, answer: Response) -> None:
        """
        An error page of ours that tells nothing, and nobody is signed in.
        """
        self.assertEqual(urlsplit(answer.url).netloc, urlsplit(AUTHENTICATE).netloc)
        self.assertIn(answer.get("Content-Type"), ("text/html; charset=utf-8", "text/html;charset=utf-8"))
        self.assertIn("no-store", answer.get("Cache-Control") or "")
        self.assertIsNone(answer.get("Location"))
        self.assertLessEqual(len(answer.trail), 3)
        self.assertNotIn(OWN_COOKIE, set_cookies(answer))
        self.assertIsNone(browser.cookie("authenticate.example.com", OWN_COOKIE))
        self.assertEqual({session.id for session in self.house.registry.sessions()}, self._live)
        self.assertEqual(self.audit("session_begun"), [])
        self.assertEqual({name: upstream.take() for name, upstream in self.applications.items()}, self._silence())
        self.assert_nothing_told(answer)
        self.assert_nothing_broken()

    def _silence(self) -> dict[str, bytes]:
        return dict.fromkeys(self.applications, b"")

    def secrets(self, answer: Response) -> set[str]:
        """
        What was under way and is nobody's business.
        """
        found = {CLIENT_SECRET}
        for document in self.minted:
            found |= {value for value in document.values() if isinstance(value, str)}
        for url in (*answer.trail, answer.url):
            query = parse_qs(urlsplit(url).query)
            found |= {value for name in ("code", "state", "nonce") for value in query.get(name, ())}
        return {secret for secret in found if _SHORTEST <= len(secret) < 20_000 and secret.isascii()}

    def assert_nothing_told(self, answer: Response) -> None:
        """
        Neither the page nor the log has a secret or a trace.
        """
        said = [answer.text, *(f"{name}: {value}" for name, value in answer.fields if name != "Set-Cookie")]
        said += [formatEvent(event) for event in self.events]
        text = "\n".join(said)
        self.assertNotIn("Traceback", text)
        for secret in self.secrets(answer):
            self.assertFalse(shows(text, secret), f"a secret is shown: {secret[:30]}")

    def assert_nothing_broken(self) -> None:
        """
        No exception went where it was not expected.
        """
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual([event for event in self.events if event.get("log_failure") is not None], [])

    def assert_signs_in(self, browser: Browser, person: str = "alice") -> None:
        """
        The same browser, which was not signed in, gets to the application, once, as that person.
        """
        self.watch()
        answer = browser.get(PAGE)
        self.assert_accepted(answer, person)
        self.assertTrue(any(url.startswith(OP) for url in answer.trail))

    def assert_accepted(self, answer: Response, person: str = "alice") -> None:
        """
        The person has come to the application.
        """
        self.assertEqual((answer.status, answer.url), (200, PAGE), answer.text[:300])
        heard = self.app.take()
        self.assertEqual(heard.count(b" HTTP/1.1\r\n"), 1)
        self.assertEqual(self.assertion_claims(heard)["sub"], self.provider.users[person].sub)
        begun = {session.id for session in self.house.registry.sessions()} - self._live
        self.assertEqual(len(begun), 1)
        self.assert_nothing_broken()
