"""
Tests of `pomerium_tx.policy.explanation`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.policy.rules import rules
from pomerium_tx.policy.criteria import access_rules
from pomerium_tx.policy.explanation import Explanation, a_person, explained
from pomerium_tx.sessions.session import Session, Tokens
from tests.policy.clients import CANONICAL, CLIENT, HEAD

WRITTEN = {
    "allow": {"and": [{"groups": "staff"}, {"domain": "example.com"}]},
    "deny": {"or": [{"claim/suspended": True}, {"source_ip": "198.51.100.0/24"}]},
}


def of(session: Session | None) -> Explanation:
    """
    Why somebody is let in, or not.
    """
    return explained(rules(WRITTEN), session, HEAD, CANONICAL, CLIENT)


class ExplanationTests(SynchronousTestCase):
    """
    Why a policy decides as it does.
    """

    def test_admitted(self) -> None:
        """
        The rule that admits is named, with what each of its criteria says.
        """
        elsewhere = "the client's address is in 198.51.100.0/24"
        explanation = of(a_person(email="alice@example.com", groups=["staff"]))
        self.assertTrue(explanation.decision.admits)
        self.assertEqual([rule.rule.action for rule in explanation.deciding], ["allow"])
        self.assertEqual(
            list(explanation.lines()),
            [
                "holds: allow if all of: the claim groups has staff; the e-mail domain is example.com",
                "    yes: the claim groups has staff (groups-ok)",
                "    yes: the e-mail domain is example.com (domain-ok)",
                f"does not hold: deny if any of: the claim suspended has true; {elsewhere}",
                "    no: the claim suspended has true (claim-unauthorized)",
                f"    no: {elsewhere} (source-ip-unauthorized)",
            ],
        )

    def test_denied(self) -> None:
        """
        Where something denies, that is what decides.
        """
        person = a_person(email="alice@example.com", groups=["staff"], claims={"suspended": [True]})
        explanation = of(person)
        self.assertFalse(explanation.decision.admits)
        self.assertEqual([rule.rule.action for rule in explanation.deciding], ["deny"])

    def test_nobody(self) -> None:
        """
        Of somebody who has not signed in it is said that they have to.
        """
        explanation = of(None)
        self.assertTrue(explanation.decision.unauthenticated)
        self.assertEqual(explanation.deciding, ())
        self.assertIn("    no: the claim groups has staff (user-unauthenticated)", list(explanation.lines()))

    def test_no_rule(self) -> None:
        """
        A policy without a rule is explained too.
        """
        explanation = explained((), None, HEAD, CANONICAL, CLIENT)
        self.assertEqual(list(explanation.lines()), ["there is no rule: nobody is admitted"])
        self.assertEqual(explanation.deciding, ())

    def test_person(self) -> None:
        """
        A person is made of what is said about them; without an id they are known by their e-mail address.
        """
        found = explained(access_rules(users=["alice"]), a_person(user="alice"), HEAD, CANONICAL, CLIENT)
        self.assertTrue(found.decision.admits)
        self.assertEqual(a_person(email="a@b.test").user_id, "a@b.test")
        self.assertEqual(a_person(email="a@b.test").claims["email"], ("a@b.test",))
        self.assertEqual(a_person(user="a").email, "")
        self.assertNotIn("groups", a_person().claims)
        self.assertNotIn("email", a_person().claims)
        self.assertEqual(a_person(user="a", email="a@b.test").sub, "a")
        self.assertEqual(a_person(email="a@b.test").sub, "a@b.test")
        self.assertEqual(a_person(groups=["x"], claims={"groups": ["y"], "n": (1,)}).claims["groups"], ("y",))

    def test_nothing_else_is_known(self) -> None:
        """
        What is not said about a person is empty, and no session that there is could be taken for theirs.
        """
        self.assertEqual(
            a_person(user="a"),
            Session(
                id="",
                browser="",
                idp_id="",
                iss="",
                client_id="",
                sub="a",
                user_id="a",
                email="",
                name="",
                began=0.0,
                expires=0.0,
                authenticated=0.0,
                id_token_iat=0.0,
                claims={},
                tokens=Tokens(id_token="", access_token=""),
            ),
        )
