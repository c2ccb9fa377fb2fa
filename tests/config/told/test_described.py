"""
Tests of `pomerium_tx.config.told.described`: the model, told to people.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.model import Config
from pomerium_tx.config.route_section import RouteSection
from pomerium_tx.config.section import Section
from pomerium_tx.config.told.described import Key, described


def key(name: str, section: str = "Config") -> Key:
    """
    What is said of one key.
    """
    [found] = [each for part in described() if part.name == section for each in part.keys if each.name == name]
    return found


class DescribedTests(SynchronousTestCase):
    """
    The description.
    """

    def test_every_key_once(self) -> None:
        """
        No key of the model is left out.
        """
        found = {part.name: [each.name for each in part.keys] for part in described()}
        for section in (Config, RouteSection):
            names = [field.alias or name for name, field in section.model_fields.items()]
            self.assertEqual(sorted(found[section.__name__]), sorted(names))

    def test_every_key_has_words(self) -> None:
        """
        Each key says in whole sentences what it does: the docstring below it.
        """
        for part in described():
            for each in part.keys:
                with self.subTest(f"{part.name}.{each.name}"):
                    self.assertRegex(each.description, r"^\S(.|\n)*[.:]$")
                    self.assertNotEqual(each.form.words, "")

    def test_every_key_has_a_group(self) -> None:
        """
        Outside of routes, and in one, keys stand under headings.
        """
        for part in described():
            if part.name in ("Config", "RouteSection"):
                self.assertEqual([each.name for each in part.keys if not each.group], [])

    def test_groups_stay_together(self) -> None:
        """
        No heading comes twice.
        """
        for part in described():
            groups = [each.group for each in part.keys]
            begun = [group for before, group in zip([None, *groups], groups, strict=False) if group != before]
            self.assertEqual(len(begun), len(set(begun)), begun)

    def test_defaults(self) -> None:
        """
        A default is shown as it would be written.
        """
        for name, default in (
            ("address", ":443"),
            ("cookie_expire", "14h"),
            ("timeout_idle", "5m"),
            ("insecure_server", "false"),
            ("admin_address", "unix:/run/pomerium-tx/admin.sock"),
            ("shared_secret", "random"),
            ("cookie_domain", ""),
            ("idp_client_id", ""),
        ):
            with self.subTest(name):
                self.assertEqual(key(name).default, default)

    def test_environment(self) -> None:
        """
        What is set outside of routes has a variable, what is set in one has none.
        """
        self.assertEqual(key("cookie_expire").environment, "COOKIE_EXPIRE")
        self.assertEqual(key("prefix", "RouteSection").environment, "")

    def test_restart(self) -> None:
        """
        What a reload does not take is marked, the file with it too.
        """
        self.assertTrue(key("address").needs_restart)
        self.assertTrue(key("shared_secret_file").needs_restart)
        self.assertFalse(key("cookie_expire").needs_restart)
        self.assertFalse(key("idp_client_secret_file").needs_restart)

    def test_ours(self) -> None:
        """
        What Pomerium does not have is told apart.
        """
        self.assertTrue(key("workers").is_ours)
        self.assertFalse(key("cookie_name").is_ours)
        self.assertTrue(key("caching", "RouteSection").is_ours)
        self.assertFalse(key("from", "RouteSection").is_ours)

    def test_a_new_key_needs_nothing_else(self) -> None:
        """
        Whoever adds a key with a docstring, under a heading or not, has it described.
        """
        from pomerium_tx.config.told import described as module

        found = dict(module._grouped(_Child))
        self.assertEqual(found, {"inherited": "What a parent has", "first": "", "second": "Further things"})
        self.assertEqual(module.docstrings(_Child), {"first": "The first.", "second": "The second."})


class _Parent(Section):
    """
    What a parent has.
    """

    inherited: str = ""
    """
    Inherited.
    """


class _Child(_Parent):
    """
    What a child has.
    """

    first: str = ""
    """
    The first.
    """

    # Further things.
    second: str = ""
    """
    The second.
    """
