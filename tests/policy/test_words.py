"""
Tests of `pomerium_tx.policy.words`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.policy.criteria import FORMS
from pomerium_tx.config.policy.rules import rules
from pomerium_tx.policy.criteria import access_rules
from pomerium_tx.policy.words import policy_in_words

NOBODY = "allow nobody: there is no allow rule"


class WordsTests(SynchronousTestCase):
    """
    Policies in words.
    """

    def test_policies(self) -> None:
        """
        A rule is one sentence that says exactly what it is.
        """
        admin, ours = {"claim/groups": "admin"}, {"domain": "example.com"}
        both = "the claim groups has admin; the e-mail domain is example.com"
        address = {"source_ip": ["10.0.0.1/8", "::1"]}
        for written, *words in (
            ({"allow": {"and": [admin, ours]}}, f"allow if all of: {both}"),
            ({"allow": {"or": [admin, ours]}}, f"allow if any of: {both}"),
            ({"allow": {"not": [admin, ours]}}, f"allow if none of: {both}"),
            ({"allow": {"nor": [admin, ours]}}, f"allow unless all of: {both}"),
            ({"allow": {"and": [admin]}}, "allow if the claim groups has admin"),
            ({"allow": {"nor": [admin, admin]}}, "allow unless the claim groups has admin"),
            ({"allow": {"or": [address]}}, "allow if the client's address is in 10.0.0.0/8, ::1/128"),
            ({"allow": {"or": [{"http_path": {"starts_with": "/a"}}]}}, "allow if the path begins with /a"),
            ({"allow": {"or": [{"http_method": {"in": ["GET"]}}]}}, "allow if the method is one of GET"),
            ({"allow": {"or": [{"groups": {"exclude": "x"}}]}}, "allow if the claim groups does not have x"),
            ({"allow": {"or": [{"accept": 1}]}}, "allow always"),
            (
                {"allow": {"or": [{"pomerium_routes": 1}]}},
                "allow if the path is one of our own, of which no policy is asked",
            ),
            ({"allow": {"or": [{"authenticated_user": 1}]}}, "allow if somebody is signed in"),
            ({"deny": {"and": [{"reject": 1}]}, "allow": {"not": [{"reject": 1}]}}, "allow unless never", "deny never"),
        ):  # fmt: skip
            with self.subTest(written=written):
                self.assertEqual(policy_in_words(rules(written)), tuple(words))

    def test_several(self) -> None:
        """
        Each rule has a sentence, and that nobody is admitted is said.
        """
        self.assertEqual(policy_in_words(()), (NOBODY,))
        deny = rules({"deny": {"not": [{"cors_preflight": True}]}})
        self.assertEqual(policy_in_words(deny), ("deny unless the request is a CORS preflight", NOBODY))
        both = (*access_rules(users=["alice"]), *deny)
        self.assertEqual(
            policy_in_words(both),
            (
                "allow if any of: the user id is alice; the e-mail address is alice",
                "deny unless the request is a CORS preflight",
            ),
        )

    def test_every_criterion(self) -> None:
        """
        Every criterion has its words, which are not another's.
        """
        said = set()
        for name, form in FORMS.items():
            key = f"{name}/department" if form.has_path else name
            value = {"san_dns": "a.test"} if name == "client_certificate" else "10.0.0.1"
            (words,) = policy_in_words(rules({"allow": {"or": [{key: value}]}}))
            said.add(words)
        self.assertEqual(len(said), len(FORMS))
