"""
From a file and the environment to a `Config`, or to everything that is wrong with them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pomerium_tx.config.document import Document, KeyPath, read_document
from pomerium_tx.config.environment import read_environment
from pomerium_tx.config.forms import secrets
from pomerium_tx.config.model import Config
from pomerium_tx.config.problems import InvalidConfig, Place, Problem
from pomerium_tx.config.rules import whole as rules
from pomerium_tx.config.rules.findings import numbered_routes
from pomerium_tx.config.sieve import Sieve

_STAND_INS: Mapping[str, object] = {
    "authenticate_service_url": "https://stand-in.invalid",
    "idp_provider": "oidc",
    "idp_provider_url": "https://stand-in.invalid",
    "idp_client_id": "stand-in",
    "idp_client_secret": "stand-in",
}
_REQUIRED = {
    "authenticate_service_url": "is required: the URL at which browsers reach the sign-in pages",
    "from": "is required: the URL at which browsers reach the application",
    "to": "is required: the URL of the application",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """
    A configuration that can be used, and what the operator should know about it.
    """

    config: Config
    warnings: tuple[Problem, ...]
    places: tuple[Place, ...] = ()
    """
    Where each of its routes stands, in their order.
    """
    variables: tuple[str, ...] = ()
    """
    The environment variables that set a key.
    """


def load(path: Path, environ: Mapping[str, str]) -> Loaded:
    """
    The configuration in the file at *path*, with the environment's overrides. Nothing is in ``/dev/null``: then the
    environment says everything.

    :raises InvalidConfig: With every problem, not only the first.
    """
    problems: list[Problem] = []
    document = Document(file=str(path), values={})
    try:
        document = read_document(_read_text(path, environ), str(path))
    except InvalidConfig as invalid:
        problems.extend(invalid.problems)
    overrides, unreadable = read_environment(environ)
    problems.extend(unreadable)
    if problems:
        # Without the whole document, every other complaint would be a guess.
        raise InvalidConfig(problems)
    sieve = Sieve(document=document, overrides=overrides)
    config = _validated(sieve)
    if config is not None:
        _apply_rules(sieve, config)
    if config is None or sieve.problems:
        raise InvalidConfig(_in_order(sieve.problems), _in_order(sieve.warnings))
    for name in ("shared_secret", "cookie_secret"):
        if name not in config.model_fields_set:
            sieve.warning((name,), "is not set: a random one is made, so that sessions end with this process")
    routes = (*config.policy, *config.routes)
    merged = config.model_copy(update={"routes": routes, "policy": ()})
    return Loaded(
        config=merged,
        warnings=tuple(_in_order(sieve.warnings)),
        places=tuple(sieve.place(key) for key, _ in numbered_routes(config)),
        variables=tuple(sorted(document.file.removeprefix("$") for document in overrides.values())),
    )


def _read_text(path: Path, environ: Mapping[str, str]) -> str:
    if path == Path(os.devnull):
        return ""
    try:
        return secrets.read_file(path).decode("utf-8-sig")
    except secrets.UnreadableFile as unreadable:
        message = str(unreadable)
        if environ.get("AUTHENTICATE_SERVICE_URL") and not path.exists():
            message += f"; if the environment says everything, name {os.devnull} instead"
    except UnicodeDecodeError:
        message = "is not UTF-8 text"
    raise InvalidConfig([Problem(file=str(path), line=None, key="", message=message)])


def _validated(sieve: Sieve) -> Config | None:
    """
    The model of what is good; what is not was complained about and is left out or, where required, stood in for.
    """
    try:
        return Config.model_validate(sieve.values)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_context=True, include_input=False)
    for error in errors:
        path: KeyPath = error["loc"]
        if not sieve.is_broken(path):
            sieve.problem(path, _words(error))
    for error in errors:
        _repair(sieve.values, error["loc"])
    try:
        return Config.model_validate(sieve.values)
    except ValidationError:
        return None


def _repair(values: dict[str, object], path: KeyPath) -> None:
    match path:
        case ("routes" | "policy" as name, int(index)):
            _item(values, str(name))[index] = _stand_in_route(index)
        case ("routes" | "policy" as name, int(index), str(key), *_):
            route = _item(values, str(name))[index]
            if isinstance(route, dict):
                route.pop(key, None)
                if key in ("from", "to"):
                    route[key] = _stand_in_route(index)[key]
        case ("providers", str(name), str(key), *_):
            _repair_provider(values, name, key)
        case ("providers", str(name)):
            providers = values.get("providers")
            if isinstance(providers, dict):
                providers.pop(name, None)
        case ("circuit_breaker_thresholds", str(key), *_):
            thresholds = values.get("circuit_breaker_thresholds")
            if isinstance(thresholds, dict):
                thresholds.pop(key, None)
        case ("runtime_flags", str(flag), *_):
            flags = values.get("runtime_flags")
            if isinstance(flags, dict):
                flags.pop(flag, None)
        case (str(key), *_):
            values.pop(key, None)
            if key in _STAND_INS:
                values[key] = _STAND_INS[key]


def _repair_provider(values: dict[str, object], name: str, key: str) -> None:
    providers = values.get("providers")
    section = providers.get(name) if isinstance(providers, dict) else None
    if isinstance(section, dict):
        section.pop(key, None)
        if key in _STAND_INS:
            section[key] = _STAND_INS[key]


def _item(values: dict[str, object], name: str) -> list[object]:
    items = values[name]
    assert isinstance(items, list)
    return items


def _stand_in_route(index: int) -> dict[str, object]:
    return {"from": f"https://stand-in-{index}.invalid", "to": "http://stand-in.invalid"}


def _words(error: ErrorDetails) -> str:
    key = str(error["loc"][-1])
    match error["type"]:
        case "missing":
            return _REQUIRED.get(key, "is required")
        case "extra_forbidden":
            return "is not a known key"
        case "value_error":
            return str(error["ctx"]["error"])
        case "literal_error":
            return f"must be {error['ctx']['expected']}".replace("'", "")
        case "model_type" | "dict_type":
            return "must be a mapping of keys to values"
        case _:
            return error["msg"]


def _apply_rules(sieve: Sieve, config: Config) -> None:
    # Judged against the keys that were broken in themselves, not against what another rule has just found.
    found = [
        finding
        for finding in rules.findings(config)
        if not any(sieve.is_broken(path) for path in (finding.key, *finding.rests_on))
    ]
    for finding in found:
        report = sieve.warning if finding.is_warning else sieve.problem
        report(finding.key, finding.message)


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.file, problem.line or 0))
