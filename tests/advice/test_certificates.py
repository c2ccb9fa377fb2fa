"""
Tests of `pomerium_tx.advice.certificates`, and of what they come to in ``check`` and ``explain``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pomerium_tx.advice.certificates import ShownCertificate, shown_certificates, uncovered_hosts
from pomerium_tx.advice.checked import checked
from pomerium_tx.advice.text import checked_text, printable
from pomerium_tx.config.loader import Loaded, load
from pomerium_tx.tls.certificates import UnusableCertificate
from tests.advice.asking import ROUTES, AskingTestCase
from tests.config.material import written
from tests.tls.authorities import Authority

AUTHORITY = Authority("authority")
OTHERS = Authority("others")
CERTIFICATE, KEY = AUTHORITY.issue("app.example.com", "*.apps.example.com")


class CertificateTestCase(AskingTestCase):
    """
    A configuration with TLS.
    """

    def values(self, **more: object) -> dict[str, object]:
        """
        Its certificates, and *more*.
        """
        certificate, key = written(self.mktemp(), CERTIFICATE, "crt"), written(self.mktemp(), KEY, "key")
        pair = {"cert": str(certificate), "key": str(key)}
        return {"insecure_server": False, "certificates": [pair], "address": ":443", **more}

    def loaded(self, *froms: str) -> Loaded:
        """
        It, with routes for these.
        """
        routes = [{**ROUTES[1], "from": from_} for from_ in froms]
        return load(self.file(self.values(routes=routes)), {})


class ShownTests(CertificateTestCase):
    """
    What a browser would be shown.
    """

    def test_names_and_time(self) -> None:
        """
        Each certificate is told with its hosts and the day on which it ends.
        """
        config = self.loaded("https://app.example.com").config
        now = datetime.now(UTC)
        day = (now + timedelta(days=1)).date().isoformat()
        names = ("app.example.com", "*.apps.example.com")
        [found] = shown_certificates(config, now)
        self.assertEqual(found, ShownCertificate(names=names, expires=found.expires, is_expired=False))
        self.assertLessEqual(found.expires, day)
        [found] = shown_certificates(config, now + timedelta(days=2))
        self.assertTrue(found.is_expired)

    def test_uncovered(self) -> None:
        """
        A host that no certificate is for is told, the authenticate host too; a wildcard is for one label.
        """
        config = self.loaded(
            "https://app.example.com",
            "https://one.apps.example.com",
            "https://deep.one.apps.example.com",
            "https://other.example.com:8443",
            "https://*.apps.example.com",
            "https://*.example.com",
        ).config
        self.assertEqual(
            uncovered_hosts(config),
            ("authenticate.example.com", "deep.one.apps.example.com", "other.example.com", "*.example.com"),
        )

    def test_without_tls(self) -> None:
        """
        Where another one terminates TLS its certificates are its own affair.
        """
        config = load(self.file(), {}).config
        self.assertEqual((shown_certificates(config, datetime.now(UTC)), uncovered_hosts(config)), ((), ()))

    def test_told(self) -> None:
        """
        ``check`` tells all of that.
        """
        text = printable(checked_text(checked(self.file(self.values()), {})))
        self.assertIn("  app.example.com, *.apps.example.com: until ", text)
        self.assertIn("  NONE is for authenticate.example.com, public.example.com, closed.example.com\n", text)

    def test_unusable(self) -> None:
        """
        A certificate that no listener could use is a problem, and not only when the daemon starts.
        """

        def refused(config: object) -> tuple[str, ...]:
            raise UnusableCertificate("the key is of a kind that TLS does not use")

        self.patch(checked.__globals__["uncovered_hosts"].__globals__["DownstreamContexts"], "names", refused)
        [problem] = checked(self.file(self.values()), {}).problems
        self.assertEqual((problem.key, problem.message), ("certificates", "the key is of a kind that TLS does not use"))


class ClientCertificateTests(CertificateTestCase):
    """
    Whether a browser has to show one.
    """

    def values(self, **more: object) -> dict[str, object]:
        """
        One that is asked for, and *more*.
        """
        mtls = {"ca_file": str(written(self.mktemp(), AUTHORITY.pem, "ca")), **more}
        return super().values(downstream_mtls=mtls)

    def test_told(self) -> None:
        """
        ``check`` says that one is asked for, and every route which rule that adds.
        """
        found = checked(self.file(self.values()), {})
        self.assertEqual(found.client_certificates, "policy_with_default_deny")
        self.assertIn("browsers are asked for a client certificate", printable(checked_text(found)))
        self.assertTrue(all(any("deny" in rule for rule in route.rule) for route in found.routes))

    def test_explained(self) -> None:
        """
        Without one, or with one of somebody else's, a request is refused as by the daemon; with a good one it passes.
        """
        good, _ = AUTHORITY.issue("laptop")
        bad, _ = OTHERS.issue("laptop")
        for certificate, wanted in ((None, (False, 495)), (bad, (False, 495)), (good, (True, 200))):
            found = self.explain("https://app.example.com/", values=self.values(), certificate=certificate)
            self.assertEqual((found.is_admitted, found.status), wanted)

    def test_rejected(self) -> None:
        """
        With ``reject_connection`` there is no answer at all.
        """
        values = self.values(enforcement="reject_connection")
        found = self.explain("https://app.example.com/", values=values)
        self.assertEqual((found.is_admitted, found.status), (False, 0))
        self.assertIn("none is shown", found.outcome[0])
        good, _ = AUTHORITY.issue("laptop")
        self.assertTrue(self.explain("https://app.example.com/", values=values, certificate=good).is_admitted)

    def test_typed(self) -> None:
        """
        The certificate is named by its file; one that is none is a mistake of whoever types.
        """
        config = str(self.file(self.values()))
        good, _ = AUTHORITY.issue("laptop")
        for content, status in ((good, 0), (b"nonsense", 2), (None, 2)):
            path = written(self.mktemp(), content or b"", "client.pem")
            if content is None:
                path.unlink()
            arguments = ("explain", "https://app.example.com/", "--as", "a@b.test", "--certificate", str(path))
            self.assertEqual(self.run_command(*arguments, "-c", config)[0], status)
