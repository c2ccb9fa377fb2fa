"""
Header fields that are made anew for every request.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.config.forms.header_template import Template
from pomerium_tx.policy.client import Client
from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.heads import header_values
from pomerium_tx.proxy.heads.header_values import HeaderValues, KeptTokens
from pomerium_tx.sessions.session import Session, Tokens
from pomerium_tx.tls.client_certificate import ClientCertificate, Names
from tests.doubles.sessions import a_session
from tests.proxy.harness import a_route
from tests.proxy.heads.test_forwarding import read


def asked(*fields: str, session: Session | None = None, client: Client | None = None) -> Asked:
    """
    A request of *session*.
    """
    head, canonical = read(*fields)
    verdict = Verdict(action=Action.PROCEED, status=200, reason="", allow=True, reasons=(), session=session)
    return Asked(head, canonical, verdict, "request-1", client or Client(address="192.0.2.7"), 0.0)


class HeaderValuesTestCase(SynchronousTestCase):
    """
    The fields of a route.
    """

    def setUp(self) -> None:
        self.kept = KeptTokens()

    def values(self, templates: dict[str, str], **changes: Any) -> HeaderValues:
        """
        Of a route that sets these.
        """
        filled = tuple((name, Template.of(text)) for name, text in templates.items())
        return HeaderValues(
            a_route(filled_request_headers=filled, **changes),
            cookie_name=b"_pomerium",
            assertion=lambda session, host, form=None: f"jwt.of.{'nobody' if session is None else session.id}@{host}",
            tokens_of=self.kept.of,
        )

    def lines(self, text: str, request: Asked, **changes: Any) -> str:
        """
        What the header X gets.
        """
        octets = self.values({"X": text}, **changes).lines(request)
        return octets.decode("latin-1").removeprefix("X: ").removesuffix("\r\n")


class TemplateTests(HeaderValuesTestCase):
    """
    ``set_request_headers`` with something named in it.
    """

    def test_known(self) -> None:
        """
        Everything that has a name has its value, and what has none is empty.
        """
        session = a_session()
        request = asked("X-Other: a", "X-Other: b", session=session)
        for text, value in (
            ("Bearer ${pomerium.access_token}", "Bearer access-token-of-alice"),
            ("$pomerium.id_token", "id-token-of-alice"),
            ("${pomerium.jwt}", f"jwt.of.{session.id}@app.example.com"),
            ('<${pomerium.request.headers["x-OTHER"]}>', "<a, b>"),
            ('<${pomerium.request.headers["X-None"]}>', "<>"),
            ("<${pomerium.client_cert_fingerprint}>", "<>"),
            ("<${pomerium.client_cert_san_dns}${pomerium.client_cert_san_email}>", "<>"),
            ("<${pomerium.unknown}${x.y}>", "<>"),
            ("$$ ${pomerium.id_token}", "$ id-token-of-alice"),
        ):
            with self.subTest(text=text):
                self.assertEqual(self.lines(text, request), value)

    def test_nobody(self) -> None:
        """
        Who is not signed in has no tokens; a header for them is there all the same, and empty.
        """
        self.assertEqual(self.lines("${pomerium.access_token}", asked()), "")
        self.assertEqual(self.lines("Bearer ${pomerium.id_token}", asked()), "Bearer")
        self.assertEqual(self.lines("${pomerium.jwt}", asked()), "jwt.of.nobody@app.example.com")

    def test_no_injection(self) -> None:
        """
        Whatever a provider calls a token, it is one value, or none.
        """
        for token in ("a\r\nX-Pomerium-Claim-Email: eve", "a\nb", "a\0b", "ä", "a b"):
            with self.subTest(token=token):
                tokens = Tokens(id_token="i", access_token=token, refresh_token=None)
                self.assertEqual(
                    self.lines("<${pomerium.access_token}>", asked(session=a_session(tokens=tokens))), "<>"
                )

    def test_handles_stay_with_us(self) -> None:
        """
        No template makes an application see what proves to us who somebody is.
        """
        for field, name, value in (
            ("Cookie: _pomerium=secret; a=1", "Cookie", "a=1"),
            ("Cookie: _pomerium=secret", "cookie", ""),
            ("Authorization: Pomerium secret", "Authorization", ""),
            ("Authorization: Bearer Pomerium-secret", "authorization", ""),
            ("Authorization: Basic mine", "Authorization", "Basic mine"),
            ("X-Pomerium-Authorization: secret", "X-Pomerium-Authorization", ""),
            ("X-Pomerium-Jwt-Assertion: secret", "X-Pomerium-Jwt-Assertion", ""),
            ("Referer: http://a/?pomerium_session=secret", "Referer", ""),
        ):
            with self.subTest(field=field):
                seen = self.lines(f'<${{pomerium.request.headers["{name}"]}}>', asked(field))
                self.assertEqual(seen, f"<{value}>")

    def test_certificates(self) -> None:
        """
        A certificate's fingerprint is told, its names only if an authority says so.
        """

        names = Names(dns=("a.test", "b.test"), emails=("alice@example.com",))
        certificate = ClientCertificate(der=b"", fingerprint="ab" * 32, spki_hash="", names=names)
        text = "${pomerium.client_cert_fingerprint} ${pomerium.client_cert_san_dns} ${pomerium.client_cert_san_email}"
        for shown, expected in [
            (certificate, "ab" * 32 + " a.test,b.test alice@example.com"),
            (replace(certificate, problem="it is revoked"), "ab" * 32),
            (None, ""),
        ]:
            client = Client(address="192.0.2.7", certificate=shown)
            self.assertEqual(self.lines(text, asked(client=client)), expected)

    def test_removal_wins(self) -> None:
        """
        What is removed is not set.
        """
        values = self.values({"X": "${pomerium.jwt}", "Y": "${pomerium.jwt}"}, remove_request_headers=("x",))
        self.assertTrue(values.lines(asked()).startswith(b"Y: "))

    def test_wanted(self) -> None:
        """
        A route that fills nothing has none of this.
        """
        self.assertFalse(HeaderValues.wanted(a_route()))
        self.assertTrue(HeaderValues.wanted(a_route(kubernetes_token="t")))


class KubernetesTests(HeaderValuesTestCase):
    """
    ``kubernetes_service_account_token``.
    """

    def told(self, session: Session | None, **changes: Any) -> str:
        """
        What the API server gets.
        """
        return self.values({}, kubernetes_token="token", **changes).lines(asked(session=session)).decode()

    def test_impersonation(self) -> None:
        """
        The API server is told the account's token, the person, and each of their groups.
        """
        self.assertEqual(
            self.told(a_session()),
            "Authorization: Bearer token\r\nImpersonate-User: alice@example.com\r\n"
            "Impersonate-Group: staff\r\nImpersonate-Group: admin\r\n",
        )
        self.assertIn("Impersonate-User: alice\r\n", self.told(a_session(email="")))

    def test_never_the_account_itself(self) -> None:
        """
        Without a person to impersonate there is no token: nobody acts as the account.
        """
        self.assertEqual(self.told(None), "")
        self.assertEqual(self.told(a_session(email="a\r\nb")), "")
        self.assertEqual(self.told(a_session(), remove_request_headers=("Impersonate-User",)), "")
        for claimed in ("system:masters", "System:Masters"):
            self.assertNotIn("asters", self.told(a_session(claims={"groups": (claimed, "staff")})))
            self.assertEqual(self.told(a_session(email="", user_id=claimed)), "")
        self.assertNotIn("x: y", self.told(a_session(claims={"groups": ("a\r\nx: y", 3, "")})))


class KeptTokensTests(SynchronousTestCase):
    """
    Tokens are opened once, and not kept.
    """

    def test_once_and_no_longer(self) -> None:
        """
        The same session's tokens are the same object; a refreshed session's are its own; after the end there are none.
        """
        kept = KeptTokens()
        session = a_session()
        self.assertIs(kept.of(session), kept.of(session))
        renewed = session.refreshed(
            tokens=replace(session.tokens, access_token="new"), claims={}, email="", name="", sids=()
        )
        self.assertEqual(kept.of(renewed).access_token, "new")
        self.assertEqual(len(kept), 1)
        kept.forget(session.id)
        self.assertEqual(len(kept), 0)
        kept.forget("unknown")

    def test_bounded(self) -> None:
        """
        However many sessions ask, only so many are kept.
        """
        self.patch(header_values, "SESSIONS_KEPT", 2)
        kept = KeptTokens()
        for _ in range(5):
            kept.of(a_session())
        self.assertEqual(len(kept), 2)
