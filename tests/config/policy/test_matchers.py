"""
Tests of `pomerium_tx.config.policy.matchers`; what is refused is among `tests.config.policies`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.document import KeyPath
from pomerium_tx.config.policy.matchers import Condition, list_matcher, source_networks, string_matcher, unused


def no_complaint(at: KeyPath, message: str) -> None:
    """
    There must be none.
    """
    raise AssertionError((at, message))


class MatcherTests(SynchronousTestCase):
    """
    Matchers as they are written.
    """

    def test_default(self) -> None:
        """
        A value by itself is what the string must be, or what the list must have.
        """
        self.assertEqual(string_matcher("a", (), no_complaint), (Condition(operator="is", value="a"),))
        for value in ("a", 1, 1.5, True, False, ""):
            self.assertEqual(list_matcher(value, (), no_complaint), (Condition(operator="has", value=value),))

    def test_true_is_not_one(self) -> None:
        """
        A condition on the number 1 is not equal to one on the truth value, as it would be in Python.
        """
        self.assertNotEqual(list_matcher(1, (), no_complaint), list_matcher(True, (), no_complaint))
        self.assertEqual(list_matcher(1, (), no_complaint), list_matcher(1.0, (), no_complaint))

    def test_several(self) -> None:
        """
        All operators are kept, in their order.
        """
        found = string_matcher({"starts_with": "a", "not_in": ["ab", "ac"]}, (), no_complaint)
        self.assertEqual(
            found, (Condition(operator="starts_with", value="a"), Condition(operator="not_in", value=("ab", "ac")))
        )

    def test_networks(self) -> None:
        """
        An address is a network of one; what is behind the length of a range does not matter, and an IPv4 address that
        is written as IPv6 is an IPv4 address.
        """
        for written, networks in (
            ("10.0.0.1", ["10.0.0.1/32"]),
            ("192.168.1.1/24", ["192.168.1.0/24"]),
            ("2001:DB8::1", ["2001:db8::1/128"]),
            ("2001:db8::1/32", ["2001:db8::/32"]),
            ("::ffff:1.2.3.4", ["1.2.3.4/32"]),
            ("::ffff:10.0.0.0/104", ["10.0.0.0/8"]),
            ("::ffff:0:0/96", ["0.0.0.0/0"]),
            ("::/0", ["::/0"]),
            (["10.0.0.1", "::1"], ["10.0.0.1/32", "::1/128"]),
            ([], []),
        ):
            with self.subTest(written=written):
                self.assertEqual([str(network) for network in source_networks(written, (), no_complaint)], networks)

    def test_unused(self) -> None:
        """
        Where no value is looked at, any will do.
        """
        for value in (True, None, 0, "", "false", {}, [1]):
            unused(value, (), no_complaint)
