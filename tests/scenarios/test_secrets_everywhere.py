"""
Nothing secret comes out anywhere, also of what only some configurations have.
"""

from __future__ import annotations

from tests.scenarios.secrets import Kind, Sink, shows
from tests.scenarios.wide_life import BEARER, KUBERNETES, WideLifeTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, DENIED, OPEN


class SecretsEverywhereTests(WideLifeTestCase):
    """
    All that came out of a life with everything, searched for all that was ever secret.
    """

    def test_nothing_secret_comes_out(self) -> None:
        """
        But for what is permitted for a reason, none came out; a handle goes to the program that asked for it, tokens
        to the applications that are to have them, the identity to the proxy that asks, and to third parties nothing.
        """
        self.live_widely()
        for kind in (Kind.TOKEN, Kind.HANDLE, Kind.CLIENT_SECRET, Kind.KEY, Kind.CONFIGURED, Kind.ASSERTION):
            self.assertNotEqual(self.secrets.of(kind), [], kind)
        leaks = self.sinks.leaks(self.secrets)
        self.assertEqual([f"{leak.kind.value} in {leak.sink.value}: {leak.text[:300]}" for leak in leaks], [])
        for texts, kinds in (
            (self.sinks.for_programs, {Kind.HANDLE}),
            (self.sinks.for_applications, {Kind.TOKEN, Kind.ASSERTION, Kind.CONFIGURED}),
            (self.sinks.for_fronts, {Kind.ASSERTION}),
        ):
            self.assertNotEqual(texts, [])
            whole = "\n".join(dict.fromkeys(texts))
            found = {kind for secret, kind in self.secrets.known.items() if shows(whole, secret)}
            self.assertLessEqual(found, kinds)
        self.check_third_parties()

    def check_third_parties(self) -> None:
        """
        A URL to another host has what that host is to have, and that only: `state` and `nonce` at the OPs, the ID Token
        at their end-session endpoints.
        """
        ours = (APP, CHAT, OPEN, DENIED, AUTHENTICATE, KUBERNETES, BEARER)
        away = [
            text
            for text in dict.fromkeys(self.sinks.texts[Sink.LOCATION])
            if not text.startswith(tuple(f"Location: {origin}/" for origin in ours)) and ": /" not in text
        ]
        self.assertNotEqual(away, [])
        for text in away:
            kinds = {kind for secret, kind in self.secrets.known.items() if shows(text, secret)}
            for issuer in self.issuers:
                if text.startswith(f"Location: {issuer}/"):
                    kinds -= {Kind.STATE, Kind.NONCE}
                if text.startswith(f"Location: {issuer}/end-session?"):
                    kinds -= {Kind.TOKEN}
            self.assertEqual(kinds, set(), text[:100])
