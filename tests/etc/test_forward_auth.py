"""
The configurations of other proxies in ``etc/forward-auth``; nginx's and Caddy's are run by ``tests/interop``.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx import paths

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "etc" / "forward-auth"
IDENTITY = ("X-Pomerium-Jwt-Assertion", "X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups")


class ExamplesTests(SynchronousTestCase):
    """
    What people copy.
    """

    def test_identity(self) -> None:
        """
        Each of them replaces every field that tells an application who asks.
        """
        for path in EXAMPLES.iterdir():
            for name in IDENTITY:
                with self.subTest(path.name, name=name):
                    self.assertIn(name, path.read_text())

    def test_questions(self) -> None:
        """
        Each of them asks where it is answered.
        """
        for name, path in (("nginx.conf", paths.AUTH), ("Caddyfile", paths.VERIFY), ("traefik.yaml", paths.VERIFY)):
            with self.subTest(name):
                self.assertIn(path, (EXAMPLES / name).read_text())

    def test_cookies(self) -> None:
        """
        What nginx and Caddy pass on has no handle in it, however many cookies of ours there are: an application could
        plant one in front, to get to see the one behind.
        """
        family = "_pomerium=live.1", "_pomerium_0123456789abcdef=live.2", "_pomerium_login=live.3"
        cases = (
            ("", ""),
            ("a=1; b=_pomeriu", "a=1; b=_pomeriu"),
            *((one, "") for one in family),
            *((f"a=1; {one}; b=2", "a=1; b=2") for one in family),
            *((f"{one}; a=1", "a=1") for one in family),
            (f"a=1; {'; '.join(family)}; b=2", "a=1; b=2"),
            (f"{'; b=2; '.join(family)}", "b=2; b=2; "),
            ("_pomerium=live.1; _pomerium=planted", ""),
            ("; ".join(["_pomerium=live.1"] * 9), ""),
            ("a=1; \t_pomerium=live.1", ""),
        )
        for cookies, kept in cases:
            with self.subTest(cookies):
                self.assertEqual(_by_nginx(cookies), kept)
                self.assertNotIn("live", _by_caddy(cookies))

    def test_traefik(self) -> None:
        """
        Traefik tells of the request itself, asks about everything but our own paths, and those lead to us first.
        """
        http = yaml.safe_load((EXAMPLES / "traefik.yaml").read_text())["http"]
        forward_auth = http["middlewares"]["pomerium"]["forwardAuth"]
        self.assertIs(forward_auth["trustForwardHeader"], False)
        self.assertEqual(forward_auth["authResponseHeaders"], list(IDENTITY))
        ours, application = http["routers"]["pomerium"], http["routers"]["application"]
        self.assertEqual((ours["service"], application["middlewares"]), ("pomerium", ["pomerium"]))
        self.assertNotIn("middlewares", ours)
        # Traefik's own priority is the length of the rule.
        self.assertGreater(ours["priority"], 1_000)
        expression = re.search(r"PathRegexp\(`(.*)`\)", ours["rule"])
        assert expression is not None
        for path, is_ours in (
            ("/.pomerium", True),
            ("/.pomerium/sign_out", True),
            ("/.well-known/pomerium/jwks.json", True),
            ("/.pomeriumx", False),
            ("/a/.pomerium/", False),
            ("/xpomerium/", False),
        ):
            with self.subTest(path):
                self.assertEqual(re.search(expression[1], path) is not None, is_ours)

    def test_documented(self) -> None:
        """
        The documentation names every file.
        """
        document = (ROOT / "docs" / "forward-auth.md").read_text()
        for path in EXAMPLES.iterdir():
            self.assertIn(f"etc/forward-auth/{path.name}", document)


def _by_nginx(cookies: str) -> str:
    """
    What its maps make of a Cookie field.
    """
    known = {"http_cookie": cookies}
    text = (EXAMPLES / "nginx.conf").read_text()
    for source, name, body in re.findall(r"(?s)map \$(\w+) \$(\w+) \{(.*?)\n\}", text):
        if source not in known:
            continue
        [expression] = re.findall(r'"~(.*?)" (.*);', body)
        match = re.search(expression[0].replace("(?<", "(?P<"), known[source])
        if match is None:
            known[name] = known[source]
        else:
            known[name] = "".join(match[each] for each in re.findall(r"\$(\w+)", expression[1]))
    return known["cookies_of_others"]


def _by_caddy(cookies: str) -> str:
    """
    What its replacement makes of one.
    """
    [(expression, instead)] = re.findall(r'request_header Cookie "(.*)" "(.*)"', (EXAMPLES / "Caddyfile").read_text())
    return re.sub(expression, instead, cookies)
