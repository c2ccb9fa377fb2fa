"""
From what was written to what the model may see: unknown and unsupported keys are taken out, named files are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pomerium_tx.config.document import Document, KeyPath, dotted
from pomerium_tx.config.environment import overridden
from pomerium_tx.config.forms import secrets
from pomerium_tx.config.forms.values import json_mapping
from pomerium_tx.config.keys.health import HealthCheck, HttpHealthCheck, OutlierDetection
from pomerium_tx.config.keys.identity_provider import IdentityProviderSection
from pomerium_tx.config.keys.provider import ProviderSection
from pomerium_tx.config.model import Config, RuntimeFlags
from pomerium_tx.config.policy.rules import read_rules
from pomerium_tx.config.problems import Place, Problem
from pomerium_tx.config.route_section import CircuitBreakerThresholds, RouteSection
from pomerium_tx.config.section import Section
from pomerium_tx.config.suggestion import suggestion
from pomerium_tx.config.told import unsupported as keys
from pomerium_tx.config.told.unsupported import KeyClass, KnownKey

_CONFIDENTIAL = {
    "shared_secret_file",
    "cookie_secret_file",
    "idp_client_secret_file",
    "admin_token_file",
    "signing_key_file",
    "certificate_key_file",
    "tls_client_key_file",
    "kubernetes_service_account_token_file",
    "key",
}


_KNOWN_KEYS: Mapping[type[Section], Callable[[str], KnownKey | None]] = {
    Config: keys.known_root_key,
    RouteSection: keys.known_route_key,
    CircuitBreakerThresholds: keys.THRESHOLD_KEYS.get,
    HealthCheck: keys.HEALTH_CHECK_KEYS.get,
    HttpHealthCheck: keys.HTTP_HEALTH_CHECK_KEYS.get,
    OutlierDetection: keys.OUTLIER_KEYS.get,
}
"""
What becomes of the keys that a section does not have.
"""


@dataclass(slots=True, kw_only=True)
class Sieve:
    """
    A configuration on its way to the model, and what was found wrong with it so far.
    """

    document: Document
    overrides: Mapping[str, Document]
    """
    What the environment sets, by key.
    """
    values: dict[str, object] = field(default_factory=dict, init=False)
    problems: list[Problem] = field(default_factory=list, init=False)
    warnings: list[Problem] = field(default_factory=list, init=False)
    broken: set[KeyPath] = field(default_factory=set, init=False)
    """
    Keys that were complained about.
    """

    def __post_init__(self) -> None:
        written = overridden(self.document.values, self.overrides)
        for key, file_key in Config.files.items():
            if key in self.overrides and file_key not in self.overrides:
                written.pop(file_key, None)
        values = self._sift(written, (), Config)
        self._sift_named(values, "providers", ProviderSection)
        self._sift_named(values, "identity_providers", IdentityProviderSection)
        self._sift_flags(values)
        self.values = values

    def problem(self, path: KeyPath, message: str) -> None:
        """
        Record that the configuration cannot be used.
        """
        self.broken.add(path)
        self.problems.append(self._located(path, message))

    def warning(self, path: KeyPath, message: str) -> None:
        """
        Record what the operator should know.
        """
        self.warnings.append(self._located(path, message))

    def is_broken(self, path: KeyPath) -> bool:
        """
        Whether *path*, something in it or something around it was complained about.
        """
        return any(path[: len(other)] == other[: len(path)] for other in self.broken)

    def place(self, path: KeyPath) -> Place:
        """
        Where *path* stands, or would stand.
        """
        inside = self.overrides.get(dotted(path[:2])) if len(path) > 1 else None
        document = inside or (self.overrides.get(str(path[0]), self.document) if path else self.document)
        return Place(file=document.file, line=document.line(path), key=dotted(path))

    def _located(self, path: KeyPath, message: str) -> Problem:
        place = self.place(path)
        return Problem(file=place.file, line=place.line, key=place.key, message=message)

    def _sift(
        self,
        written: Mapping[str, object],
        path: KeyPath,
        section: type[Section],
    ) -> dict[str, object]:
        known_key = _KNOWN_KEYS.get(section, _no_other_key)
        if section.is_message:
            written = {_snake_case(name): value for name, value in written.items()}
        names = {field.alias or name for name, field in section.model_fields.items()}
        kept: dict[str, object] = {}
        for name, value in written.items():
            here = (*path, name)
            if name in names:
                if not section.is_unwritten(name, value):
                    kept[name] = value
                elif name.startswith("allow") or (path and name == "policy"):
                    self.problem(here, "has no value: it decides who may pass; give it one, or remove it")
                continue
            known = known_key(name)
            if known is None:
                self.problem(here, f"is not a known key{suggestion(name, names)}")
            elif known.is_harmless(value):
                continue
            elif known.key_class is KeyClass.REFUSED:
                self.problem(here, known.words)
            else:
                self.warning(here, known.words)
        self._read_files(kept, path, section)
        for name, inner in section.nested.items():
            if name in kept:
                kept[name] = self._sift_nested(kept[name], (*path, name), inner)
        if section is RouteSection:
            self._sift_policy(kept, path)
        return kept

    def _sift_nested(self, value: object, path: KeyPath, section: type[Section]) -> object:
        """
        What is no mapping, nor a list of them, is left to the model, which says what is wrong with it.
        """
        if isinstance(value, str):
            try:
                value = json_mapping(value)
            except ValueError:
                return value
        if isinstance(value, dict):
            return self._sift(value, path, section)
        if isinstance(value, list):
            return [
                self._sift(item, (*path, index), section) if isinstance(item, dict) else item
                for index, item in enumerate(value)
            ]
        return value

    def _sift_named(self, values: dict[str, object], key: str, section: type[Section]) -> None:
        """
        Sift the sections of a mapping whose names the operator chooses.
        """
        named = values.get(key)
        if isinstance(named, str):
            try:
                named = json_mapping(named)
            except ValueError:
                # The model says what is wrong with it.
                return
        if not isinstance(named, dict):
            return
        values[key] = {
            name: self._sift(written, (key, name), section) if isinstance(written, dict) else written
            for name, written in named.items()
        }

    def _sift_flags(self, values: dict[str, object]) -> None:
        flags = values.get("runtime_flags")
        if isinstance(flags, str):
            try:
                flags = json_mapping(flags)
            except ValueError as wrong:
                self.problem(("runtime_flags",), str(wrong))
                flags = {}
        if not isinstance(flags, dict):
            return
        for name in sorted(set(flags) - set(RuntimeFlags.model_fields)):
            other = name in keys.OTHER_FLAGS
            words = "has nothing to switch here" if other else "is not a known runtime flag"
            if not (other and flags[name] in (False, "false")):
                self.warning(("runtime_flags", name), f"is ignored: it {words}")
        values["runtime_flags"] = {name: flags[name] for name in flags if name in RuntimeFlags.model_fields}

    def _sift_policy(self, values: dict[str, object], path: KeyPath) -> None:
        if "policy" in values:
            values["policy"] = read_rules(
                values["policy"], ("policy",), lambda at, message: self.problem((*path, *at), message)
            )

    def _read_files(self, values: dict[str, object], path: KeyPath, section: type[Section]) -> None:
        for key, file_key in section.files.items():
            name = values.get(file_key)
            if not isinstance(name, str) or not name.strip():
                # The model says what is wrong with it.
                continue
            if key != file_key and key in values:
                if section.is_either_or:
                    self.problem((*path, key), f"cannot stand beside {file_key}; remove one")
                else:
                    self.warning((*path, key), f"is ignored: {file_key} is set")
            values.pop(key, None)
            try:
                content = secrets.read_file(Path(name.strip()))
            except secrets.UnreadableFile as unreadable:
                self.problem((*path, file_key), f"{name.strip()!r} {unreadable}")
                self.broken.add((*path, key))
                continue
            values[key] = content
            if file_key in _CONFIDENTIAL and secrets.is_exposed(Path(name.strip())):
                self.warning((*path, file_key), "can be read by every user of this machine; chmod o-r it")


def _no_other_key(name: str) -> KnownKey | None:
    return None


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f"_{found[1].lower()}", name)
