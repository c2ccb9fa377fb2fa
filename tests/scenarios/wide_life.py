"""
A life with everything that `tests.scenarios.life` has not: two OPs and a client of one route's own, programs, bearer
tokens, headers made of tokens, another proxy's questions, client certificates, notices to applications, every way out,
reloads, administrators and commands.
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml
from twisted.internet.defer import Deferred

from pomerium_tx import cli, paths
from pomerium_tx.config.loader import load
from pomerium_tx.config.model import Config
from pomerium_tx.config.problems import InvalidConfig
from pomerium_tx.demo.messages import Fault
from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.oidc.logout_token import EVENT
from pomerium_tx.sessions.session import Session
from pomerium_tx.sessions.store import Cause
from pomerium_tx.workers.messages import Append, Begin, Changes, Configure, NewChange
from pomerium_tx.workers.pickling import dumps
from tests.config.material import key_pair
from tests.doubles.peers import UserAgent, request
from tests.scenarios.browser import Browser, read
from tests.scenarios.life import LifeTestCase
from tests.scenarios.program import WAITS_AT, Program
from tests.scenarios.secrets import Kind, Sink, Sinks, pem_lines
from tests.scenarios.two_providers import OWN_SECRET, PARTNERS_SECRET, TwoProvidersTestCase
from tests.scenarios.watched import SIGNING_KEY
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, CONFIG, DENIED, OP, OPEN
from tests.tls.clients import authority

FRONT = "10.0.0.1"
KUBERNETES = "https://kubernetes.example.com"
BEARER = "https://bearer.example.com"
ADMIN_TOKEN = "a-token-of-administrators-of-more-than-32-characters"
ACCOUNT_TOKEN = "a-token-of-a-service-account-of-kubernetes"
NOTICE_PASSWORD = "a-password-in-the-query-of-a-notice"
TEMPLATES = {
    "X-Access-Token": "${pomerium.access_token}",
    "X-Id-Token": "Bearer ${pomerium.id_token} a-literal-part-of-a-template",
    "X-Key": "a-literal-key-of-an-application",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class WideSinks(Sinks):
    """
    Sinks, with those apart that are for the one who is to have a secret.
    """

    def __init__(self) -> None:
        super().__init__()
        self.for_programs: list[str] = []
        """
        Redirects to where a program waits.
        """
        self.for_applications: list[str] = []
        """
        What applications hear that are to have tokens.
        """
        self.for_fronts: list[str] = []
        """
        The identity, for a trusted proxy.
        """

    def add(self, sink: Sink, text: str) -> None:
        if sink is Sink.LOCATION and text.startswith(f"Location: {WAITS_AT}"):
            self.for_programs.append(text)
        elif sink is Sink.UPSTREAM and text.startswith(("chat: ", "bearer: ", "kubernetes: ")):
            self.for_applications.append(text)
        elif sink is Sink.FIELD and text.startswith(("X-Pomerium-Jwt-Assertion: ",)):
            self.for_fronts.append(text)
        else:
            super().add(sink, text)


class WideLifeTestCase(LifeTestCase, TwoProvidersTestCase):
    """
    Such a life.
    """

    def setUp(self) -> None:
        certificate, key = key_pair()
        self.more: dict[str, Any] = {
            "insecure_server": None,
            "certificate": certificate.decode(),
            "certificate_key": key.decode(),
            "downstream_mtls": {"ca": authority("root").pem.decode(), "enforcement": "policy"},
            "trusted_proxies": [FRONT],
            "admin_address": "127.0.0.1:9443",
            "admin_token": ADMIN_TOKEN,
            "session_idle_timeout": "1h",
            "signing_key": SIGNING_KEY.decode(),
        }
        super().setUp()
        self.sinks: WideSinks = WideSinks()
        for secret in (CONFIG["idp_client_secret"], PARTNERS_SECRET, OWN_SECRET):
            self.secrets.add(Kind.CLIENT_SECRET, secret)
        for line in pem_lines(key):
            self.secrets.add(Kind.KEY, line)
        self.secrets.add(Kind.KEY, ADMIN_TOKEN)
        for value in (ACCOUNT_TOKEN, NOTICE_PASSWORD, TEMPLATES["X-Key"], "a-literal-part-of-a-template"):
            self.secrets.add(Kind.CONFIGURED, value)
        for name in ("kubernetes", "bearer"):
            self.applications[name] = type(self.app)()
            self.network.listen(f"{name}.internal", 8080, self.applications[name])
        self.network.listen("admin", 443, self.house.admin_factory)

    def read(self, **changes: object) -> Config:
        return super().read(**{**self.more, **changes})

    def make_routes(self) -> list[dict[str, Any]]:
        for_partners, app, chat, own, public, denied = super().make_routes()
        notice = f"http://app.internal:8080/logout?password={NOTICE_PASSWORD}"
        anybody = {"allow_any_authenticated_user": True}
        kubernetes = {"from": KUBERNETES, "to": "http://kubernetes.internal:8080", "name": "kubernetes", **anybody}
        bearer = {"from": BEARER, "to": "http://bearer.internal:8080", "name": "bearer", **anybody}
        with_certificate = {"policy": {"allow": {"and": [{"client_certificate": {"fingerprint": "0" * 64}}]}}}
        return [
            {**app, "prefix": "/certificate", "name": "certificate", "allow_any_authenticated_user": False}
            | with_certificate,
            for_partners,
            {**app, "upstream_logout_uri": notice, "depends_on": [BEARER.removeprefix("https://")]},
            {**chat, "set_request_headers": TEMPLATES},
            own,
            public,
            denied,
            {**kubernetes, "kubernetes_service_account_token": ACCOUNT_TOKEN},
            {**bearer, "bearer_token_format": "idp_access_token"},
        ]

    def providers(self) -> list[DevelopmentProvider]:
        return [self.provider, self.partners]

    # -- parts of the life ---------------------------------------------------------------------------------------------

    def signed_in(self) -> Browser:
        """
        A person who is signed in everywhere.
        """
        alice = self.browser()
        for url in (APP + "/", CHAT + "/", OPEN + "/admin", KUBERNETES + "/", BEARER + "/", APP + "/partners"):
            self.assertEqual(self.sign_in(alice, url).text, "ok", url)
        alice.get(DENIED + "/")
        alice.get(APP + "/certificate")
        return alice

    def sessions(self) -> list[Session]:
        """
        Those that live.
        """
        return list(self.house.registry.sessions())

    def at_op(self) -> Session:
        """
        The one that the default OP knows by a name of its own.
        """
        return next(session for session in self.sessions() if session.iss == OP and session.sids)

    def programs(self, alice: Browser) -> None:
        """
        A program gets its handle, uses it, and is refused with others; tokens of the OP at a route that takes them.
        """
        program = Program(self)
        handle = program.sign_in(alice)
        for fields in ({"Authorization": f"Bearer Pomerium-{handle}"}, {"X-Pomerium-Authorization": handle}):
            program.use(handle, **fields)
        program.ask(f"{APP}/?pomerium_session={handle}")
        program.ask(f"{APP}/.pomerium/api/v1/login?pomerium_redirect_uri=https://evil.example/{handle}")
        for session in self.sessions():
            for token in (session.tokens.access_token, session.tokens.id_token, "a-token-of-nobody-at-all"):
                for url in (BEARER + "/", BEARER + "/.pomerium/user", APP + "/"):
                    program.ask(url, Authorization=f"Bearer {token}")
        with self.failing("userinfo", Fault(status=500)):
            program.ask(BEARER + "/", Authorization=f"Bearer {self.sessions()[0].tokens.access_token}x")
        program.ask(BEARER + "/", Authorization=f"Bearer {self.sessions()[0].tokens.access_token}")
        program.ask(BEARER + paths.SIGN_OUT, Authorization=f"Bearer {self.sessions()[0].tokens.access_token}")

    def fronts(self, alice: Browser) -> None:
        """
        Another proxy asks.
        """
        for address in (FRONT, "203.0.113.9"):
            for cookie in (alice.cookies(APP + "/"), "_pomerium=x", ""):
                for uri in ("/", f"/?pomerium_session={self.handle_of(alice, APP)}", "/%2f"):
                    asked = {
                        "X-Forwarded-Method": "GET",
                        "X-Forwarded-Host": "app.example.com",
                        "X-Forwarded-Uri": uri,
                        "X-Forwarded-For": "192.0.2.1",
                        "X-Original-Method": "GET",
                        "X-Original-URL": APP + uri,
                        "Cookie": cookie,
                    }
                    for place in (paths.VERIFY, paths.AUTH):
                        self.browser(address=address).once("GET", AUTHENTICATE + place, asked)

    def administrator(self) -> None:
        """
        Everything that an administrator can see, with the token and without.
        """
        for fields in ((f"Authorization: Bearer {ADMIN_TOKEN}",), ("Authorization: Bearer wrong",), ()):
            for target in ("/sessions", "/sessions?user=alice@example.com", "/revocations", "/notices", "/providers"):
                agent = UserAgent.connect(self.network, "admin", 443)
                agent.say(request("GET", target, "localhost", *fields))
                self.advance(1.0)
                self.sinks.add_answer(read(agent.take()))

    def commands(self) -> None:
        """
        What the commands print that read the configuration.
        """
        path = str(self.file())
        for arguments in (
            ("check", path),
            ("check", path, "--json"),
            ("schema",),
            ("schema", "--markdown"),
            *(
                ("explain", url, "--config", path, *more)
                for url in (APP + "/", CHAT + "/", KUBERNETES + "/", DENIED + "/", OPEN + "/admin")
                for more in ((), ("--as", "alice@example.com"), ("--as", "alice@example.com", "--json"))
            ),
            ("sessions", "list", "--config", path),
            ("doctor", "--config", path),
        ):
            out = io.StringIO()
            with suppress(SystemExit):
                self.patch(sys, "stdout", out)
                self.patch(sys, "stderr", out)
                cli.main(arguments)
            self.assertGreater(len(out.getvalue()), 80, arguments)
            self.sinks.add(Sink.REPR, out.getvalue())

    def dumps(self) -> None:
        """
        The configuration, in every form in which it can be shown, and what goes between processes.
        """
        config = self.house.layout.config
        content = dumps(self.sessions())
        for each in (
            config,
            config.model_dump(),
            config.model_dump_json(fallback=repr),
            json.dumps(config.model_dump(mode="python"), default=repr),
            *(list(config.provider_sections.values())),
            Begin(config=config),
            Configure(number=1, config=config),
            Append(number=1, change=self.sessions()[0], expected_version=None, within=None),  # type: ignore[arg-type] # what is in a change shows as it does by itself
            NewChange(number=1, position=1, content=content),
            Changes(number=1, kept=((1, content),)),
        ):
            self.sinks.add(Sink.REPR, repr(each))
            self.sinks.add(Sink.REPR, str(each))

    def logout_token(self, **names: object) -> bytes:
        """
        The OP's word, in a form.
        """
        now = int(self.clock.seconds())
        claims = {
            "iss": OP,
            "aud": "rp1",
            "iat": now,
            "exp": now + 120,
            "jti": str(now),
            "events": {EVENT: {}},
            **names,
        }
        token = self.provider.sign(claims, "logout+jwt")
        self.secrets.add(Kind.TOKEN, token)
        return urlencode({"logout_token": token}).encode()

    def ways_out(self) -> None:
        """
        Every other way in which a session ends.
        """
        alice = self.signed_in()
        session = self.at_op()
        for host in (AUTHENTICATE, APP):
            for content in (self.logout_token(sid=session.sids[0], nonce="x"), self.logout_token(sid=session.sids[0])):
                self.browser().once("POST", host + paths.BACKCHANNEL_LOGOUT, FORM, content)
        alice = self.signed_in()
        session = self.at_op()
        self.browser().once("GET", f"{APP}{paths.SIGN_OUT}?{urlencode({'iss': OP, 'sid': session.sids[0]})}")
        alice = self.signed_in()
        everywhere = alice.get(AUTHENTICATE + paths.DASHBOARD)
        with suppress(IndexError):
            alice.click(everywhere, "Sign out everywhere", index=len(everywhere.text.split("<form")) - 2)
        for end in (Cause.ADMINISTRATOR, Cause.IDLE, Cause.EXPIRED, Cause.TOKENS_EXPIRED):
            self.signed_in()
            ids = [session.id for session in self.sessions()]
            self.successResultOf(Deferred.fromCoroutine(self.house.ending.end(ids, end)))
            self.settle()
        refused = Fault(status=400, body=b'{"error": "invalid_grant"}', content_type="application/json")
        self.signed_in()
        with self.failing("token", refused):
            self.advance(700.0, step=20.0)
        alice = self.signed_in()
        self.sign_out(alice, follow=True)
        self.advance(4000.0, step=200.0)

    def reloads(self) -> None:
        """
        A configuration that is wrong, one that takes a provider away, and the first one.
        """
        bad = Path(self.mktemp())
        bad.write_text(f"shared_secret: x{CONFIG['shared_secret']}\nadmin_token: {ADMIN_TOKEN[:20]}\nroutes: {{}}\n")
        try:
            load(bad, {})
        except InvalidConfig as problem:
            self.sinks.add(Sink.REPR, f"{problem} {problem!r}")
        self.signed_in()
        self.house.reload(self.read(providers=None, routes=CONFIG["routes"]))
        self.settle()
        self.house.reload(self.read())
        self.settle()

    def live_widely(self) -> None:
        """
        All of it.
        """
        alice = self.signed_in()
        self.look()
        self.programs(alice)
        self.look()
        alice = self.signed_in()
        self.fronts(alice)
        self.administrator()
        self.commands()
        self.dumps()
        self.look()
        self.ways_out()
        self.look()
        self.reloads()
        self.look()
        self.flushLoggedErrors()
        self.read_log()

    def file(self) -> Path:
        """
        The configuration, in a file.
        """
        path = Path(self.mktemp() + ".yaml")
        path.touch(mode=0o600)
        values = {**CONFIG, **self.settings, **self.more}
        path.write_text(yaml.safe_dump({key: value for key, value in values.items() if value is not None}))
        return path
