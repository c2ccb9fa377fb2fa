"""
The keys with which a configuration signs for applications, and those that it has replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.internet.interfaces import IReactorTime

from pomerium_tx.assertion.claims import LIFETIME as ASSERTION_LIFETIME
from pomerium_tx.config.model import Config
from pomerium_tx.dashboard.published import JwksPage
from pomerium_tx.jose.signer import Signer, derived_signer, load_signers

RETIRED_KEY_SECONDS = ASSERTION_LIFETIME + 300.0
"""
How long a key stays published that signs nothing any more: as long as anything can be valid that it has signed, and as
applications' clocks and caches may be late. A key may be replaced because somebody has it.
"""


class Signing:
    """
    The signers of one configuration.

    :param previous: Those of the configuration before, whose work must be verified for a while.
    """

    def __init__(self, config: Config, clock: IReactorTime, previous: Signing | None) -> None:
        key = config.signing_key
        self.signers: Sequence[Signer] = (
            [derived_signer(config.shared_secret.get_secret_value())]
            if key is None
            else load_signers(key.get_secret_value())
        )
        """
        The first one signs.
        """
        self._retired = {} if previous is None else self._replacing(previous, clock.seconds())
        self.jwks = JwksPage(
            list({signer.kid: signer.public_jwk() for signer in self.signers}.values()),
            retired=list(self._retired.values()),
            clock=clock,
        )
        """
        The page that publishes them.
        """

    def _replacing(self, previous: Signing, now: float) -> dict[str, tuple[Mapping[str, object], float]]:
        """
        The public keys, by ``kid``, that signed before, and until when that may have to be verified.
        """
        known = {kid: (key, until) for kid, (key, until) in previous._retired.items() if now < until}
        replaced = {signer.kid: (signer.public_jwk(), now + RETIRED_KEY_SECONDS) for signer in previous.signers}
        current = {signer.kid for signer in self.signers}
        return {kid: kept for kid, kept in (known | replaced).items() if kid not in current}
