"""
Tests of `pomerium_tx.config.document`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.document import dotted, read_document, read_yaml
from pomerium_tx.config.problems import InvalidConfig, Problem

BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


class DocumentTests(SynchronousTestCase):
    """
    Reading text.
    """

    def problem(self, text: str, file: str = "c.yaml") -> Problem:
        """
        The first thing that is wrong with *text*.
        """
        return self.assertRaises(InvalidConfig, read_document, text, file).problems[0]

    def test_scalars(self) -> None:
        """
        Words and numbers are those of YAML 1.2, as Pomerium reads them.
        """
        for text, value in (
            ("no", "no"),
            ("on", "on"),
            ("1:30", "1:30"),
            ("01:30", "01:30"),
            ("2024-01-01", "2024-01-01"),
            ("true", True),
            ("'true'", "true"),
            ("5", 5),
            ("0x1F", 31),
            ("0o17", 15),
            ("1_000", "1_000"),
            ("1.5", 1.5),
            ("~", None),
            ("", None),
            ("null", None),
            ("'5'", "5"),
            ("=", "="),
            (".inf", ".inf"),
        ):
            with self.subTest(text):
                value_read, _ = read_yaml(f"a: {text}", "c.yaml")
                self.assertEqual(value_read, {"a": value})
                assert isinstance(value_read, dict)
                self.assertIs(type(value_read["a"]), type(value))

    def test_lines(self) -> None:
        """
        Every key knows its line; what has none is where its surroundings are.
        """
        document = read_document("a: 1\nb:\n  - c: 2\n    d: 3\n  - e: 4\n", "c.yaml")
        for path, line in (
            (("a",), 1),
            (("b",), 2),
            (("b", 0), 3),
            (("b", 0, "d"), 4),
            (("b", 1, "missing"), 5),
            (("missing",), 1),
        ):
            with self.subTest(dotted(path)):
                self.assertEqual(document.line(path), line)

    def test_names_of_keys(self) -> None:
        """
        Keys are named as a person would.
        """
        self.assertEqual(dotted(("routes", 1, "to", 0)), "routes[1].to[0]")
        self.assertEqual(dotted(()), "")

    def test_twice(self) -> None:
        """
        A key that stands twice is a problem in every format: one of the two would silently not count.
        """
        self.assertEqual((self.problem("a: 1\nb: 2\na: 3").line, self.problem("a: 1\na: 1").key), (3, "a"))
        self.assertEqual(self.problem("r:\n  - a: 1\n    'a': 2\n").key, "r[0].a")
        self.assertEqual(self.problem('{"a": {"b": 1, "b": 2}}', "c.json").key, "b")
        self.assertIn("TOML", self.problem("a = 1\na = 2", "c.toml").message)

    def test_merge(self) -> None:
        """
        What several routes share can be written once; a route's own word wins.
        """
        text = "base: &base {a: 1, b: 2}\nroute:\n  <<: *base\n  b: 3\nother: {<<: [*base, {c: 4}]}"
        document = read_document(text, "c.yaml")
        self.assertEqual(document.values["route"], {"a": 1, "b": 3})
        self.assertEqual(document.values["other"], {"a": 1, "b": 2, "c": 4})

    def test_refused(self) -> None:
        """
        What is not one plain mapping is a problem with words and, where there is one, a line.
        """
        for text, words in (
            ("hello", "mapping"),
            ("- a", "mapping"),
            ("a: [", "not valid YAML"),
            ("a: 1\n b: 2", "not valid YAML"),
            ("a: \x00", "control characters"),
            ("a: 1\n---\nb: 2", "not valid YAML"),
            ("x: !!python/object/apply:os.system [id]", "tag"),
            ("x: !!python/name:os.system x", "tag"),
            ("x: !!binary aGk=", "tag"),
            ("x: !!set {a}", "tag"),
            ("x: !!int words", "tag or number"),
            ("x: !!float .nan", "tag or number"),
            ("x: 1" + "0" * 5000, "number"),
            ("[a]: 1", "not a string"),
            ("a: *b", "not valid YAML"),
            ("a: &a [*a]", "too deeply"),
            ("a: &a {b: *a}", "too deeply"),
            ("<<: 3", "merges"),
            (BOMB, "too large"),
            ("[" * 5000, "YAML|deeply"),
            ("a: " + "[" * 100 + "]" * 100, "deeply"),
            ('a: "\\U00110000"', "no character"),
            ('a: "\\UFFFFFFFF"', "no character"),
            ('a: "\\ud83d\\ude00"', "half a character"),
            ('"\\udc00": 1', "half a character"),
        ):
            with self.subTest(text[:30]):
                self.assertRegex(self.problem(text).message, words)

    def test_json(self) -> None:
        """
        JSON is JSON, with tabs, and its problems have lines.
        """
        document = read_document('{\n\t"a": "\\ud83d\\ude00\\/",\n\t"b": [1]\n}', "c.json")
        self.assertEqual((document.values["a"], document.line(("b",))), ("\U0001f600/", 3))
        self.assertEqual(self.problem('{\n"a": }', "c.json").line, 2)
        self.assertRegex(self.problem('{"a": ["\\ud83d"]}', "c.json").message, "half a character")
        for text in ("[1]", "{'a': 1}", '{"a": NaN}', "[" * 100_000, '{"a": ' + "9" * 5_000 + "}", '{"\\udc00": 1}'):
            with self.subTest(text[:10]):
                self.problem(text, "c.json")

    def test_toml(self) -> None:
        """
        TOML is TOML, and its problems have lines.
        """
        document = read_document('address = ":443"\n[[routes]]\nfrom = "https://a"\n', "c.toml")
        self.assertEqual(document.values["routes"], [{"from": "https://a"}])
        self.assertEqual(self.problem('a = "b"\nc = d', "c.toml").line, 2)
        self.assertRegex(self.problem("a = " + "9" * 5_000, "c.toml").message, "not valid TOML")
