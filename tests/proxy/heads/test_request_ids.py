"""
Tests of `pomerium_tx.proxy.heads.request_ids`.
"""

from __future__ import annotations

from uuid import RFC_4122, UUID

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.proxy.heads.request_ids import new_request_id


class RequestIdsTests(SynchronousTestCase):
    """
    Every request has an id of its own.
    """

    def test_random_uuids(self) -> None:
        """
        An id is a random UUID in its usual spelling, however many were made before.
        """
        for _ in range(600):
            made = new_request_id()
            read = UUID(made)
            self.assertEqual((str(read), read.version, read.variant), (made, 4, RFC_4122))

    def test_no_two_alike(self) -> None:
        """
        No id comes twice, and all of their digits vary.
        """
        made = {new_request_id() for _ in range(2_000)}
        self.assertEqual(len(made), 2_000)
        varying = [len(set(digits)) for digits in zip(*made, strict=True)]
        self.assertEqual([index for index, kinds in enumerate(varying) if kinds == 1], [8, 13, 14, 18, 19, 23])
