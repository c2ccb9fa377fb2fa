"""
Keys that an issuer publishes.
"""

from __future__ import annotations

import json

from twisted.web.resource import Resource
from twisted.web.server import Request

from pomerium_tx.jose.signer import Signer


class PublishedKeys(Resource):
    """
    A JWK Set, wherever it is asked for.
    """

    isLeaf = True

    def __init__(self, signer: Signer) -> None:
        super().__init__()
        self.signer = signer
        self.status = 200
        self.body: bytes | None = None
        """
        What is published instead.
        """

    def render(self, request: Request) -> bytes:
        """
        The set.
        """
        request.setResponseCode(self.status)
        return self.body if self.body is not None else json.dumps({"keys": [self.signer.public_jwk()]}).encode()
