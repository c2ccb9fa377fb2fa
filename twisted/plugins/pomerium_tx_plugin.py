"""
``twistd pomerium``.
"""

from twisted.application.service import ServiceMaker

pomerium = ServiceMaker(
    "pomerium_tx",
    "pomerium_tx.tap",
    "An identity-aware access proxy that signs people in and really signs them out.",
    "pomerium",
)
