"""
The rules of who may import whom, and proof that breaking any of them is noticed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "pomerium_tx"

LEVELS = (
    ("config", "metrics", "logs", "paths", "resolver", "collector", "lean_reactor", "remembered"),
    ("eager", "request_lines"),
    ("http11", "jose", "tls", "web"),
    ("sessions", "oidc"),
    ("policy",),
    ("routing", "assertion"),
    ("authorize", "logout"),
    ("bearer",),
    ("proxy", "authenticate", "dashboard", "operations", "demo"),
    ("limits", "registrations", "programs", "looks", "signing", "fronts", "access"),
    ("applications",),
    ("layout", "administration"),
    ("house", "outside"),
    ("workers", "drill"),
    ("service",),
    ("tap", "worker", "advice"),
    ("cli",),
)
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

INNER = {
    # Of the rooms in a room, each may import those before it.
    "config": ("forms", "policy", "keys", "rules", "told"),
    "proxy": ("heads", "upstreams", "exchanges"),
}

ONLY_IN = {
    "josepy": {"jose"},
    "OpenSSL": {"tls"},
    "treq": {"oidc", "logout", "demo"},
    "httptools": {"http11"},
    "yaml": {"config"},
    "re2": {"config"},
    "pydantic": {"config"},
    "pydantic_core": {"config"},
    "twisted.internet.reactor": {"tap", "worker"},
}
THE_ONE_DOOR = "pomerium_tx.logout.ending"


def violations(module: str, source: str, *, is_package: bool = False) -> list[str]:
    """
    What *source* may not do as *module*.
    """
    tree = ast.parse(source)
    here = module.split(".")
    room = here[1] if len(here) > 1 else ""
    found = []
    for imported in imports(tree, here if is_package else here[:-1]):
        found += [
            f"{module}: {library} belongs in {', '.join(sorted(rooms))}"
            for library, rooms in ONLY_IN.items()
            if (imported + ".").startswith(f"{library}.") and room not in rooms
        ]
        if imported.split(".")[0] == PACKAGE:
            found += _inward(module, room, imported)
    if module != THE_ONE_DOOR:
        found += [f"{module}: registry.end is for {THE_ONE_DOOR} alone" for node in ast.walk(tree) if _ends(node)]
    return found


def imports(tree: ast.Module, package: list[str]) -> Iterator[str]:
    """
    Every imported name in full, wherever the import stands: at the top, in a function, under ``TYPE_CHECKING``.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{start}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("__import__", "import_module", "namedAny", "namedModule"):
                yield str(node.args[0].value)
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == "twisted.internet.reactor":
            yield "twisted.internet.reactor"


def _inward(module: str, room: str, imported: str) -> Iterator[str]:
    other = [*imported.split("."), ""][1]
    if other == room:
        inner = INNER.get(room, ())
        from_, to = (inner.index(part) if part in inner else None for part in (_inner(module), _inner(imported)))
        if from_ is not None and to is not None and to > from_:
            yield f"{module}: {inner[from_]} may not import {inner[to]} ({imported})"
        return
    if other not in LEVEL:
        yield f"{module}: {imported} is in no room of the table"
    elif room not in LEVEL:
        yield f"{module}: stands in no room of the table but imports {imported}"
    elif LEVEL[other] >= LEVEL[room]:
        yield f"{module}: {room} may not import {other} ({imported})"


def _inner(module: str) -> str:
    return [*module.split("."), "", ""][2]


def _ends(node: ast.AST) -> bool:
    if not isinstance(node, ast.Attribute) or node.attr != "end":
        return False
    owner = node.value
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return name.lower().endswith("registry")


def modules() -> Iterator[tuple[str, Path]]:
    """
    Every module of ours.
    """
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


VIOLATIONS = [
    ("upwards", "pomerium_tx.sessions.registry", "from pomerium_tx.logout import ending"),
    ("upwards, to the assembly", "pomerium_tx.proxy.exchanges.exchange", "import pomerium_tx.service"),
    ("sideways", "pomerium_tx.proxy.exchanges.exchange", "from pomerium_tx.authenticate.site import Site"),
    ("sideways on the ground", "pomerium_tx.config.loader", "from pomerium_tx import logs"),
    ("upwards in a room", "pomerium_tx.config.forms.values", "from pomerium_tx.config.keys import limits"),
    ("upwards in a room, relative", "pomerium_tx.proxy.upstreams.pool", "from ..exchanges.exchange import E"),
    ("by a dotted import", "pomerium_tx.http11.reader", "import pomerium_tx.sessions.session as session"),
    ("relative", "pomerium_tx.policy.criteria", "from ..routing import table"),
    ("relative, the package itself", "pomerium_tx.policy.criteria", "from .. import routing"),
    ("late", "pomerium_tx.web.html", "def page():\n    from pomerium_tx.dashboard import user\n    return user"),
    ("for types only", "pomerium_tx.oidc.provider", "if TYPE_CHECKING:\n    from pomerium_tx.sessions import store"),
    ("by name", "pomerium_tx.routing.table", "import_module('pomerium_tx.proxy.upstreams.pool')"),
    ("a room that is not in the table", "pomerium_tx.proxy.upstreams.pool", "from pomerium_tx.util import helpers"),
    ("from a room that is not in the table", "pomerium_tx.util.helpers", "from pomerium_tx import paths"),
    ("everything", "pomerium_tx.proxy.upstreams.pool", "from pomerium_tx import *"),
    ("josepy", "pomerium_tx.assertion.assertion", "from josepy.jwk import JWK"),
    ("OpenSSL", "pomerium_tx.proxy.upstreams.upstream", "from OpenSSL import SSL"),
    ("treq", "pomerium_tx.authenticate.callback", "import treq"),
    ("httptools", "pomerium_tx.proxy.upstreams.upstream", "from httptools import HttpResponseParser"),
    ("yaml", "pomerium_tx.service", "import yaml"),
    ("re2", "pomerium_tx.proxy.heads.forwarding", "import re2"),
    ("pydantic", "pomerium_tx.routing.route", "from pydantic import BaseModel"),
    ("pydantic_core", "pomerium_tx.routing.route", "import pydantic_core"),
    ("the reactor", "pomerium_tx.service", "from twisted.internet import reactor"),
    ("the reactor, dotted", "pomerium_tx.proxy.upstreams.pool", "import twisted.internet.reactor"),
    (
        "the reactor, late",
        "pomerium_tx.proxy.upstreams.pool",
        "def f():\n    from twisted.internet.reactor import callLater",
    ),
    ("the reactor, as an attribute", "pomerium_tx.cli", "import twisted.internet\ntwisted.internet.reactor.run()"),
    (
        "ending sessions",
        "pomerium_tx.authenticate.refresher",
        "async def f(self):\n    await self._registry.end(ending)",
    ),
    ("ending sessions, handed on", "pomerium_tx.logout.outbox", "later(registry.end)"),
    ("ending sessions, from inside", "pomerium_tx.sessions.memory", "self.session_registry.end(x)"),
]

PERMITTED = [
    ("pomerium_tx.tap", "from twisted.internet import reactor\nfrom pomerium_tx import service"),
    ("pomerium_tx.logout.ending", "from pomerium_tx.sessions.registry import X\nself._registry.end(X())"),
    ("pomerium_tx.oidc.provider", "import treq\nfrom pomerium_tx.jose.jwt import parse\nfrom .metadata import M"),
    ("pomerium_tx.http11.heads", "match.end()\nfrom twisted.internet import interfaces"),
    (
        "pomerium_tx.proxy.exchanges.exchange",
        "from pomerium_tx.proxy.upstreams import pool\nfrom ..heads import caching",
    ),
    ("pomerium_tx.proxy.heads.header_values", "from pomerium_tx.proxy.asked import Asked"),
    ("pomerium_tx.tls.upstream", "from OpenSSL import SSL\nfrom pomerium_tx import paths"),
]


class ArchitectureTests(SynchronousTestCase):
    """
    The table of rooms.
    """

    def test_rooms(self) -> None:
        """
        No module imports upwards, sideways or what belongs to another room, and sessions end through one door.
        """
        found = [
            violation
            for module, path in modules()
            for violation in violations(module, path.read_text("utf-8"), is_package=path.name == "__init__.py")
        ]
        self.assertEqual(found, [])

    def test_each_violation_is_found(self) -> None:
        """
        One example of breaking each rule is noticed.
        """
        for name, module, source in VIOLATIONS:
            with self.subTest(name):
                self.assertEqual(len(violations(module, source)), 1, violations(module, source))

    def test_packages_import_relative_to_themselves(self) -> None:
        """
        In a package's own file one dot is the package, not what is around it.
        """
        self.assertEqual(violations("pomerium_tx.policy", "from .criteria import x", is_package=True), [])
        self.assertEqual(len(violations("pomerium_tx.policy", "from ..routing import x", is_package=True)), 1)

    def test_what_is_permitted_passes(self) -> None:
        """
        What the rules allow is not complained about.
        """
        for module, source in PERMITTED:
            with self.subTest(module):
                self.assertEqual(violations(module, source), [])

    def test_every_room_is_in_the_table(self) -> None:
        """
        A new room is placed before it is used.
        """
        rooms = {module.split(".")[1] for module, _ in modules() if "." in module}
        self.assertEqual(rooms - set(LEVEL), set())

    def test_plugin_imports_nothing_of_ours(self) -> None:
        """
        ``twistd --help`` of any other program does not load us.
        """
        source = (ROOT / "twisted" / "plugins" / "pomerium_tx_plugin.py").read_text("utf-8")
        ours = [name for name in imports(ast.parse(source), []) if name.startswith(PACKAGE)]
        self.assertEqual(ours, [])
        self.assertEqual(list((ROOT / "twisted").rglob("__init__.py")), [])


class HouseStyleTests(SynchronousTestCase):
    """
    What no linter checks.
    """

    def test_each_test_states_a_promise(self) -> None:
        """
        Every test case and every test method has a docstring.
        """
        silent = []
        for path in sorted((ROOT / "tests").rglob("test_*.py")):
            if "node_modules" in path.parts:
                continue
            for case in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(case, ast.ClassDef) or not case.name.endswith("Tests"):
                    continue
                methods = [node for node in case.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
                tests = [method for method in methods if method.name.startswith("test_")]
                silent += [
                    f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
                    for node in (case, *tests)
                    if not ast.get_docstring(node)
                ]
        self.assertEqual(silent, [])

    def test_no_session_of_the_makers_shows(self) -> None:
        """
        No file of ours names a path of the machine it was written on.
        """
        telling = ("/" + "work/", "/" + "tmp/px", "/" + "root/")
        places = ("pomerium_tx", "tests", "etc", "twisted", "docs", "benchmarks")
        names = ("*.py", "*.yaml", "*.md", "*.service", "*.json", "*.js", "*.mjs", "run")
        at_the_root = [path for path in ROOT.iterdir() if path.suffix in (".md", ".cfg", ".toml")]
        below = [path for place in places for name in names for path in (ROOT / place).rglob(name)]
        found = [
            f"{path.relative_to(ROOT)}: {word}"
            for path in (*at_the_root, ROOT / "Makefile", ROOT / ".ci" / "run", *below)
            if path.is_file() and "node_modules" not in path.parts
            for word in telling
            if word in path.read_text("utf-8")
        ]
        self.assertEqual(found, [])
