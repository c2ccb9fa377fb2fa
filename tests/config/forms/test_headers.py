"""
Tests of `pomerium_tx.config.forms.headers`.
"""

from __future__ import annotations

from pomerium_tx.config.forms import headers as header_forms
from tests.config import value_forms


class HeaderFormsTests(value_forms.FormsCase):
    """
    Values of single keys.
    """

    GOOD = (
        (header_forms.header_text, "", ""),
        (header_forms.header_text, "http://a/", "http://a/"),
        (header_forms.underscores, "reject", "reject"),
        (header_forms.underscores, "REJECT_REQUEST", "reject"),
        (header_forms.underscores, "drop_header", "drop"),
        (header_forms.underscores, "allow", "allow"),
        (header_forms.underscores, "HEADERS_WITH_UNDERSCORES_ACTION_ALLOW", "allow"),
    )
    BAD = (
        (header_forms.header_text, "a\r\nb", "line break"),
        (header_forms.header_text, 7, "quotes"),
        (header_forms.underscores, "keep", "must be"),
        (header_forms.underscores, True, "string"),
    )
