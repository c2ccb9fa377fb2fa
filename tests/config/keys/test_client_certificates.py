"""
Tests of `pomerium_tx.config.keys.client_certificates`, through whole files.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.keys.client_certificates import DownstreamMtls
from pomerium_tx.workers.pickling import dumps, loads
from tests.config.material import ROUTE, complaints, key_pair, loaded
from tests.tls.clients import authority, revocation_list

ROOT = authority("root")
CA = ROOT.pem.decode()
CRL = revocation_list(ROOT).decode()


def with_tls(**mtls: object) -> dict[str, object]:
    """
    A configuration with TLS and these keys of ``downstream_mtls``.
    """
    certificate, key = key_pair()
    return {
        "insecure_server": False,
        "certificate": certificate.decode(),
        "certificate_key": key.decode(),
        "routes": [dict(ROUTE)],
        "downstream_mtls": mtls or None,
    }


class DownstreamMtlsTests(SynchronousTestCase):
    """
    ``downstream_mtls``.
    """

    def read(self, environ: dict[str, str] | None = None, **mtls: object) -> DownstreamMtls:
        """
        What becomes of these keys.
        """
        found = loaded(self.mktemp(), with_tls(**mtls), environ).config.downstream_mtls
        assert found is not None
        return found

    def file(self, content: str) -> str:
        """
        A file with *content*.
        """
        path = Path(self.mktemp())
        path.write_text(content)
        return str(path.absolute())

    def refused(self, key: str, words: str, environ: dict[str, str] | None = None, **mtls: object) -> None:
        """
        There is exactly this one problem.
        """
        with self.subTest(f"{key}: {words}"):
            found = complaints(self.mktemp(), with_tls(**mtls), environ)
            self.assertEqual([problem.key for problem in found], [f"downstream_mtls{key}"], [str(p) for p in found])
            self.assertIn(words, found[0].message)

    def test_unset(self) -> None:
        """
        Without it nobody is asked for a certificate; nor with nothing in it.
        """
        for values in (with_tls(), {**with_tls(), "downstream_mtls": {}}):
            config = loaded(self.mktemp(), values).config
            self.assertFalse(config.refuses_without_certificate)

    def test_defaults(self) -> None:
        """
        As in Pomerium: every route needs a certificate, that the authority has issued itself.
        """
        found = self.read(ca=CA)
        self.assertEqual((found.enforcement, found.max_verify_depth), ("policy_with_default_deny", 1))
        self.assertEqual((found.crl, found.match_subject_alt_names), (None, ()))

    def test_forms(self) -> None:
        """
        PEM, base64 of it and the name of a file mean the same, in the file and in the environment.
        """
        encoded = base64.b64encode(CA.encode()).decode(), base64.b64encode(CRL.encode()).decode()
        files = self.file(CA), self.file(CRL)
        for ca, crl in ((CA, CRL), encoded):
            found = self.read(ca=ca, crl=crl)
            self.assertEqual((found.ca, found.crl), (CA.encode(), CRL.encode()))
        found = self.read(ca_file=files[0], crl_file=files[1])
        self.assertEqual((found.ca, found.crl), (CA.encode(), CRL.encode()))
        for environ in (
            {"DOWNSTREAM_MTLS_CA": encoded[0], "DOWNSTREAM_MTLS_CRL": encoded[1]},
            {"DOWNSTREAM_MTLS_CA_FILE": files[0], "DOWNSTREAM_MTLS_CRL_FILE": files[1]},
            {"DOWNSTREAM_MTLS": json.dumps({"ca": CA, "crl": CRL})},
        ):
            found = self.read(environ)
            self.assertEqual((found.ca, found.crl), (CA.encode(), CRL.encode()))

    def test_environment(self) -> None:
        """
        Variables win over the file, key by key, whichever form each of them has.
        """
        other = authority("other")
        environ = {
            "DOWNSTREAM_MTLS_CA_FILE": self.file(CA),
            "DOWNSTREAM_MTLS_ENFORCEMENT": "POLICY",
            "DOWNSTREAM_MTLS_MAX_VERIFY_DEPTH": "3",
        }
        found = self.read(environ, ca=other.pem.decode(), max_verify_depth=2, crl=CRL)
        self.assertEqual((found.ca, found.enforcement, found.max_verify_depth), (CA.encode(), "policy", 3))
        self.assertEqual(found.crl, CRL.encode())
        problem = complaints(self.mktemp(), with_tls(ca=CA), {"DOWNSTREAM_MTLS_MAX_VERIFY_DEPTH": "deep"})[0]
        self.assertEqual(
            (problem.file, problem.key), ("$DOWNSTREAM_MTLS_MAX_VERIFY_DEPTH", "downstream_mtls.max_verify_depth")
        )
        words = complaints(self.mktemp(), with_tls(ca=CA), {"DOWNSTREAM_MTLS_MATCH_SUBJECT_ALT_NAMES": "[]"})
        self.assertIn("write match_subject_alt_names", words[0].message)

    def test_names(self) -> None:
        """
        The whole of a name must match, and case counts.
        """
        wanted = [{"dns": r".*\.corp\.test"}, {"EMAIL": r"a|b@example\.com"}, {"ip_address": "10\\..*"}, {"uri": "."}]
        found = self.read(ca=CA, match_subject_alt_names=[*wanted, {"user_principal_name": "x"}])
        kinds = ["dns", "email", "ip_address", "uri", "user_principal_name"]
        self.assertEqual([each.kind for each in found.match_subject_alt_names], kinds)
        dns, email = (each.pattern.matches for each in found.match_subject_alt_names[:2])
        self.assertEqual([dns(b"a.corp.test"), dns(b"a.corp.test.evil"), dns(b"a.CORP.test")], [True, False, False])
        # Alternatives are each for the whole name.
        self.assertEqual([email(b"a"), email(b"ab@example.com"), email(b"b@example.com")], [True, False, True])

    def test_refused(self) -> None:
        """
        What cannot be used is refused, with the key and what to write instead.
        """
        for value in ("", "nothing", base64.b64encode(b"x").decode()):
            self.refused(".ca", "PEM certificates", ca=value)
        for value in ("nothing", CA, base64.b64encode(b"x").decode()):
            self.refused(".crl", "PEM revocation lists", ca=CA, crl=value)
        self.refused(".ca_file", "cannot be read", ca_file="/nonexistent/ca.pem")
        self.refused(".ca", "beside ca_file", ca=CA, ca_file=self.file(CA))
        self.refused(".crl", "beside crl_file", ca=CA, crl=CRL, crl_file=self.file(CRL))
        self.refused(".enforcement", "policy_with_default_deny", ca=CA, enforcement="require")
        self.refused(".max_verify_depth", "whole number", ca=CA, max_verify_depth=-1)
        self.refused(".require", "not a known key", ca=CA, require=True)
        self.refused(".match_subject_alt_names", "list", ca=CA, match_subject_alt_names={"dns": "x"})
        for item, words in [
            ({"dns": "("}, "not a regular expression"),
            ({"dns": "(?=x)"}, "not a regular expression"),
            ({"dns": ""}, "in quotes"),
            ({"dns": 1}, "in quotes"),
            ({"domain": "x"}, "is not one of dns"),
            ({"dns": "x", "email": "y"}, "one key"),
            ("x", "one key"),
        ]:
            self.refused(".match_subject_alt_names", words, ca=CA, match_subject_alt_names=[item])
        found = complaints(self.mktemp(), {**with_tls(), "downstream_mtls": "{"})
        self.assertEqual([(each.key, "mapping" in each.message) for each in found], [("downstream_mtls", True)])

    def test_old_names(self) -> None:
        """
        What Pomerium does not have any more, or advises against, is refused with what to write instead.
        """
        for key in ("client_ca", "client_ca_file", "client_crl", "client_crl_file"):
            (problem,) = complaints(self.mktemp(), {**with_tls(), key: "x"})
            self.assertIn("under downstream_mtls", problem.message)
        for key in ("tls_downstream_client_ca", "tls_downstream_client_ca_file"):
            (problem,) = complaints(self.mktemp(), {**with_tls(), "routes": [{**ROUTE, key: "x"}]})
            self.assertIn("client_certificate", problem.message)

    def test_for_workers(self) -> None:
        """
        A worker gets it as it is, and two that say the same are equal, so that a reload sees what has changed.
        """
        found = self.read(ca=CA, match_subject_alt_names=[{"dns": "a"}])
        again = loads(dumps(found))
        self.assertEqual(again, found)
        self.assertTrue(again.match_subject_alt_names[0].pattern.matches(b"a"))
        self.assertNotEqual(found, self.read(ca=CA, match_subject_alt_names=[{"dns": "b"}]))
