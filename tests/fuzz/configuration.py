"""
What operators write: configurations in every format, policies, templates of headers.
"""

from __future__ import annotations

import json
import re
import tempfile
from functools import cache
from pathlib import Path

import yaml

from pomerium_tx.config.document import KeyPath, read_yaml
from pomerium_tx.config.forms.header_template import Template
from pomerium_tx.config.loader import load
from pomerium_tx.config.policy.rules import Rules, read_rules
from pomerium_tx.config.problems import InvalidConfig
from pomerium_tx.policy.client import Client
from pomerium_tx.policy.explanation import explained
from pomerium_tx.policy.language import compiled
from pomerium_tx.policy.words import rule_in_words
from pomerium_tx.proxy.asked import Asked
from pomerium_tx.proxy.heads.header_values import HeaderValues, KeptTokens
from pomerium_tx.routing.route import build
from tests.config.material import SMALLEST
from tests.doubles.sessions import a_session
from tests.fuzz.ways import lines_of
from tests.policy.clients import CANONICAL, CLIENT, HEAD, a_head
from tests.proxy.harness import a_route
from tests.proxy.heads.test_header_values import asked

SECRET = "planted-client-secret"
_SMALLEST = yaml.safe_dump(dict(SMALLEST)).encode()
_FIT = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="pomerium-tx-fuzz-")


def _judge(name: str, octets: bytes, environ: dict[str, str] | None = None) -> None:
    """
    A file is a configuration of which everything is made that serves, or it has problems; secrets are in neither.
    """
    path = Path(_folder().name) / name
    path.write_bytes(octets)
    try:
        found = load(path, environ or {})
    except InvalidConfig as invalid:
        assert invalid.problems
        assert all(problem.message for problem in invalid.problems)
        assert SECRET not in str(invalid)
        return
    assert SECRET not in repr(found)
    for section in found.config.routes:
        route = build(section, found.config)
        route.policy(None, HEAD, CANONICAL, CLIENT)


def check_config_yaml(octets: bytes) -> None:
    """
    YAML, alone and below the keys that every configuration needs.
    """
    _judge("config.yaml", octets)
    _judge("config.yaml", _SMALLEST + octets)


def check_config_json(octets: bytes) -> None:
    """
    JSON, and the members of an object that has the keys that every configuration needs.
    """
    _judge("config.json", octets)
    _judge("config.json", json.dumps(dict(SMALLEST)).encode()[:-1] + b"," + octets + b"}")


def check_config_toml(octets: bytes) -> None:
    """
    TOML, alone and below the keys that every configuration needs.
    """
    smallest = "".join(f"{key} = {json.dumps(value)}\n" for key, value in SMALLEST.items())
    _judge("config.toml", octets)
    _judge("config.toml", smallest.encode() + octets)


def check_config_environment(octets: bytes) -> None:
    """
    Each line is a variable and its value.
    """
    environ = {}
    for line in octets.decode("utf-8", "surrogateescape").split("\n"):
        name, _, value = line.partition("=")
        if name and "\0" not in line:
            environ[name] = value.replace("\\n", "\n")
    _judge("config.yaml", _SMALLEST, environ)


def _rules(value: object) -> Rules | None:
    wrong: list[tuple[KeyPath, str]] = []
    found = read_rules(value, (), lambda at, message: wrong.append((at, message)))
    assert all(message for _, message in wrong)
    return None if wrong else found


def check_policy(octets: bytes) -> None:
    """
    A text has problems, or is a policy that answers everybody's requests, explains its answers as it gives them, and
    can be told in words; the same written as JSON is the same policy.
    """
    text = octets.decode("utf-8", "replace")
    found = _rules(text)
    if found is None:
        return
    value, _ = read_yaml(text, "")
    assert _rules(value) == found
    policy = compiled(found)
    person = a_session(claims={"groups": ("staff", 7, True), "email": ("alice@example.com",)})
    for session in (None, person):
        for head in (HEAD, a_head("POST", accept="text/html")):
            for client in (CLIENT, Client(address="::1", lacks_certificate=True)):
                decision = policy(session, head, CANONICAL, client)
                assert decision == explained(found, session, head, CANONICAL, client).decision
                assert policy(session, head, CANONICAL, client) is decision
    if not found:
        assert not policy(person, HEAD, CANONICAL, CLIENT).allow
    for rule in found:
        assert rule_in_words(rule)


@cache
def _kept() -> KeptTokens:
    return KeptTokens()


def check_header_template(octets: bytes) -> None:
    """
    A template and the value of a header of the request, on a line each: one header, with no line break in it; what has
    no reference comes back as it was written.
    """
    text, value = (part.decode("latin-1") for part in lines_of(octets, 2))
    template = Template.of(text)
    assert template.literal is None or template.literal.replace("$", "") == text.replace("$", "")
    assert Template.of(text.replace("$", "$$")).literal == text
    assert all(isinstance(name, str) for name in template.unknown)
    if not _FIT.fullmatch(text) or not _FIT.fullmatch(value):
        return
    values = HeaderValues(
        a_route(filled_request_headers=(("X-Filled", template),)),
        cookie_name=b"_pomerium",
        assertion=lambda session, host, form=None: "an.assertion.of-us",
        tokens_of=_kept().of,
    )
    request: Asked = asked(f"X-A: {value}", f"Cookie: {value}", session=a_session(id="session-1"))
    octets = values.lines(request)
    assert octets.startswith(b"X-Filled: ") and octets.count(b"\r\n") == 1 and octets.endswith(b"\r\n"), octets
    assert b"\r" not in octets[:-2] and b"\0" not in octets
