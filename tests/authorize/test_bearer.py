"""
Tests of `pomerium_tx.authorize.bearer`: which token a request presents.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authorize.bearer import TOKEN_ONLY, SeveralCredentials, bearer_token, presented_with
from pomerium_tx.sessions.handle import NOTHING_PRESENTED, Carrier, Handle, Presented
from tests.sessions.test_bearers import session

TOKENS = [
    ([], None),
    ([b"Bearer t"], b"t"),
    ([b"bearer t"], b"t"),
    ([b"  BEARER\t t \t"], b"t"),
    ([b"Bearer\tt"], b"t"),
    ([b"Bearer XtX"], b"XtX"),
    ([b"Bearer t\x0b"], b"t\x0b"),
    ([b"Bearer \x0bt"], b"\x0bt"),
    ([b"Bearer"], b""),
    ([b"Bearer "], b""),
    ([b"Bearer a b"], b"a b"),
    ([b"Basic YTpi"], None),
    ([b"Bearers t"], None),
    ([b"XBearer t"], None),
    ([b"\x0bBearer t"], None),
    ([b"Pomerium t"], None),
    ([b"Bearer Pomerium-t"], None),
    ([b"bearer pomerium-t"], None),
    ([b"Basic YTpi", b"Digest x"], None),
]
SEVERAL = [
    [b"Bearer a", b"Bearer b"],
    [b"Bearer a", b"Bearer a"],
    [b"Bearer a", b"Basic YTpi"],
    [b"Pomerium h", b"Bearer a"],
    [b"Bearer Pomerium-h", b"Bearer a"],
]


class BearerTokenTests(SynchronousTestCase):
    """
    ``Authorization``.
    """

    def test_token(self) -> None:
        """
        A bearer token in any spelling of the scheme, between blanks, which are spaces and tabs; not a session handle of
        ours, and nobody else's credentials.
        """
        for values, token in TOKENS:
            with self.subTest(values=values):
                self.assertEqual(bearer_token(values), token)

    def test_several(self) -> None:
        """
        A token that is not alone there is not guessed at.
        """
        for values in SEVERAL:
            with self.subTest(values=values):
                self.assertRaises(SeveralCredentials, bearer_token, values)

    def test_presented_with(self) -> None:
        """
        The token's session counts; what a cookie names was presented too, and its end cuts what presents both.
        """
        cookie = Handle("browser", "alice", "", (), "", 0.0)
        presented = presented_with(session("token"), Presented(Carrier.COOKIE, (cookie,), True))
        of_token = session("token")
        self.assertEqual(
            presented.handles, (Handle("token", of_token.user_id, "", (), of_token.idp_id, of_token.began),)
        )
        self.assertIs(presented.carrier, Carrier.HEADER)
        self.assertEqual([handle.session_id for handle in presented.others], ["browser"])
        self.assertTrue(presented.outside_cookie)
        self.assertEqual(presented_with(session("token"), NOTHING_PRESENTED).others, ())

    def test_token_only(self) -> None:
        """
        A token without a session was presented all the same, in a header, and names nobody.
        """
        self.assertEqual(TOKEN_ONLY, Presented(Carrier.HEADER, (), True, (), outside_cookie=True))
