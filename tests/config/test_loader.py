"""
Tests of `pomerium_tx.config.loader`: whole files.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.loader import load
from pomerium_tx.config.model import Config
from pomerium_tx.config.problems import InvalidConfig
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.config.told.unsupported import ROOT_KEYS, ROUTE_KEYS
from tests.config.material import KEY_32, ROUTE, SMALLEST, complaints, key_pair, loaded, written

BAD = """\
authenticate_service_url: https://authenticate.example.com
insecure_server: true
cookie_expire: 5
adress: :443
idp_provider: oidc
idp_provider_url: https://op.example.com
idp_client_id: client
cookie_secret: planted-secret
routes:
  - from: https://app.example.com
    to: http://127.0.0.1:3000
    regex: "("
  - from: http://chat.example.com
    to:
      - http://127.0.0.1:3001
      - http://127.0.0.1:3002,2
  - to: http://127.0.0.1:3003
"""


class LoadTests(SynchronousTestCase):
    """
    Loading a file.
    """

    def test_smallest(self) -> None:
        """
        A handful of keys is a configuration; the rest has Pomerium's defaults.
        """
        result = loaded(self.mktemp(), {"routes": [ROUTE]})
        config = result.config
        self.assertEqual(result.warnings, ())
        self.assertEqual((str(config.address), config.cookie_name), (":443", "_pomerium"))
        self.assertEqual(config.cookie_expire.total_seconds(), 14 * 3600)
        self.assertEqual(config.scopes, ("openid", "profile", "email", "offline_access"))
        self.assertEqual(config.shared_secret.get_secret_value(), bytes(range(32)))
        (route,) = config.routes
        self.assertEqual((route.from_, route.to), ("https://app.example.com", ("http://127.0.0.1:3000",)))

    def test_all_problems_at_once(self) -> None:
        """
        Every problem is named with its file, line and key, however many there are.
        """
        path = written(self.mktemp(), BAD)
        invalid = self.assertRaises(InvalidConfig, load, path, {})
        places = [(problem.line, problem.key) for problem in invalid.problems]
        self.assertEqual(
            places,
            [
                (1, "idp_client_secret"),
                (3, "cookie_expire"),
                (4, "adress"),
                (8, "cookie_secret"),
                (12, "routes[0].regex"),
                (13, "routes[1].from"),
                (14, "routes[1].to"),
                (17, "routes[2].from"),
            ],
        )
        self.assertTrue(str(invalid.problems[2]).startswith(f"{path}:4: adress: "), str(invalid.problems[2]))
        self.assertIn("did you mean address?", str(invalid))
        self.assertNotIn("planted-secret", str(invalid))

    def test_default_stays_a_default(self) -> None:
        """
        After loading, too, it is known which keys somebody wrote; the environment can write one, and switch it off.
        """
        self.assertNotIn("admin_address", loaded(self.mktemp(), {"routes": [ROUTE]}).config.model_fields_set)
        for environ, shown in (({"ADMIN_ADDRESS": "unix:/a"}, "unix:/a"), ({"ADMIN_ADDRESS": "off"}, "None")):
            config = loaded(self.mktemp(), {"policy": [ROUTE]}, environ).config
            self.assertIn("admin_address", config.model_fields_set)
            self.assertEqual(str(config.admin_address), shown)

    def test_choices(self) -> None:
        """
        A key with a few words to choose from takes them in any case, and names them for any other.
        """
        for word, kept in (("PRIVATE", "private"), ("no_store", "no_store"), ("upstream", "upstream")):
            (route,) = loaded(self.mktemp(), {"routes": [{**ROUTE, "caching": word}]}).config.routes
            self.assertEqual(route.caching, kept)
        (problem,) = complaints(self.mktemp(), {"routes": [{**ROUTE, "caching": "never"}]})
        self.assertEqual((problem.key, problem.message), ("routes[0].caching", "must be upstream, private or no_store"))

    def test_secrets_do_not_show(self) -> None:
        """
        Neither a configuration nor what it consists of shows a secret when printed.
        """
        _, key = key_pair()
        values = {
            "signing_key": key.decode(),
            "routes": [{**ROUTE, "set_request_headers": {"X-Key": "planted-header"}}],
        }
        config = loaded(self.mktemp(), values).config
        shown = repr(config) + str(config) + repr(config.routes)
        for secret in ("planted-client-secret", "planted-header", KEY_32, key.decode()[40:80], repr(bytes(range(32)))):
            self.assertNotIn(secret, shown)

    def test_older_name_of_routes(self) -> None:
        """
        Routes under ``policy`` come before those under ``routes``.
        """
        older = {**ROUTE, "from": "https://older.example.com"}
        config = loaded(self.mktemp(), {"routes": [ROUTE], "policy": [older]}).config
        self.assertEqual([route.from_ for route in config.routes], ["https://older.example.com", ROUTE["from"]])
        self.assertEqual(config.policy, ())

    def test_without_a_file(self) -> None:
        """
        The environment may say everything, and whoever forgets to say that there is no file is told how.
        """
        routes = base64.b64encode(json.dumps([ROUTE]).encode()).decode()
        environ = {name.upper(): str(value) for name, value in SMALLEST.items()}
        environ["ROUTES"] = routes
        found = load(Path(os.devnull), environ)
        self.assertEqual([route.from_ for route in found.config.routes], [ROUTE["from"]])
        missing = Path(self.mktemp())
        with_it = self.assertRaises(InvalidConfig, load, missing, environ).problems
        without = self.assertRaises(InvalidConfig, load, missing, {}).problems
        self.assertIn("name /dev/null", with_it[0].message)
        self.assertNotIn("/dev/null", without[0].message)

    def test_secrets_that_are_not_set(self) -> None:
        """
        Without secrets random ones are made, each start others, and the operator is told what that means.
        """
        missing = {"shared_secret": ..., "cookie_secret": ..., "routes": [ROUTE]}
        one, other = loaded(self.mktemp(), missing), loaded(self.mktemp(), missing)
        self.assertEqual([warning.key for warning in one.warnings], ["shared_secret", "cookie_secret"])
        secrets = {
            secret.get_secret_value()
            for config in (one.config, other.config)
            for secret in (config.shared_secret, config.cookie_secret)
        }
        self.assertEqual({len(secret) for secret in secrets}, {32})
        self.assertEqual(len(secrets), 4)

    def test_files(self) -> None:
        """
        JSON and TOML are read by the file's extension, and problems in JSON have their line too.
        """
        text = '{\n\t"address": ":8443",\n\t"cookie_expire": "soon"\n}'
        invalid = self.assertRaises(InvalidConfig, load, written(self.mktemp(), text, "config.json"), {})
        self.assertIn((3, "cookie_expire"), [(problem.line, problem.key) for problem in invalid.problems])
        toml = "\n".join(f"{key} = {json.dumps(value)}" for key, value in SMALLEST.items())
        self.assertTrue(load(written(self.mktemp(), toml, "config.toml"), {}).config.insecure_server)

    def test_unreadable(self) -> None:
        """
        A file that is missing, a folder, a pipe or no text is one problem that names it, at once.
        """
        directory = self.mktemp()
        cases: list[tuple[Path, str]] = [
            (Path(directory) / "missing.yaml", "No such file"),
            (written(directory, b"\xff\xfea\x00"), "UTF-8"),
            (Path(directory), "not a regular file"),
            (Path(directory) / "pipe", "not a regular file"),
            (Path(directory) / "loop", "cannot be read"),
            (Path("a\0b"), "cannot be read"),
        ]
        os.mkfifo(cases[3][0])
        (Path(directory) / "loop").symlink_to("loop")
        for path, words in cases:
            with self.subTest(str(path)):
                (problem,) = self.assertRaises(InvalidConfig, load, path, {}).problems
                self.assertEqual((problem.file, problem.key), (str(path), ""))
                self.assertIn(words, problem.message)

    def test_byte_order_mark(self) -> None:
        """
        An editor's byte order mark does no harm.
        """
        path = written(self.mktemp(), "\ufeff" + yaml.safe_dump(dict(SMALLEST)))
        self.assertTrue(load(path, {}).config.insecure_server)

    def test_empty(self) -> None:
        """
        An empty file is told what it needs, and no more.
        """
        for content in ("", "# nothing\n", "{}"):
            with self.subTest(content):
                path = written(self.mktemp(), content)
                keys = {problem.key for problem in self.assertRaises(InvalidConfig, load, path, {}).problems}
                self.assertEqual(
                    keys,
                    {
                        "authenticate_service_url",
                        "certificates",
                        "idp_provider",
                        "idp_provider_url",
                        "idp_client_id",
                        "idp_client_secret",
                    },
                )

    def test_one_mistake_one_problem(self) -> None:
        """
        What follows only from another mistake is not complained about as well.
        """
        for values, key in (
            (
                {"routes": [{**ROUTE, "allowed_users": 3, "allow_any_authenticated_user": False}]},
                "routes[0].allowed_users",
            ),
            ({"insecure_server": "perhaps"}, "insecure_server"),
            (
                {"insecure_server": False, "certificate_file": "/nowhere", "certificate_key_file": ...},
                "certificate_file",
            ),
            ({"cookie_domain": "example.com", "authenticate_service_url": "nonsense"}, "authenticate_service_url"),
            ({"idp_client_secret": ..., "idp_client_secret_file": "/nowhere"}, "idp_client_secret_file"),
            ({"routes": [ROUTE, {**ROUTE, "prefix": "x"}]}, "routes[1].prefix"),
            ({"routes": [3]}, "routes[0]"),
            ({"routes": "none"}, "routes"),
            ({"runtime_flags": {"match_any_incoming_port": "x"}}, "runtime_flags.match_any_incoming_port"),
            ({"runtime_flags": 3}, "runtime_flags"),
            ({"certificates": [{"cert": "/nowhere", "key": "/nowhere"}]}, "certificates[0].cert"),
        ):
            with self.subTest(key):
                found = {problem.key for problem in complaints(self.mktemp(), values)}
                self.assertEqual(found - {"certificates[0].key"}, {key})

    def test_places_of_routes(self) -> None:
        """
        Each route knows where it stands, those of Pomerium's older key first.
        """
        text = yaml.safe_dump(dict(SMALLEST)) + (
            "routes:\n- {from: https://a.example.com, to: http://a}\n- {from: https://b.example.com, to: http://b}\n"
            "policy:\n- {from: https://c.example.com, to: http://c}\n"
        )
        path = written(self.mktemp(), text)
        first = len(SMALLEST) + 1
        found = load(path, {}).places
        self.assertEqual(
            [str(place) for place in found],
            [f"{path}:{first + 4}: policy[0]", f"{path}:{first + 1}: routes[0]", f"{path}:{first + 2}: routes[1]"],
        )

    def test_variables(self) -> None:
        """
        What the environment has set is told by the names of the variables.
        """
        environ = {"LOG_LEVEL": "warn", "HEADERS": "A:b", "HOME": "/", "X": ""}
        result = loaded(self.mktemp(), {"routes": [ROUTE]}, environ)
        self.assertEqual(result.variables, ("HEADERS", "LOG_LEVEL"))

    def test_warnings_beside_problems(self) -> None:
        """
        A configuration that cannot be used says what it would be warned of, too.
        """
        with self.assertRaises(InvalidConfig) as caught:
            loaded(self.mktemp(), {"adress": ":443", "grpc_address": ":5443", "routes": [ROUTE]})
        self.assertEqual([problem.key for problem in caught.exception.problems], ["adress"])
        self.assertEqual([warning.key for warning in caught.exception.warnings], ["grpc_address"])


KEYS = sorted({field.alias or name for name, field in Config.model_fields.items()} | set(ROOT_KEYS))
ROUTE_KEY_NAMES = sorted({field.alias or name for name, field in RouteSection.model_fields.items()} | set(ROUTE_KEYS))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["https://a.test", "http://b", ":443", "5s", "/", "oidc", "true", "a,b", "{}", "https://[", KEY_32]
    ),
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=9), SCALARS, max_size=3)
ROUTES = st.lists(st.dictionaries(st.sampled_from(ROUTE_KEY_NAMES), VALUES, max_size=6), max_size=3)
PAIRS = st.sampled_from(KEYS).flatmap(
    lambda key: st.tuples(st.just(key), ROUTES if key in ("routes", "policy") else VALUES)
)
CONFIGS = st.lists(PAIRS, min_size=1, max_size=5).map(dict)


class AnythingTests(SynchronousTestCase):
    """
    Any file at all.
    """

    def judge(self, content: bytes, environ: dict[str, str] | None = None) -> None:
        """
        It is a configuration or has problems; nothing else comes out.
        """
        path = written(self.directory, content)
        try:
            load(path, environ or {})
        except InvalidConfig as invalid:
            self.assertTrue(invalid.problems)
            for problem in invalid.problems:
                self.assertTrue(problem.message)

    def setUp(self) -> None:
        self.directory = self.mktemp()

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
    def test_any_bytes(self, content: bytes) -> None:
        """
        No content of a file ends in a traceback.
        """
        self.judge(content)

    @settings(max_examples=100, deadline=None)
    @given(CONFIGS)
    def test_any_values(self, values: dict[str, object]) -> None:
        """
        Neither does any value of any key, also beside good ones.
        """
        content = yaml.dump({**SMALLEST, **values}, Dumper=yaml.Dumper).encode("utf-8", "replace")
        self.judge(content)

    @settings(max_examples=100, deadline=None)
    @given(st.dictionaries(st.sampled_from([key.upper() for key in KEYS]), st.text(max_size=30), max_size=5))
    def test_any_environment(self, environ: dict[str, str]) -> None:
        """
        Neither does any environment.
        """
        self.judge(yaml.safe_dump(dict(SMALLEST)).encode(), environ)
