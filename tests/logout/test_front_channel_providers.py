"""
Tests for `pomerium_tx.logout.front_channel`: several OPs, and OPs with ways of their own.
"""

from __future__ import annotations

from tests.logout.front_channel_case import ENCODED, FrontChannelCase
from tests.logout.user_agent import UserAgent
from tests.logout.world import World


class TwoProvidersTests(FrontChannelCase):
    """
    With two OPs.
    """

    second_provider = True

    def setUp(self) -> None:
        super().setUp()
        self.world.op2.alterations["id_token"] = lambda claims: {**claims, "sid": self.sid}
        self.other = UserAgent(self.world).sign_in(idp_id=self.world.provider2.idp_id)

    def test_same_sid(self) -> None:
        """
        A sid belongs to its issuer.
        """
        self.assertEqual(self.other.sids, self.session.sids)
        self.frame(f"?iss=https://op2.example.com&sid={self.sid}")
        self.assertEqual((self.is_live(), self.is_live(self.other)), (True, False))

    def test_without_issuer(self) -> None:
        """
        A sid alone is nobody's, unless the registered URI says which OP uses it.
        """
        self.frame(f"?sid={self.sid}")
        self.assertEqual((self.is_live(), self.is_live(self.other)), (True, True))
        self.frame(f"?pomerium_idp={self.world.provider.idp_id}&sid={self.sid}")
        self.assertEqual((self.is_live(), self.is_live(self.other)), (False, True))

    def test_without_names(self) -> None:
        """
        An OP's frame that names nobody ends that OP's session, not the other one's.
        """
        self.frame("", browser=self.alice, Referer="https://op2.example.com/")
        self.assertTrue(self.is_live())

    def test_removed(self) -> None:
        """
        An OP that a reload has removed says nothing any more.
        """
        del self.world.providers[self.world.provider2.idp_id]
        self.frame(f"?iss=https://op2.example.com&sid={self.sid}")
        self.assertTrue(self.is_live(self.other))


class SidIsSubTests(FrontChannelCase):
    """
    Where the OP calls sid what is the sub.
    """

    settings = {"frontchannel_sid_is_sub": True}

    def setUp(self) -> None:
        super().setUp()
        self.world.op.alterations["id_token"] = lambda claims: {k: v for k, v in claims.items() if k != "sid"}
        self.sidless = UserAgent(self.world).sign_in()

    def test_same_address(self) -> None:
        """
        It ends the person's sessions that have no sid and were last used from the same address.
        """
        self.assertEqual(self.sidless.sids, ())
        self.assert_tiny(self.frame(f"?iss={ENCODED}&sid={self.sidless.sub}"))
        self.assertEqual((self.is_live(self.sidless), self.is_live()), (False, True))

    def test_another_address(self) -> None:
        """
        A sub is no secret: from elsewhere it ends nothing.
        """
        self.world.registry.touch(self.sidless.id, "198.51.100.7")
        self.assert_tiny(self.frame(f"?iss={ENCODED}&sid={self.sidless.sub}"))
        self.assertTrue(self.is_live(self.sidless))

    def test_not_configured(self) -> None:
        """
        Where it is not configured, a sub is no sid.
        """
        self.world.stop()
        self.world = World()
        self.world.op.alterations["id_token"] = lambda claims: {k: v for k, v in claims.items() if k != "sid"}
        self.stranger = UserAgent(self.world)
        session = UserAgent(self.world).sign_in()
        self.assert_tiny(self.frame(f"?iss={ENCODED}&sid={session.sub}"))
        self.assertTrue(self.is_live(session))
