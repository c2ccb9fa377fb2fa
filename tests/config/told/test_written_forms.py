"""
Tests of `pomerium_tx.config.told.written_forms`: how values may be written, in words and as schemas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import values
from pomerium_tx.config.told.written_forms import any_case, form_of, without_none


def read_somehow(value: object) -> str:
    """
    A name, or a number of one.

    More about it.
    """
    return str(value)


class FormTests(SynchronousTestCase):
    """
    The form of a key.
    """

    def test_by_reader(self) -> None:
        """
        A function that is known has its words, whatever the type.
        """
        self.assertEqual(form_of(values.duration, timedelta).words, "a duration: `30s`, `5m`, `1h30m`")
        self.assertEqual(form_of(values.whole(1, 64), int).words, "a whole number from 1 to 64")

    def test_choices(self) -> None:
        """
        A choice is told whole, and may be written in any case.
        """
        form = form_of(forms.lower, Literal["confirm", "now"])
        self.assertEqual(form.words, "`confirm` or `now`")
        pattern = {"type": "string", "pattern": any_case(("confirm", "now"))}
        self.assertEqual(form.schema, {"anyOf": [{"enum": ["confirm", "now"]}, pattern]})

    def test_a_new_reader(self) -> None:
        """
        A function that is not listed speaks for itself, and forbids nothing.
        """
        form = form_of(read_somehow, str)
        self.assertEqual((form.words, form.schema), ("a name, or a number of one", {}))

    def test_by_type(self) -> None:
        """
        Where no function reads it, the type says what may be written.
        """
        for kind, words, schema in (
            (bool, "`true` or `false`", {"type": "boolean"}),
            (int, "a whole number", {"type": "integer"}),
            (str, "a string", {"type": "string"}),
            (tuple[str, ...], "a list", {"type": "array"}),
            (Mapping[str, str], "a mapping", {"type": "object"}),
        ):
            with self.subTest(str(kind)):
                form = form_of(None, kind)
                self.assertEqual((form.words, form.schema), (words, schema))

    def test_any_case(self) -> None:
        """
        Upper and lower case mean the same, and a sign means itself.
        """
        pattern = any_case(("no_store", "a.b"))
        for text, holds in (("NO_store", True), (" a.B ", True), ("axb", False), ("no_stores", False)):
            self.assertEqual(re.search(pattern, text) is not None, holds, text)

    def test_without_none(self) -> None:
        """
        That a key may be unset is no part of its form.
        """
        self.assertEqual(without_none(int | None), (int, True))
        self.assertEqual(without_none(int), (int, False))
        self.assertEqual(without_none(int | str), (int | str, False))
