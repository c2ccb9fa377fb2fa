"""
An OP that hands out wrong ID Tokens signs nobody in, and one that hands out unusual ones signs people in.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.conformance import adversarial_claims as claims
from tests.conformance import adversarial_tokens as tokens
from tests.conformance.adversarial_provider import AdversarialTestCase, Make


class WrongTestCase(AdversarialTestCase):
    """
    Runs a table of ID Tokens that must be refused.
    """

    def refuse(self, cases: Iterable[tuple[str, Make]]) -> None:
        """
        Every one of them is refused without consequence.
        """
        self.each(cases, lambda make: self.assert_refused(*self.by_id_token(make)))


class WrongFormTests(WrongTestCase):
    """
    Tokens that are wrong whatever they say.
    """

    def test_control(self) -> None:
        """
        The token that all wrong ones are made from is right.
        """
        self.watch()
        _, answer = self.by_id_token(lambda mint: mint.token())
        self.assert_accepted(answer)

    def test_signatures(self) -> None:
        """
        A signature must be that of the key that the token names, over this very token.
        """
        self.refuse(tokens.signatures())

    def test_algorithms(self) -> None:
        """
        The token chooses no algorithm that was not agreed on, and none that its key is not for.
        """
        self.refuse(tokens.algorithms())

    def test_headers(self) -> None:
        """
        The header brings in no key, no type and no reading of its own.
        """
        self.refuse(tokens.headers())

    def test_shapes(self) -> None:
        """
        Only the compact form counts, in its one spelling.
        """
        self.refuse(tokens.shapes())

    def test_other_tokens(self) -> None:
        """
        What the OP signs for other purposes is no ID Token.
        """
        self.refuse(tokens.other_tokens())


class WrongClaimsTests(WrongTestCase):
    """
    Tokens that are the OP's, and say something wrong.
    """

    def test_issuers_and_audiences(self) -> None:
        """
        A token is of this very issuer, for this very client, and issued to it.
        """
        self.refuse(claims.issuers_and_audiences())

    def test_times(self) -> None:
        """
        A token is of now.
        """
        self.refuse(claims.times())

    def test_subjects(self) -> None:
        """
        A token is about one person, of whom UserInfo speaks as well.
        """
        self.refuse(claims.subjects())

    def test_bindings(self) -> None:
        """
        A token answers this very request and came with this very access token.
        """
        self.refuse(claims.bindings())

    def test_payloads(self) -> None:
        """
        Claims can be read in one way only.
        """
        self.refuse(claims.payloads())


class UnusualTests(AdversarialTestCase):
    """
    Tokens that real OPs hand out.
    """

    def test_unusual(self) -> None:
        """
        They sign the person in.
        """
        self.each(claims.unusual(), lambda make: self.assert_accepted(self.by_id_token(make)[1]))
