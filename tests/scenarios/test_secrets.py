"""
Nothing secret comes out anywhere: not in a log line, a page, a field, a repr, and not at an application.

One person's whole life is walked through, with everything that goes wrong on the way; every secret that ever existed is
kept, and then all that came out is searched for each. First the search itself is tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from twisted.logger import Logger

from pomerium_tx.config.loader import load
from pomerium_tx.config.problems import InvalidConfig
from tests.scenarios.browser import Response
from tests.scenarios.life import LifeTestCase
from tests.scenarios.secrets import PERMITTED, SHORTEST, Kind, Sink, Sinks, shows
from tests.scenarios.world import CLIENT_SECRET, CONFIG, OP

log = Logger()


@dataclass
class Planted:
    """
    Something whose repr shows a secret.
    """

    innocent: str


class SecretsTests(LifeTestCase):
    """
    All that ever came out, searched for all that was ever secret.
    """

    def plant(self, sink: Sink, secret: str) -> None:
        """
        Let a secret come out, as a mistake would.
        """
        if sink is Sink.LOG:
            # A whole token is taken out of every line; nobody takes out its parts.
            shown = secret.rpartition(".")[2] if secret.startswith("eyJ") else secret
            log.warn("Something {innocent} happened", innocent=shown)
            self.read_log()
        elif sink is Sink.REPR:
            self.sinks.add(sink, repr(Planted(secret)))
        elif sink is Sink.UPSTREAM:
            self.sinks.add(sink, f"GET /?x={secret} HTTP/1.1")
        else:
            fields = {Sink.LOCATION: "Location", Sink.SET_COOKIE: "Set-Cookie", Sink.FIELD: "X-Innocent"}
            if sink is Sink.PAGE:
                self.sinks.add_answer(Response("", 200, [], f"<p>{secret}</p>".encode()))
            else:
                self.sinks.add_answer(Response("", 200, [(fields[sink], f"https://x/?x={secret}")]))

    def test_nothing_secret_comes_out(self) -> None:
        """
        There were secrets of every kind and text in every place; each secret that is planted in a place is found there;
        and but for what is permitted for a reason, none came out.
        """
        self.live()
        missing = [kind for kind in Kind if not self.secrets.of(kind)]
        self.assertEqual(missing, [], "kinds of which there was none")
        self.assertEqual([sink for sink in Sink if not any(self.sinks.texts[sink])], [], "places without text")

        lived, self.sinks = self.sinks, Sinks()
        for sink in Sink:
            for kind in Kind:
                if kind in PERMITTED[sink]:
                    continue
                for secret in self.secrets.of(kind):
                    self.sinks = Sinks()
                    self.plant(sink, secret)
                    found = [(leak.sink, leak.secret) for leak in self.sinks.leaks(self.secrets.only(secret))]
                    self.assertIn((sink, secret), found, f"{kind} planted in {sink} was not found")

        leaks = lived.leaks(self.secrets)
        self.assertEqual([f"{leak.kind.value} in {leak.sink.value}: {leak.text[:300]}" for leak in leaks], [])
        permitted = {(sink, kind) for sink, kinds in PERMITTED.items() for kind in kinds}
        self.assertEqual(permitted - lived.shown(self.secrets), set(), "permissions that nothing needs")

    def test_id_token_goes_only_to_the_op(self) -> None:
        """
        Of tokens nothing is in a Location but the ID Token, and that only on the way to the OP's end-session endpoint.
        """
        alice = self.both()
        self.sign_out(alice, follow=True)
        shown = [text for text in self.sinks.texts[Sink.LOCATION] if any(shows(text, t) for t in self.tokens())]
        self.assertEqual(len(shown), 1)
        self.assertTrue(shown[0].startswith(f"Location: {OP}/end-session?"), urlsplit(shown[0]).path)
        (id_token,) = [token for token in self.tokens() if shows(shown[0], token)]
        self.assertTrue(id_token.startswith("eyJ"))

    def tokens(self) -> list[str]:
        """
        The tokens that were issued.
        """
        return self.secrets.of(Kind.TOKEN)

    def test_configuration_problems(self) -> None:
        """
        What is wrong with a configuration is told without the values of its secrets.
        """
        path = Path(self.mktemp())
        path.write_text(
            f"shared_secret: {CONFIG['shared_secret'][:-4]}!\n"
            f"cookie_secret: [{CONFIG['cookie_secret']}]\n"
            f"idp_client_secret: {{a: {CLIENT_SECRET}}}\n"
        )
        problem = self.assertRaises(InvalidConfig, load, path, {})
        self.assertGreater(len(str(problem)), SHORTEST)
        for secret in (CONFIG["shared_secret"][:-4], CONFIG["cookie_secret"], CLIENT_SECRET):
            self.assertFalse(shows(str(problem), secret))
            self.assertFalse(shows(repr(problem), secret))
