"""
What operators write.
"""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.model import Config
from pomerium_tx.config.policy.criteria import FORMS
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.config.told.unsupported import ROOT_KEYS, ROUTE_KEYS
from tests.fuzz import certificates, configuration
from tests.fuzz.engine import Octets, damaged, fuzzed, joined, lines, words
from tests.fuzz.targets import kept

Values = st.SearchStrategy[Any]
TEXTS = st.one_of(
    st.sampled_from("https://a.test http://b http://b,2 :443 5s 1h -1s / /a ^/(a|b) ( oidc true a,b {} [] A:b".split()),
    st.sampled_from(
        "${pomerium.jwt} 10.0.0.0/8 ::1 app.example.com *.example.com 2024-01-01T00:00:00Z Mon-Fri".split()
    ),
    st.text(max_size=6),
)
SCALARS = st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats())
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=5,
)
ROOT = sorted({field.alias or name for name, field in Config.model_fields.items()} | set(ROOT_KEYS))
OF_ROUTES = sorted({field.alias or name for name, field in RouteSection.model_fields.items()} | set(ROUTE_KEYS))
MATCHERS = st.one_of(
    TEXTS,
    st.dictionaries(
        st.sampled_from("is not in starts_with ends_with contains has before after fingerprint timezone".split()),
        st.one_of(SCALARS, st.lists(SCALARS, max_size=2)),
        max_size=2,
    ),
    NESTED,
)
CRITERIA = st.dictionaries(
    st.one_of(st.sampled_from(sorted(FORMS)), st.sampled_from(("claim/groups", "claim/", "emial", "accept/x", "and"))),
    MATCHERS,
    min_size=1,
    max_size=1,
)
POLICIES = st.recursive(
    st.dictionaries(
        st.sampled_from(("allow", "deny")),
        st.dictionaries(st.sampled_from(("and", "or", "not", "nor")), st.lists(CRITERIA, max_size=3), max_size=2),
        max_size=2,
    ),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
ROUTES = st.lists(
    st.dictionaries(st.sampled_from(OF_ROUTES), NESTED, max_size=4).flatmap(
        lambda odd: st.one_of(st.none(), POLICIES).map(
            lambda policy: (
                {"from": "https://app.example.com", "to": "http://127.0.0.1:3000", **odd}
                | ({} if policy is None else {"policy": policy})
            )
        )
    ),
    max_size=2,
)
CONFIGS: Values = st.one_of(
    st.dictionaries(st.sampled_from(ROOT), NESTED, max_size=3),
    ROUTES.map(lambda routes: {"routes": routes}),
)
FLAT: Values = st.dictionaries(st.sampled_from(ROOT), st.one_of(TEXTS, st.integers(), st.booleans()), max_size=3)


def as_yaml(value: object) -> bytes:
    """
    *value* below other keys.
    """
    return yaml.dump(value, Dumper=yaml.Dumper).encode("utf-8", "replace") if value else b""


def as_json(value: object) -> bytes:
    """
    The members of *value*, as between others.
    """
    return json.dumps(value).encode()[1:-1] or b'"address":":443"'


def as_toml(value: dict[str, Any]) -> bytes:
    """
    *value* as far as TOML has it.
    """
    return "".join(f"{key} = {json.dumps(each)}\n" for key, each in value.items()).encode()


TEMPLATES = joined(
    words(*'$ $$ ${ } pomerium . access_token request headers ["x-a"] ["cookie"] x'.split(), " ", "\xe9"), most=10
)
SHOWN = words("", "x", "a=b; _pomerium=x", "\xff\t", "Bearer Pomerium-x")
WHOLE_TEMPLATES = words("${pomerium.access_token}", "Bearer $pomerium.jwt", '${pomerium.request.headers["X-A"]}', "$$x")


def changed(target: str) -> Octets:
    """
    What is kept for *target*, with octets changed.
    """
    good = st.sampled_from([path.read_bytes() for path in kept(target)])
    places = st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), max_size=3)

    def put(parts: tuple[bytes, list[tuple[int, int]]]) -> bytes:
        octets = bytearray(parts[0])
        for place, octet in parts[1]:
            if octets:
                octets[place % len(octets)] = octet
        return bytes(octets)

    return st.tuples(good, places).map(put)


class ConfigurationTests(SynchronousTestCase):
    """
    Files and the environment.
    """

    @fuzzed(damaged(CONFIGS.map(as_yaml)), 120)
    def test_yaml(self, octets: bytes) -> None:
        """
        A file in YAML can be served, or its problems are told.
        """
        configuration.check_config_yaml(octets)

    @fuzzed(CONFIGS.map(as_json), 80)
    def test_json(self, octets: bytes) -> None:
        """
        So can one in JSON.
        """
        configuration.check_config_json(octets)

    @fuzzed(FLAT.map(as_toml), 80)
    def test_toml(self, octets: bytes) -> None:
        """
        So can one in TOML.
        """
        configuration.check_config_toml(octets)

    @fuzzed(
        st.dictionaries(
            st.sampled_from([key.upper() for key in ROOT] + ["HEADERS", "DOWNSTREAM_MTLS_CA", "downstream_mtls_ca"]),
            st.one_of(TEXTS, ROUTES.map(json.dumps)),
            max_size=3,
        ).map(lambda environ: "\n".join(f"{name}={text}" for name, text in environ.items()).encode("utf-8", "replace")),
        80,
    )
    def test_environment(self, octets: bytes) -> None:
        """
        So can the environment.
        """
        configuration.check_config_environment(octets)


class PolicyTests(SynchronousTestCase):
    """
    Policies.
    """

    @fuzzed(POLICIES.map(lambda policy: json.dumps(policy).encode()), 250)
    def test_written_well(self, octets: bytes) -> None:
        """
        A policy decides and explains its decision, or its problems are told.
        """
        configuration.check_policy(octets)

    @fuzzed(damaged(POLICIES.map(as_yaml)), 120)
    def test_written_badly(self, octets: bytes) -> None:
        """
        The same with mistakes in the text.
        """
        configuration.check_policy(octets)


class TemplateTests(SynchronousTestCase):
    """
    Headers in which something is named.
    """

    @fuzzed(lines(st.one_of(TEMPLATES, WHOLE_TEMPLATES), SHOWN), 250)
    def test_templates(self, octets: bytes) -> None:
        """
        A template makes one header, whatever it names.
        """
        configuration.check_header_template(octets)


class CertificateTests(SynchronousTestCase):
    """
    Certificates and revocation lists.
    """

    @fuzzed(changed("certificate"), 400)
    def test_certificates(self, octets: bytes) -> None:
        """
        A certificate is judged, or refused; no other problem comes of it.
        """
        certificates.check_certificate(octets)

    @fuzzed(changed("revocation_list"), 300)
    def test_revocation_lists(self, octets: bytes) -> None:
        """
        A revocation list that the configuration takes can be used, and no other.
        """
        certificates.check_revocation_list(octets)
