"""
Tests of `pomerium_tx.config.told.schema`: what an editor marks in red is wrong, and what it does not know it marks.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.loader import load
from pomerium_tx.config.problems import InvalidConfig
from pomerium_tx.config.told import unsupported as keys
from pomerium_tx.config.told.described import described
from pomerium_tx.config.told.schema import schema
from pomerium_tx.config.told.unsupported import KeyClass
from tests.config.json_schema import complaints
from tests.config.material import KEY_32, ROUTE, SMALLEST
from tests.etc.test_config_yaml import COMMENTED_OUT, SHOWN

ROOT = Path(__file__).resolve().parents[3]
SNIPPET = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
SMALL: dict[str, object] = {
    "authenticate_service_url": "https://authenticate.example.com",
    "routes": [{"from": "https://app.example.com", "to": "http://127.0.0.1:3000", "allowed_users": ["a@example.com"]}],
}
ANYTHING: tuple[object, ...] = (
    *(None, True, False, 0, 5, 301, 65_536, 0.5),
    *("", "No", "0", "5", "A", "a,b", "OFF", "/x", "https://a.test", "http://b/x?y", "a.test", "127.0.0.1", ":443"),
    *("1h30m", "#123456", "{}", '{"a": "b"}', KEY_32),
    *([], ["a"], ["a.test"], ["https://a.test"], [{}], {}, {"a": "b"}, {"X-A": 1}, {"allow": {"or": []}}),
)
"""
What may be written for a key, in good faith or not.
"""


def snippets() -> list[tuple[str, str]]:
    """
    Every configuration in our documents, and where it stands; what shows a part of a route only is none.
    """
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        (f"{page.relative_to(ROOT)}, snippet {number}", text)
        for page in pages
        for number, text in enumerate(SNIPPET.findall(page.read_text("utf-8")), 1)
        if re.search(r"^(?:authenticate_service_url|routes):", text, re.MULTILINE)
    ]


class SchemaTests(SynchronousTestCase):
    """
    The schema.
    """

    def setUp(self) -> None:
        """
        Make it as an editor gets it.
        """
        self.schema = json.loads(json.dumps(schema()))

    def wrong(self, value: object) -> list[str]:
        """
        What an editor would mark.
        """
        return list(complaints(self.schema, value, self.schema))

    def route(self, **changed: object) -> list[str]:
        """
        What an editor would mark in a route.
        """
        return self.wrong({"routes": [{"from": "https://app.example.com", "to": "http://127.0.0.1:3000", **changed}]})

    def test_our_example(self) -> None:
        """
        Nothing of ``etc/config.yaml`` is marked, with every key in it set.
        """
        lines = SHOWN.read_text("utf-8").splitlines()
        text = "\n".join(COMMENTED_OUT.sub("", line, 1) if COMMENTED_OUT.match(line) else line for line in lines)
        self.assertEqual(self.wrong(yaml.safe_load(text)), [])

    def test_our_documents(self) -> None:
        """
        Nothing is marked in any configuration that our documents show.
        """
        self.assertGreater(len(snippets()), 0)
        for name, text in snippets():
            with self.subTest(name):
                self.assertEqual(self.wrong(yaml.safe_load(text) or {}), [])

    def test_other_spelling(self) -> None:
        """
        A key of a message of protobuf is not marked in its other spelling.
        """
        check = {"timeout": "1s", "interval": "1s", "unhealthyThreshold": 2, "httpHealthCheck": {"path": "/"}}
        self.assertEqual(self.route(health_checks=[check], outlier_detection={"baseEjectionTime": "3s"}), [])

    def test_misspelt_keys(self) -> None:
        """
        A key that nobody knows is marked, wherever it stands.
        """
        for value in (
            {"cookie_expires": "8h"},
            {"routes": [{"from": "https://a.example.com", "to": "http://b", "alowed_users": []}]},
            {"circuit_breaker_thresholds": {"max_connection": 1}},
            {"certificates": [{"cert": "a", "keyfile": "b"}]},
        ):
            with self.subTest(str(value)):
                self.assertNotEqual(self.wrong(value), [])

    def test_wrong_values(self) -> None:
        """
        A value in no form that its key has is marked.
        """
        for key, value in (
            ("cookie_expire", "8 hours"),
            ("cookie_expire", 8),
            ("workers", 0),
            ("workers", "two"),
            ("insecure_server", "maybe"),
            ("cookie_same_site", "relaxed"),
            ("shared_secret", "short"),
            ("routes", {}),
            ("address", "443x"),
            ("idp_scopes", {"openid": True}),
            ("routes", [{"from": "https://a.test", "to": "http://b", "policy": {"allow": {"or": [{"emial": "a@b"}]}}}]),
            ("routes", [{"from": "https://a.test", "to": "http://b", "policy": [{"allow": {"email": "a@b"}}]}]),
            ("routes", [{"from": "https://a.test", "to": "http://b", "policy": {"alow": {}}}]),
        ):
            with self.subTest(f"{key}: {value}"):
                self.assertNotEqual(self.wrong({key: value}), [])

    def test_every_form(self) -> None:
        """
        No form in which a value may be written is marked.
        """
        for key, value in (
            ("cookie_expire", "1h30m"),
            ("timeout_idle", 0),
            ("timeout_idle", " 5m "),
            ("workers", "2"),
            ("insecure_server", "TRUE"),
            ("insecure_server", 1),
            ("cookie_same_site", "LAX"),
            ("log_level", "Info"),
            ("idp_scopes", "openid,email"),
            ("idp_request_params", '{"prompt": "login"}'),
            ("jwt_claims_headers", "email groups"),
            ("circuit_breaker_thresholds", '{"max_connections": 5}'),
            ("admin_address", "off"),
            ("admin_address", ""),
            ("cookie_domain", None),
            ("runtime_flags", {"config_hot_reload": True, "of_next_year": True}),
            ("routes", [{"from": "https://a.test", "to": "http://b", "allowed_idp_claims": {"groups": ["a"]}}]),
            ("routes", [{"from": "https://a.test", "to": "http://b", "policy": "allow: {or: [accept: true]}"}]),
            (
                "routes",
                [
                    {
                        "from": "https://a.test",
                        "to": "http://b",
                        "policy": [{"allow": {"and": [{"claim/a/b": 1}, {"email": {"in": ["a@b"]}}], "action": "x"}}],
                    }
                ],
            ),
        ):
            with self.subTest(f"{key}: {value}"):
                self.assertEqual(self.wrong({key: value}), [])

    def test_never_wrongly(self) -> None:
        """
        What the daemon takes no editor marks, whatever is written for whichever key.
        """
        by_name = {section.name: section for section in described()}
        root, route = by_name["Config"], by_name["RouteSection"]
        path = Path(self.mktemp() + ".json")
        taken, marked = 0, list[str]()
        for section, whole in ((root, lambda key: key), (route, lambda key: {"routes": [{**ROUTE, **key}]})):
            for name in (key.name for key in section.keys if not key.file_of):
                for value in ANYTHING:
                    values = {**SMALLEST, **whole({name: value})}
                    path.write_text(json.dumps(values))
                    try:
                        load(path, {})
                    except InvalidConfig:
                        continue
                    taken += 1
                    marked += [f"{section.name}.{name}: {value!r}: {words}" for words in self.wrong(values)]
        self.assertEqual(marked, [])
        self.assertGreater(taken, 500)

    def test_refused_keys(self) -> None:
        """
        A key of Pomerium's that is refused is marked, but for values that ask for what happens anyway.
        """
        for table, wrong in ((keys.ROOT_KEYS, lambda **key: self.wrong(key)), (keys.ROUTE_KEYS, self.route)):
            for name, known in table.items():
                with self.subTest(name):
                    self.assertEqual(bool(wrong(**{name: "something-else"})), known.key_class is KeyClass.REFUSED)
                    for value in known.harmless:
                        self.assertEqual(wrong(**{name: json.loads(json.dumps(value))}), [])

    def test_words_of_keys_that_are_not_supported(self) -> None:
        """
        An editor strikes them out and says why, in the words of the daemon.
        """
        for name, known in keys.ROOT_KEYS.items():
            with self.subTest(name):
                shown = self.schema["properties"][name]
                self.assertEqual((shown["description"], shown["deprecated"]), (known.words.replace("`", ""), True))

    def test_families(self) -> None:
        """
        Pomerium's families of keys are known without a list of their members.
        """
        self.assertEqual(self.wrong({"otel_exporter_otlp_endpoint": "http://127.0.0.1:4317"}), [])
        self.assertNotEqual(self.wrong({"mcp_allowed_client_id_domains": ["example.com"]}), [])

    def test_a_route_needs_from(self) -> None:
        """
        A route without its two ends is marked; outside of routes nothing is required, for the environment may give it.
        """
        self.assertNotEqual(self.wrong({"routes": [{"to": "http://127.0.0.1:3000"}]}), [])
        self.assertNotEqual(self.wrong({"routes": [{"from": "https://app.example.com"}]}), [])
        self.assertEqual(self.wrong(SMALL), [])
        self.assertEqual(self.wrong({}), [])

    def test_empty_access_keys(self) -> None:
        """
        A key that says who may pass must have a value.
        """
        self.assertNotEqual(self.route(allowed_users=None), [])
        self.assertEqual(self.route(prefix=None), [])

    def test_everything_is_described(self) -> None:
        """
        An editor has a sentence for every key.
        """
        sections = [("", self.schema), *self.schema["$defs"].items()]
        silent = [
            f"{section}.{name}"
            for section, found in sections
            for name, key in found["properties"].items()
            if not key.get("description")
        ]
        self.assertEqual(silent, [])
