"""
Tests of `pomerium_tx.config.forms.paths`.
"""

from __future__ import annotations

from pomerium_tx.config.forms import paths as path_forms
from tests.config import value_forms


class PathFormsTests(value_forms.FormsCase):
    """
    Values of single keys.
    """

    GOOD = (
        (path_forms.expression, "/a/[0-9]+", "/a/[0-9]+"),
        (path_forms.substitution, r"/x\1", r"/x\1"),
        (path_forms.substitution, "", ""),
        (path_forms.order, 7, 7),
        (path_forms.path_to_send, "/", "/"),
        (path_forms.path_to_send, " /a/b ", "/a/b"),
        (path_forms.path_to_send, "/a%20b", "/a%20b"),
    )
    BAD = (
        (path_forms.expression, "", "regular expression"),
        (path_forms.expression, 7, "quotes"),
        (path_forms.expression, "(", "RE2"),
        (path_forms.substitution, None, "string"),
        (path_forms.substitution, "a b", "spaces"),
        (path_forms.substitution, "a\nb", "control"),
        (path_forms.substitution, "ä", "ASCII"),
        (path_forms.order, "7", "whole number"),
        (path_forms.order, True, "whole number"),
        (path_forms.path_to_send, "a", "slash"),
        (path_forms.path_to_send, "/a//b", "two slashes"),
        (path_forms.path_to_send, "/a?b", "path only"),
        (path_forms.path_to_send, "/a#b", "path only"),
        (path_forms.path_to_send, "/a b", "path only"),
        (path_forms.path_to_send, "/%zz", "path only"),
        (path_forms.path_to_send, "/a/../b", "segments"),
        (path_forms.path_to_send, "/./b", "segments"),
        (path_forms.path_to_send, "/a%2fb", "escaped"),
        (path_forms.path_to_send, "/a%5Cb", "escaped"),
        (path_forms.path_to_send, "/a%00b", "escaped"),
        (path_forms.path_to_send, "/a%2e%2E/b", "escaped"),
    )
