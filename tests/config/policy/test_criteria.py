"""
Tests of `pomerium_tx.config.policy.criteria`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.policy.criteria import FORMS, REFUSED, refused

OF_POMERIUM = (
    "accept authenticated_user claim client_certificate cors_preflight date day_of_week device domain email groups "
    "http_method http_path invalid_client_certificate mcp_tool pomerium_routes record reject source_ip ssh_publickey "
    "ssh_username time_of_day user"
)


class CriteriaTests(SynchronousTestCase):
    """
    What becomes of Pomerium's criteria.
    """

    def test_every_one(self) -> None:
        """
        Each of Pomerium's criteria is read, or refused with a reason.
        """
        for name in OF_POMERIUM.split():
            with self.subTest(name=name):
                self.assertNotEqual(name in FORMS, refused(name) is not None)
        self.assertIsNone(refused("of_nobody"))

    def test_reasons(self) -> None:
        """
        A reason says what to do instead.
        """
        for name in (*REFUSED, "ssh_anything"):
            with self.subTest(name=name):
                self.assertRegex(refused(name) or "", "; (remove it|write |ask )")
