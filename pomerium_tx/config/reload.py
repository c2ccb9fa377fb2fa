"""
What a running process takes from a configuration that has been read again, and what only a restart can change.
"""

from __future__ import annotations

from pomerium_tx.config.model import Config

UNTIL_RESTART = (
    "workers",
    "address",
    "authenticate_address",
    "http_redirect_addr",
    "authenticate_service_url",
    "insecure_server",
    "shared_secret",
    "cookie_secret",
    "cookie_name",
    "cookie_domain",
    "admin_address",
    "admin_token",
    "databroker_storage_type",
)
"""
Processes and sockets that are there, secrets that everything given out so far is sealed with, and what a browser must
find again in order to sign out.

``authenticate_service_url``: the authenticate host's cookies, a hold among them, stay with the host that set them, so
that a person who signs out would be sent to no OP and be signed in again at once; and who is at the OP just now comes
back to the old host.

``cookie_name``: a handle by the old name would be looked at no more and passed on to applications; it would still be
good in a header, and the session behind it would survive the sign-out of its person's browser.

``cookie_domain``: a cookie is replaced and cleared only by one with the same domain. The authenticate host's old one,
once it names an ended session, would be a hold that nothing could clear.

Not ``cookie_same_site``, ``cookie_http_only`` and ``cookie_expire``: a cookie with other attributes replaces and clears
the old one, and says the same. Nor the provider: sessions of one that is gone are ended.
"""
_SECRETS = ("shared_secret", "cookie_secret")


def merged(running: Config, read: Config) -> tuple[Config, tuple[str, ...]]:
    """
    What is in force from now on, and the keys whose new values wait for a restart.

    A secret that is set nowhere is random each time it is read: the running one stays, and nothing waits.
    """
    kept = {}
    waiting = []
    for key in UNTIL_RESTART:
        before, now = getattr(running, key), getattr(read, key)
        if before == now:
            continue
        kept[key] = before
        if key not in _SECRETS or key in read.model_fields_set:
            waiting.append(key)
    return read.model_copy(update=kept), tuple(waiting)
