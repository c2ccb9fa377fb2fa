"""
``pomerium-tx schema``, ``check`` and ``explain``: what needs neither a running proxy nor a network.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping
from dataclasses import asdict
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pomerium_tx.advice.checked import checked
from pomerium_tx.advice.configuration_page import configuration_page
from pomerium_tx.advice.explained import Explained, Question, explain
from pomerium_tx.advice.requests import Unreadable
from pomerium_tx.advice.text import checked_text, explained_text, printable
from pomerium_tx.config.forms.secrets import UnreadableFile, read_file
from pomerium_tx.config.loader import load
from pomerium_tx.config.problems import InvalidConfig
from pomerium_tx.config.told.schema import schema
from pomerium_tx.policy.explanation import a_person
from pomerium_tx.sessions.session import Session
from pomerium_tx.tls.certificates import UnusableCertificate

DEFAULT_CONFIG = "/etc/pomerium-tx/config.yaml"
GOOD = 0
BAD_CONFIG = 1
WRONG_USAGE = 2
REFUSED = 3
"""
The exit status of ``explain`` when the request would not be let through.
"""


def add_commands(commands: Any) -> None:
    """
    Put the commands beside the others of the program.

    :param commands: What ``add_subparsers`` gave.
    """
    described = commands.add_parser("schema", help="print what config.yaml may contain, as JSON Schema for editors")
    described.add_argument("--markdown", action="store_true", help="print it for people: docs/configuration.md")
    described.set_defaults(run=_schema)

    check = commands.add_parser(
        "check",
        help="say what a configuration would do, Pomerium's too",
        description="Says everything that is wrong with a configuration, and what it would do. "
        "Exit status: 0 if it can be used, 1 if not, 2 if the command was typed wrongly.",
    )
    check.add_argument("file", nargs="?", default=DEFAULT_CONFIG, metavar="FILE", help=f"default: {DEFAULT_CONFIG}")
    check.add_argument("--json", action="store_true", help="print it as JSON")
    check.set_defaults(run=_check)

    explanation = commands.add_parser(
        "explain",
        help="say what would become of a request, and why",
        description="Says which route a request is for, which rule decides, and what would happen. "
        "Exit status: 0 if it would be let through, 1 if the configuration cannot be used, 2 if the command was typed "
        "wrongly, 3 if it would be refused or sent to sign in.",
    )
    explanation.add_argument("url", metavar="URL", type=_ascii)
    who = explanation.add_mutually_exclusive_group(required=True)
    who.add_argument("--as", dest="email", metavar="EMAIL", help="somebody who has signed in")
    who.add_argument("--anonymous", action="store_true", help="somebody who has not")
    explanation.add_argument(
        "--user", default="", metavar="ID", help="the person's id, if it is not the e-mail address"
    )
    explanation.add_argument("--groups", default="", metavar="A,B", help="the person's groups claim")
    explanation.add_argument(
        "--claim", action="append", default=[], metavar="NAME=VALUE", type=_pair("="), help="may be given several times"
    )
    explanation.add_argument("--method", default="GET", type=_ascii)
    explanation.add_argument("--header", action="append", default=[], metavar="NAME:VALUE", type=_pair(":"))
    explanation.add_argument("--from-ip", default="127.0.0.1", metavar="IP", type=_address, help="default: 127.0.0.1")
    explanation.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="the client certificate (PEM) that is shown where one is asked for",
    )
    explanation.add_argument(
        "-c", "--config", default=DEFAULT_CONFIG, metavar="FILE", help=f"default: {DEFAULT_CONFIG}"
    )
    explanation.add_argument("--json", action="store_true", help="print it as JSON")
    explanation.set_defaults(run=_explain)


def _schema(chosen: Namespace) -> int:
    if chosen.markdown:
        sys.stdout.write(configuration_page())
    else:
        _print_json(schema())
    return GOOD


def _check(chosen: Namespace) -> int:
    found = checked(Path(chosen.file), os.environ)
    if chosen.json:
        _print_json(asdict(found))
    else:
        sys.stdout.write(printable(checked_text(found)))
    return BAD_CONFIG if found.problems else GOOD


def _explain(chosen: Namespace) -> int:
    try:
        loaded = load(Path(chosen.config), os.environ)
    except InvalidConfig as invalid:
        sys.stderr.write(f"{invalid}\n")
        return BAD_CONFIG
    try:
        certificate = None if chosen.certificate is None else read_file(chosen.certificate)
    except UnreadableFile as unreadable:
        return _complain(f"{chosen.certificate} {unreadable}")
    question = Question(
        url=chosen.url,
        certificate=certificate,
        person=None if chosen.anonymous else _person(chosen),
        method=chosen.method,
        address=chosen.from_ip,
        fields=tuple(chosen.header),
    )
    try:
        found = explain(loaded, question)
    except Unreadable as unreadable:
        return _complain(str(unreadable))
    except UnusableCertificate as unusable:
        return _complain(f"{chosen.certificate}: {unusable.reason}")
    if chosen.json:
        _print_json(_as_json(found))
    else:
        sys.stdout.write(printable(explained_text(found)))
    return GOOD if found.is_admitted else REFUSED


def _complain(problem: str) -> int:
    sys.stderr.write(f"pomerium-tx: {problem}\n")
    return WRONG_USAGE


def _person(chosen: Namespace) -> Session:
    claims: dict[str, list[str]] = {}
    for name, value in chosen.claim:
        claims.setdefault(name, []).append(value)
    groups = [group.strip() for group in chosen.groups.split(",") if group.strip()]
    return a_person(user=chosen.user, email=chosen.email, groups=groups, claims=claims)


def _as_json(found: Explained) -> Mapping[str, object]:
    question = found.question
    person = question.person
    asked = {
        "url": question.url,
        "method": question.method,
        "email": None if person is None else person.email,
        "address": question.address,
    }
    rest = {
        name: getattr(found, name)
        for name in ("status", "is_admitted", "outcome", "target", "rule", "grounds", "reasons")
    }
    return {
        "asked": asked,
        **rest,
        "route": None if found.route is None else asdict(found.route),
        "tried": [asdict(tried) for tried in found.tried],
    }


def _print_json(value: object) -> None:
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _pair(sign: str) -> Any:
    def read(text: str) -> tuple[str, str]:
        name, found, value = text.partition(sign)
        if not found or not name.strip() or not text.isprintable():
            raise ArgumentTypeError(f"must be NAME{sign}VALUE")
        return name.strip(), value.strip()

    return read


def _ascii(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ArgumentTypeError("contains a character that no request has: write it percent-encoded")
    return text


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ArgumentTypeError("must be an IP address") from None
