"""
One line for every session that begins and for every end, for whoever must account for access later.
"""

from __future__ import annotations

from twisted.logger import Logger

from pomerium_tx.logs import SESSION_BEGUN, SESSION_ENDED
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.session import Session

log = Logger()


def session_begun(session: Session) -> None:
    """
    A person has signed in.
    """
    log.info(
        SESSION_BEGUN,
        service="audit",
        session_id=session.id,
        iss=session.iss,
        sub=session.sub,
        user=session.user_id,
        email=session.email,
        ip=session.address,
        user_agent=session.user_agent,
        expires=session.expires,
    )


def session_ended(receipt: Receipt) -> None:
    """
    Sessions have ended: the receipt, whole.
    """
    log.info(SESSION_ENDED, service="audit", receipt=receipt.as_json(with_routes=True), session_ids=receipt.session_ids)
