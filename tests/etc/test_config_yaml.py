"""
Tests of ``etc/config.yaml``: it shows every key there is, and no other.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.keys.client_certificates import DownstreamMtls
from pomerium_tx.config.keys.health import HealthCheck, HttpHealthCheck, OutlierDetection, TcpHealthCheck
from pomerium_tx.config.keys.provider import ProviderSection
from pomerium_tx.config.loader import load
from pomerium_tx.config.model import CertificateSection, Config, RuntimeFlags
from pomerium_tx.config.problems import InvalidConfig
from pomerium_tx.config.route_section import CircuitBreakerThresholds, RouteSection
from pomerium_tx.config.section import Section
from tests.config.material import key_pair, written
from tests.tls.clients import authority, revocation_list

SHOWN = Path(__file__).resolve().parents[2] / "etc" / "config.yaml"
ROOT = authority("root")
COMMENTED_OUT = re.compile(r"#(?! \S|-|\Z)")
"""
A ``#`` before a key, or before the indented rest of its value; one space behind it makes it prose.
"""


def names(section: type[Section]) -> set[str]:
    """
    The keys of *section*.
    """
    return {field.alias or name for name, field in section.model_fields.items()}


class ConfigYamlTests(SynchronousTestCase):
    """
    The example.
    """

    def uncommented(self) -> str:
        """
        The example with the ``#`` before each key taken away.
        """
        return "\n".join(
            COMMENTED_OUT.sub("", line, 1) if COMMENTED_OUT.match(line) else line
            for line in SHOWN.read_text("utf-8").splitlines()
        )

    def values(self) -> dict[str, object]:
        """
        What the example says once nothing is commented out, with files and base64 that exist.
        """
        values = yaml.safe_load(self.uncommented())
        directory = self.mktemp()
        certificate, key = key_pair()
        for name, content in (
            ("cert", certificate),
            ("key", key),
            ("text", b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
            ("ca", ROOT.pem),
            ("crl", revocation_list(ROOT)),
        ):
            written(directory, content, name)
        files = {"cert": f"{directory}/cert", "key": f"{directory}/key", "text": f"{directory}/text"}

        def real(name: str, value: object) -> object:
            if isinstance(value, dict):
                return {inner: real(inner, item) for inner, item in value.items()}
            if isinstance(value, list):
                return [real(name, item) for item in value]
            if isinstance(value, str) and value.startswith("/etc/pomerium-tx/client-ca."):
                return f"{directory}/{'crl' if 'crl' in name else 'ca'}"
            if isinstance(value, str) and value.startswith("/etc/pomerium-tx/"):
                kind = "key" if "key" in name else "cert" if "cert" in name or "ca" in name.split("_") else "text"
                return files["cert" if name.startswith("certificate_authority") else kind]
            if isinstance(value, str) and value.startswith("LS0tLS1CRUdJTi"):
                return (key if "key" in name else certificate).decode("ascii")
            return value

        return {name: real(name, value) for name, value in values.items()}

    def test_nothing_is_set(self) -> None:
        """
        As it stands the example sets nothing, so that nobody runs with an example's secret.
        """
        self.assertIsNone(yaml.safe_load(SHOWN.read_text("utf-8")))
        problems = self.assertRaises(InvalidConfig, load, SHOWN, {}).problems
        required = {
            "authenticate_service_url",
            "idp_provider",
            "idp_provider_url",
            "idp_client_id",
            "idp_client_secret",
        }
        self.assertEqual({problem.key for problem in problems}, required | {"certificates"})

    def test_required_are_marked(self) -> None:
        """
        What must be set is marked so.
        """
        text = SHOWN.read_text("utf-8")
        for key in ("authenticate_service_url", "idp_provider", "idp_provider_url", "idp_client_id", "- from", "to"):
            with self.subTest(key):
                self.assertRegex(text, rf"# REQUIRED\.[^\n]*\n(?:#[^\n]*\n)*?# *{key}:")

    def test_every_key_and_no_other(self) -> None:
        """
        The keys shown are those of the model, both ways, in each section.
        """
        values = yaml.safe_load(self.uncommented())
        self.assertEqual(set(values), names(Config))
        self.assertEqual(set(values["routes"][0]), names(RouteSection))
        self.assertEqual(set(values["certificates"][0]), names(CertificateSection))
        self.assertEqual(set(values["runtime_flags"]), names(RuntimeFlags))
        # Instead of ca and crl, the example names their files.
        self.assertEqual(set(values["downstream_mtls"]), names(DownstreamMtls) - set(DownstreamMtls.files))
        self.assertLessEqual(set(values["providers"]["partners"]), names(ProviderSection))
        for thresholds in (values, values["routes"][0]):
            self.assertEqual(set(thresholds["circuit_breaker_thresholds"]), names(CircuitBreakerThresholds))
        route = values["routes"][0]
        (check,) = route["health_checks"]
        self.assertEqual(set(check), names(HealthCheck))
        self.assertEqual(set(check["http_health_check"]), names(HttpHealthCheck))
        self.assertEqual(set(check["tcp_health_check"]), names(TcpHealthCheck))
        self.assertEqual(set(route["outlier_detection"]), names(OutlierDetection))

    def test_everything_loads(self) -> None:
        """
        With every key uncommented it loads, but for the keys that exclude one another.
        """
        values = self.values()
        values["authenticate_address"] = ":8443"
        route = values["routes"][0]  # type: ignore[index]  # what YAML gave
        problems = self.complaints(values)
        # They are shown side by side, and only one of each kind may be used.
        self.assertEqual(
            sorted(problem.partition(": ")[2] for problem in problems),
            [
                "routes[0].health_checks[0]: must have one of http_health_check and tcp_health_check",
                "routes[0].redirect: cannot stand beside to; remove one",
                "routes[0].regex_rewrite_pattern: cannot stand beside prefix_rewrite; remove one",
                "routes[0].response: cannot stand beside to; remove one",
            ],
        )
        del route["health_checks"][0]["tcp_health_check"]
        others = {name: route.pop(name) for name in ("redirect", "response", "prefix_rewrite")}
        self.assertEqual(self.complaints(values), [])
        del route["to"]
        for name in ("redirect", "response"):
            self.assertEqual(self.complaints({**values, "routes": [{**route, name: others[name]}]}), [])

    def test_defaults_are_as_shown(self) -> None:
        """
        Where a key has a default that can be written down, the example shows it.
        """
        values = {**self.values(), "routes": []}
        shown = load(written(self.mktemp(), yaml.safe_dump(values)), {}).config
        bare = Config.model_construct(None)
        for name in (
            "address",
            "insecure_server",
            "timeout_request_head",
            "timeout_read",
            "timeout_request",
            "timeout_idle",
            "max_header_bytes",
            "max_header_count",
            "max_target_bytes",
            "max_pipelined_requests",
            "max_connections",
            "max_connections_per_address",
            "max_upstream_connections",
            "max_upstream_queue",
            "timeout_upstream_queue",
            "workers",
            "cookie_name",
            "cookie_expire",
            "cookie_http_only",
            "sign_out_from_same_site",
            "revocation_delay",
            "session_idle_counts_streams",
            "backchannel_logout_allow_missing_exp",
            "frontchannel_sid_is_sub",
            "admin_address",
            "default_upstream_timeout",
            "merge_slashes",
            "normalize_path",
            "skip_xff_append",
            "pass_identity_headers",
            "jwt_issuer_format",
            "log_level",
            "databroker_storage_type",
            "runtime_flags",
            "policy",
        ):
            with self.subTest(name):
                self.assertEqual(getattr(shown, name), getattr(bare, name))

    def complaints(self, values: dict[str, object]) -> list[str]:
        """
        What is wrong with *values*, in words.
        """
        path = written(self.mktemp(), yaml.safe_dump(values, sort_keys=False))
        try:
            load(path, {})
        except InvalidConfig as invalid:
            return [str(problem) for problem in invalid.problems]
        return []
