"""
``pomerium-tx sessions``, ``revocations`` and ``doctor``: the administrator's listener, from a terminal.
"""

from __future__ import annotations

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from pomerium_tx.config.forms import secrets, values
from pomerium_tx.config.forms.values import AdminAddress
from pomerium_tx.config.loader import load
from pomerium_tx.config.problems import InvalidConfig
from pomerium_tx.operations.admin_client import AdminClient, NotReachable, Refused
from pomerium_tx.operations.doctor_report import drill_report, needs_attention, providers_report
from pomerium_tx.operations.listing import MOST
from pomerium_tx.operations.report import (
    notices_report,
    number_of,
    people,
    receipt_report,
    revocations_report,
    sessions_report,
)
from pomerium_tx.operations.text_table import clean

DEFAULT_CONFIG = "/etc/pomerium-tx/config.yaml"
NO_ANSWER = 2
"""
The exit status when nobody could be asked.
"""
_FILTERS = {
    "user": ("USER", "of this user id or e-mail address"),
    "iss": ("URL", "of this provider"),
    "sid": ("SID", "that the provider calls so"),
    "sub": ("SUB", "of the person that the provider calls so"),
    "route": ("ROUTE", "used on this route: its name, id or URL"),
    "issued_before": ("TIME", "that began before, such as 2026-11-25T10:00:00Z or seconds since 1970"),
}


class CannotAsk(Exception):
    """
    It is not known whom to ask, or how. The message is for the person.
    """


def add_commands(commands: Any) -> None:
    """
    Put the commands beside the others of the program.

    :param commands: What ``add_subparsers`` gave.
    """
    sessions = commands.add_parser("sessions", help="list the sessions of the running proxy, or end some")
    actions = sessions.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="show who is signed in")
    ending = actions.add_parser("end", help="end the sessions that all of the options name")
    revocations = commands.add_parser(
        "revocations", help="show which tokens are to be revoked, and which applications to be told"
    )
    for parser in (listing, ending):
        for name, (placeholder, words) in _FILTERS.items():
            option = "--" + name.replace("_", "-")
            parser.add_argument(option, dest=name, metavar=placeholder, help=f"sessions {words}")
    ending.add_argument("--dry-run", action="store_true", help="show what would end, and end nothing")
    ending.add_argument("--yes", action="store_true", help="do not ask")
    doctor = commands.add_parser(
        "doctor", help="say what sign-out can do at each provider and has done, and hold a fire drill"
    )
    doctor.add_argument("--no-drill", action="store_true", help="end no session of nobody's to see how fast it is cut")
    commands_and_runs = ((listing, _list), (ending, _end), (revocations, _revocations), (doctor, _doctor))
    for parser, run in commands_and_runs:
        whom = parser.add_mutually_exclusive_group()
        whom.add_argument("--config", metavar="FILE", help=f"where admin_address is read (default: {DEFAULT_CONFIG})")
        whom.add_argument("--address", metavar="ADDRESS", help="unix:/path or 127.0.0.1:PORT, instead of a file")
        parser.add_argument("--token-file", metavar="FILE", help="the file with the token for 127.0.0.1:PORT")
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")
        parser.set_defaults(run=run, parser=parser)


def run(chosen: Namespace) -> int:
    """
    Do what was asked; the exit status.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        # A terminal that lacks a letter of somebody's name shows another.
        sys.stdout.reconfigure(errors="replace")
    try:
        status: int = chosen.run(chosen)
        sys.stdout.flush()
    except (CannotAsk, NotReachable) as problem:
        _complain(f"pomerium-tx: {problem}")
        return NO_ANSWER
    except Refused as refused:
        _complain(f"pomerium-tx: {clean(refused.message)} (status {refused.status})")
        return 1
    except KeyboardInterrupt:
        _complain("")
        return 130
    except BrokenPipeError:
        # Whoever reads has seen enough. The interpreter flushes once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _list(chosen: Namespace) -> int:
    answer = _all(_client(chosen), "GET", "/sessions", "sessions", _filters(chosen))
    if chosen.json:
        _print_json(answer)
    else:
        _print_sessions(answer, f"{number_of(answer['count'])}.")
    return 0


def _end(chosen: Namespace) -> int:
    filters = _filters(chosen)
    if not filters:
        options = ", ".join("--" + name.replace("_", "-") for name in _FILTERS)
        chosen.parser.error(f"name the sessions that are to end, by at least one of {options}")
    client = _client(chosen)
    if chosen.dry_run:
        answer = _all(client, "DELETE", "/sessions", "sessions", {**filters, "dry_run": "true"})
        if chosen.json:
            _print_json(answer)
        else:
            _print_sessions(answer, f"{number_of(answer['count'])} would end.")
        return 0
    if not chosen.yes and sys.stdin.isatty() and not _is_wanted(client, filters):
        _complain("Nothing has ended.")
        return 1
    receipt = client.ask("DELETE", "/sessions", filters)
    if chosen.json:
        _print_json(receipt)
    else:
        _print_lines(receipt_report(receipt))
    return 0


def _is_wanted(client: AdminClient, filters: Mapping[str, str]) -> bool:
    would_end = client.ask("DELETE", "/sessions", {**filters, "dry_run": "true"})
    if not would_end["count"]:
        # What is asked for may still keep a sign-in that is under way from coming to its end.
        return True
    whose = people(would_end["sessions"])
    sys.stderr.write(f"End {number_of(would_end['count'])} of {whose}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _revocations(chosen: Namespace) -> int:
    client = _client(chosen)
    revocations = _all(client, "GET", "/revocations", "revocations", {})
    notices = _all(client, "GET", "/notices", "notices", {})
    if chosen.json:
        _print_json({"revocations": revocations["revocations"], "notices": notices["notices"]})
    else:
        _print_lines(revocations_report(revocations["revocations"]))
        _print_lines(notices_report(notices["notices"]))
    return 0


def _doctor(chosen: Namespace) -> int:
    client = _client(chosen)
    providers = client.ask("GET", "/providers")["providers"]
    drill = None if chosen.no_drill else client.ask("POST", "/drill")
    if chosen.json:
        _print_json({"providers": providers, "drill": drill})
    else:
        _print_lines(providers_report(providers))
        _print_lines([] if drill is None else drill_report(drill))
    is_passed = drill is None or drill["passed"]
    return 0 if is_passed and not needs_attention(providers) else 1


def _all(client: AdminClient, method: str, path: str, name: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """
    A whole list, however many parts it is given in.
    """
    asked = {**parameters, "limit": str(MOST)}
    first = answer = client.ask(method, path, asked)
    while answer["next"] is not None:
        answer = client.ask(method, path, {**asked, "after": answer["next"]})
        first[name] += answer[name]
    return {**first, "next": None}


def _filters(chosen: Namespace) -> dict[str, str]:
    return {name: value for name in _FILTERS if (value := getattr(chosen, name)) is not None}


def _client(chosen: Namespace) -> AdminClient:
    if chosen.address is None:
        address, token = _configured(Path(chosen.config or DEFAULT_CONFIG))
    else:
        token = None
        try:
            address = values.admin_address(chosen.address)
        except ValueError as wrong:
            raise CannotAsk(f"--address {wrong}") from None
    if address is None:
        raise CannotAsk("admin_address is off: there is nobody to ask")
    if chosen.token_file is not None:
        token = _token(Path(chosen.token_file))
    return AdminClient(address, token if address.path is None else None)


def _configured(path: Path) -> tuple[AdminAddress | None, str | None]:
    try:
        config = load(path, os.environ).config
    except InvalidConfig as invalid:
        more = len(invalid.problems) - 1
        raise CannotAsk(
            f"cannot learn admin_address: {invalid.problems[0]}"
            f"{f' (and {more} more)' if more else ''}. Say --address unix:/path, or --config FILE."
        ) from None
    return config.admin_address, None if config.admin_token is None else config.admin_token.get_secret_value()


def _token(path: Path) -> str:
    try:
        return secrets.admin_token(secrets.read_file(path)).get_secret_value()
    except (secrets.UnreadableFile, ValueError) as wrong:
        raise CannotAsk(f"--token-file {path}: {wrong}") from None


def _print_sessions(answer: Mapping[str, Any], summary: str) -> None:
    _print_lines([*sessions_report(answer["sessions"], now=time.time()), summary])


def _print_json(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")


def _print_lines(lines: list[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")
