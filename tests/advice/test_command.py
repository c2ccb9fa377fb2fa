"""
Tests of `pomerium_tx.advice.command`: ``pomerium-tx schema``, ``check`` and ``explain``, as they are typed.
"""

from __future__ import annotations

import json

from pomerium_tx.config.told.schema import schema
from tests.advice.asking import AskingTestCase
from tests.advice.test_configuration_page import PAGE


class SchemaTests(AskingTestCase):
    """
    ``pomerium-tx schema``.
    """

    def test_json(self) -> None:
        """
        The schema is printed for an editor's file.
        """
        status, out, _ = self.run_command("schema")
        self.assertEqual((status, json.loads(out)), (0, json.loads(json.dumps(schema()))))

    def test_markdown(self) -> None:
        """
        The document is printed as it stands in docs.
        """
        status, out, _ = self.run_command("schema", "--markdown")
        self.assertEqual((status, out), (0, PAGE.read_text("utf-8")))


class CheckTests(AskingTestCase):
    """
    ``pomerium-tx check``.
    """

    def test_good(self) -> None:
        """
        A configuration that can be used is told, with status 0.
        """
        status, out, err = self.run_command("check", str(self.file()))
        self.assertEqual((status, err), (0, ""))
        self.assertIn("is good.\n", out)

    def test_refused(self) -> None:
        """
        One that cannot be used has status 1.
        """
        status, out, _ = self.run_command("check", str(self.file({"adress": ":443"})))
        self.assertEqual(status, 1)
        self.assertIn("adress: is not a known key; did you mean address?", out)

    def test_json(self) -> None:
        """
        Programs get all of it as JSON, and nothing that is secret.
        """
        status, out, _ = self.run_command("check", str(self.file()), "--json")
        found = json.loads(out)
        self.assertEqual((status, len(found["routes"]), found["problems"]), (0, 5, []))
        self.assertEqual(found["routes"][0]["line"], 10)
        self.assertNotIn("planted", out)
        status, out, _ = self.run_command("check", str(self.file({"adress": ":443"})), "--json")
        self.assertEqual((status, json.loads(out)["problems"][0]["key"]), (1, "adress"))

    def test_usage(self) -> None:
        """
        A mistyped command has status 2.
        """
        status, _, err = self.run_command("check", "--jsn", str(self.file()))
        self.assertEqual(status, 2)
        self.assertIn("--jsn", err)


class ExplainTests(AskingTestCase):
    """
    ``pomerium-tx explain``.
    """

    def explain_typed(self, *arguments: str) -> tuple[int, str, str]:
        """
        What is answered.
        """
        return self.run_command("explain", *arguments, "-c", str(self.file()))

    def test_statuses(self) -> None:
        """
        The exit status says whether the request would pass.
        """
        admin = "https://app.example.com/admin"
        for arguments, wanted in (
            ((admin, "--as", "alice@example.com"), 0),
            ((admin, "--as", "bob@example.com"), 3),
            ((admin, "--as", "bob@example.com", "--groups", "staff, admins"), 0),
            ((admin, "--as", "bob@example.com", "--claim", "groups=admins", "--claim", "groups=staff"), 0),
            ((admin, "--as", "alice@example.com", "--from-ip", "10.0.0.1"), 3),
            ((admin, "--anonymous"), 3),
            ((admin, "--anonymous", "--header", "Accept: application/json"), 3),
            (("https://public.example.com/", "--anonymous", "--method", "POST"), 0),
            (("https://app.example.com/late", "--as", "x@example.com", "--user", "sub-1"), 0),
            ((admin,), 2),
            (("nonsense", "--anonymous"), 2),
            ((admin, "--anonymous", "--from-ip", "here"), 2),
            ((admin, "--anonymous", "--header", "Accept"), 2),
            ((admin, "--anonymous", "--header", "X: a\r\nCookie: b"), 2),
            ((admin, "--anonymous", "--claim", "groups"), 2),
            (("https://app.example.com/ä", "--anonymous"), 2),
            ((admin, "--anonymous", "--as", "alice@example.com"), 2),
        ):
            with self.subTest(" ".join(arguments)):
                self.assertEqual(self.explain_typed(*arguments)[0], wanted)

    def test_bad_configuration(self) -> None:
        """
        Of a configuration that cannot be used its problems are told, and nothing else.
        """
        path = self.file({"adress": ":443"})
        arguments = ("explain", "https://app.example.com/", "--anonymous", "-c", str(path))
        status, out, err = self.run_command(*arguments)
        self.assertEqual((status, out), (1, ""))
        self.assertIn(f"{path}:", err)

    def test_json(self) -> None:
        """
        Programs get all of it as JSON.
        """
        _, out, _ = self.explain_typed("https://app.example.com/admin", "--as", "alice@example.com", "--json")
        found = json.loads(out)
        self.assertEqual((found["is_admitted"], found["route"]["key"]), (True, "routes[0]"))
        self.assertEqual(found["asked"]["email"], "alice@example.com")
        self.assertEqual(found["outcome"], ["it is let through to http://127.0.0.1:3000/admin"])
