"""
Tests of `pomerium_tx.config.forms.answers`.
"""

from __future__ import annotations

from pomerium_tx.config.forms import answers as answer_forms
from tests.config import value_forms


class AnswerFormsTests(value_forms.FormsCase):
    """
    Values of single keys.
    """

    GOOD = (
        (answer_forms.path_and_query, "/new", "/new"),
        (answer_forms.path_and_query, "/new?a=1&b=%20", "/new?a=1&b=%20"),
        (answer_forms.redirecting_status, 308, 308),
        (answer_forms.redirecting_status, "302", 302),
        (answer_forms.body, "two\nlines", "two\nlines"),
    )
    BAD = (
        (answer_forms.path_and_query, 1, "string"),
        (answer_forms.path_and_query, "new", "slash"),
        (answer_forms.path_and_query, "/new#x", "path only"),
        (answer_forms.path_and_query, "/new?a b", "query"),
        (answer_forms.path_and_query, "/new?a\r\nSet-Cookie: x=1", "query"),
        (answer_forms.path_and_query, "/a/../b", "segments"),
        (answer_forms.redirecting_status, 200, "must be one of"),
        (answer_forms.redirecting_status, 304, "must be one of"),
        (answer_forms.redirecting_status, "x", "must be one of"),
        (answer_forms.body, 7, "quotes"),
        (answer_forms.body, "x" * 70_000, "longer"),
    )
