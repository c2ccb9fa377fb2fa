"""
Tests of `pomerium_tx.config.forms.header_template`.
"""

from __future__ import annotations

import time

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.header_template import Template, header_of

# Pomerium's own examples, as facts.
PARSED = [
    ("x $$ y $$ z", ("x $ y $ z",)),
    ("${x.y.z}", (("x", "y", "z"),)),
    ("${   x   .\ty .  z }", (("x", "y", "z"),)),
    ('${x["y"].z}', (("x", "y", "z"),)),
    ('${x["', ('${x["',)),
    ("${", ("${",)),
    ("${}", ("${}",)),
    (r'${x["\\"]}', (("x", "\\"),)),
    (r'${x["\""]}', (("x", '"'),)),
    ("${pomerium.access_token}", (("pomerium", "access_token"),)),
    ("$pomerium.access_token", (("pomerium", "access_token"),)),
    ("$pomerium.client_cert_fingerprint", (("pomerium", "client_cert_fingerprint"),)),
    ('${pomerium.request.headers["X-Access-Token"]}', (("pomerium", "request", "headers", "X-Access-Token"),)),
    ("$pomerium.request.headers.X-Access-Token", (("pomerium", "request", "headers", "X-Access-Token"),)),
    ("before $pomerium.jwt after", ("before ", ("pomerium", "jwt"), " after")),
    ("before ${   pomerium  .  jwt  } after", ("before ", ("pomerium", "jwt"), " after")),
    # What is no name stays as it is.
    ("$", ("$",)),
    ("a $ b", ("a $ b",)),
    ("$pomerium.", ("$pomerium.",)),
    ("${pomerium.jwt", ("${pomerium.jwt",)),
    ("", ()),
]


class TemplateTests(SynchronousTestCase):
    """
    Values in which something is named.
    """

    def test_parsed(self) -> None:
        """
        The grammar is Pomerium's.
        """
        for text, parts in PARSED:
            with self.subTest(text=text):
                self.assertEqual(Template.of(text).parts, parts)

    def test_literal(self) -> None:
        """
        A value in which nothing is named is what it says.
        """
        self.assertEqual(Template.of("costs $$5").literal, "costs $5")
        self.assertEqual(Template.of("").literal, "")
        self.assertIsNone(Template.of("${pomerium.jwt}").literal)

    def test_unknown(self) -> None:
        """
        What nothing is called is told; what is known is not.
        """
        self.assertEqual(
            Template.of("$5 ${pomerium.password} ${secret.x}").unknown, ("5", "pomerium.password", "secret.x")
        )
        known = "${pomerium.access_token}${pomerium.id_token}${pomerium.jwt}${pomerium.client_cert_san_dns}"
        self.assertEqual(Template.of(known + '${pomerium.request.headers["A"]}').unknown, ())
        self.assertEqual(header_of(("pomerium", "request", "headers", "A")), "A")
        self.assertIsNone(header_of(("pomerium", "request", "headers")))

    def test_no_explosion(self) -> None:
        """
        However it is written, a value is read at once.
        """
        began = time.process_time()
        for text in ("${" + "a." * 20_000, "${a" + '["' * 20_000, "$" + "a." * 20_000, "${a" + " " * 20_000):
            Template.of(text)
        self.assertLess(time.process_time() - began, 2.0)
