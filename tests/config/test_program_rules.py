"""
Tests of `pomerium_tx.config.program_rules` and of the keys that they are about, through whole files.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.material import ROUTE, complaints, loaded

CHAT = {**ROUTE, "from": "https://chat.example.com"}


class ProgramRulesTests(SynchronousTestCase):
    """
    Programs, and further hosts.
    """

    def warnings(self, **values: object) -> list[tuple[str, str]]:
        return [(one.key, one.message) for one in loaded(self.mktemp(), values).warnings]

    def refused(self, key: str, **values: object) -> str:
        [problem] = complaints(self.mktemp(), values)
        self.assertEqual(problem.key, key)
        return problem.message

    def test_whitelist(self) -> None:
        """
        Hosts and addresses, by list or by commas; nothing that is no host.
        """
        config = loaded(self.mktemp(), {"programmatic_redirect_domain_whitelist": "localhost, Tools.example.com,::1"})
        found = config.config.programmatic_redirect_domain_whitelist
        self.assertEqual(found, ("localhost", "tools.example.com", "::1"))
        for wrong in ("https://tools.example.com", "tools.example.com:8000", "*.example.com", "a b"):
            message = self.refused(
                "programmatic_redirect_domain_whitelist", programmatic_redirect_domain_whitelist=[wrong]
            )
            self.assertIn("is not a host", message)

    def test_unasked(self) -> None:
        """
        To hand out handles unasked is worth a warning where they leave the computer.
        """
        self.assertEqual(self.warnings(routes=[ROUTE], programmatic_login="now"), [])
        [(key, message)] = self.warnings(
            routes=[ROUTE], programmatic_login="now", programmatic_redirect_domain_whitelist=["tools.example.com"]
        )
        self.assertEqual(key, "programmatic_login")
        self.assertIn("unasked", message)

    def test_depends_on(self) -> None:
        """
        Hosts and URLs are read as hosts; those that lead nowhere are named, too many are refused.
        """
        routes = [{**ROUTE, "depends_on": ["https://chat.example.com/x", "chat.example.com"]}, CHAT]
        self.assertIn("not a host", self.refused("routes[0].depends_on", routes=routes))
        routes = [{**ROUTE, "depends_on": ["https://chat.example.com", "chat.example.com"]}, CHAT]
        config = loaded(self.mktemp(), {"routes": routes}).config
        self.assertEqual(config.routes[0].depends_on, ("chat.example.com",))
        [one, two] = self.warnings(routes=[{**ROUTE, "depends_on": ["no.example.com", "app.example.com"]}, CHAT])
        self.assertEqual((one[0], two[0]), ("routes[0].depends_on", "routes[0].depends_on"))
        self.assertIn("the host of no route", one[1])
        self.assertIn("own host", two[1])
        six = [f"h{number}.example.com" for number in range(6)]
        self.assertIn("5 hosts", self.refused("routes[0].depends_on", routes=[{**ROUTE, "depends_on": six}]))
