"""
A world of which every secret and everything that comes out is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric import ec

from pomerium_tx import logs
from pomerium_tx.demo.provider import DevelopmentProvider, IssuedTokens
from pomerium_tx.sessions.memory import MemoryStore
from tests.doubles.peers import UserAgent
from tests.scenarios.browser import Browser, Response, read
from tests.scenarios.secrets import Kind, Secrets, Sink, Sinks, basic_credentials, pem_lines
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import CLIENT_SECRET, CONFIG
from tests.tls.authorities import key_pem

SIGNING_KEY = key_pem(ec.generate_private_key(ec.SECP256R1()))
API_KEY = "an-api-key-of-an-application"


class WatchedTestCase(TrafficTestCase):
    """
    Such a world.
    """

    def setUp(self) -> None:
        key = Path(self.mktemp())
        key.touch(mode=0o600)
        key.write_bytes(SIGNING_KEY)
        app, *others = CONFIG["routes"]
        self.settings = {
            "signing_key_file": str(key.resolve()),
            "jwt_claims_headers": {"X-Email": "email"},
            "routes": [{**app, "set_request_headers": {"X-Api-Key": API_KEY}}, *others],
        }
        super().setUp()
        self.secrets, self.sinks = Secrets(), Sinks()
        self.secrets.add(Kind.CONFIGURED, API_KEY)
        self.secrets.add(Kind.CLIENT_SECRET, CLIENT_SECRET)
        for name in ("shared_secret", "cookie_secret"):
            self.secrets.add(Kind.KEY, CONFIG[name])
        for line in pem_lines(SIGNING_KEY):
            self.secrets.add(Kind.KEY, line)
        for provider in self.providers():
            self.remember_tokens(provider)

    def providers(self) -> list[DevelopmentProvider]:
        """
        The OPs.
        """
        return [self.provider]

    def remember_tokens(self, provider: DevelopmentProvider) -> None:
        """
        Whatever *provider* issues is a secret.
        """
        issue = provider.issue

        def remembered(*grant: Any, **more: Any) -> IssuedTokens:
            issued = issue(*grant, **more)
            for token in (issued.access_token, issued.id_token, issued.refresh_token):
                self.secrets.add(Kind.TOKEN, token)
            return issued

        provider.issue = remembered  # type: ignore[method-assign] # this test's double

    # -- what comes out ------------------------------------------------------------------------------------------------

    def browser(self, house: str = "proxy", address: str = "192.0.2.1") -> Browser:
        """
        A browser of which every answer is kept.
        """
        browser = super().browser(house, address)
        once = browser.once

        def kept(method: str, url: str, *more: Any) -> Response:
            self.secrets.read_url(url)
            answer = once(method, url, *more)
            is_op = url.startswith(tuple(f"{issuer}/" for issuer in self.issuers))
            self.secrets.read_answer(answer, op=is_op)
            if not is_op:
                self.sinks.add_answer(answer)
            return answer

        browser.once = kept  # type: ignore[method-assign] # this test's double
        return browser

    def raw(self, asked: bytes) -> Response:
        """
        The answer to bytes.
        """
        agent = UserAgent.connect(self.network, "proxy", 443)
        answer = read(agent.ask(asked))
        self.sinks.add_answer(answer)
        return answer

    def look(self) -> None:
        """
        Keep the secrets that are in memory now, and how everything there shows itself.
        """
        house = self.house
        for received in [received for provider in self.providers() for received in provider.requests]:
            self.secrets.add(Kind.VERIFIER, received.parameter("code_verifier"))
            self.secrets.add(Kind.CODE, received.parameter("code"))
            if received.endpoint != "userinfo" and received.authorization:
                self.secrets.add(Kind.CLIENT_SECRET, basic_credentials(received.authorization))
        for name, application in self.applications.items():
            heard = application.take()
            for line in heard.decode("latin-1").split("\r\n"):
                if line.lower().startswith("x-pomerium-jwt-assertion: "):
                    self.secrets.add(Kind.ASSERTION, line.partition(": ")[2])
            self.sinks.add(Sink.UPSTREAM, f"{name}: {heard.decode('latin-1')}")
        sessions = list(house.registry.sessions())
        changes = list(cast(MemoryStore, self.store)._log.values())
        objects: list[object] = [
            house,
            *vars(house).values(),
            *(provider.settings for provider in house._providers.values()),
            self.store,
            *sessions,
            *(session.tokens for session in sessions),
            *changes,
            *house.registry.owed(),
            *(house.registry.exchanges(session.id) for session in sessions),
            house.layout.config,
            *house.layout.config.routes,
            *house.layout.resources.values(),
            *(getattr(resource, "pool", None) for resource in house.layout.resources.values()),
            *house.layout.table.routes,
            *house.factory._admission.open,
        ]
        for each in objects:
            self.sinks.add(Sink.REPR, repr(each))
            self.sinks.add(Sink.REPR, str(each))

    def read_log(self) -> None:
        """
        Take the log lines.
        """
        events, self.events[:] = list(self.events), []
        for event in events:
            self.sinks.add(Sink.LOG, logs.json_line(event))
