"""
What a running process takes from a configuration that has been read again, and what only a restart can change.
"""

from __future__ import annotations

from pomerium_tx.config.model import Config

_UNTIL_RESTART = (
    "address",
    "authenticate_address",
    "insecure_server",
    "shared_secret",
    "cookie_secret",
    "admin_address",
    "admin_token",
    "databroker_storage_type",
)
"""
Sockets that are bound, and secrets that everything given out so far is sealed with.
"""
_SECRETS = ("shared_secret", "cookie_secret")


def merged(running: Config, read: Config) -> tuple[Config, tuple[str, ...]]:
    """
    What is in force from now on, and the keys whose new values wait for a restart.

    A secret that is set nowhere is random each time it is read: the running one stays, and nothing waits.
    """
    kept = {}
    waiting = []
    for key in _UNTIL_RESTART:
        before, now = getattr(running, key), getattr(read, key)
        if before == now:
            continue
        kept[key] = before
        if key not in _SECRETS or key in read.model_fields_set:
            waiting.append(key)
    if running.authenticate_listener != read.authenticate_listener and "authenticate_address" not in waiting:
        # The port of the URL is where it listens.
        waiting.append("authenticate_service_url")
        kept["authenticate_service_url"] = running.authenticate_service_url
    return read.model_copy(update=kept), tuple(waiting)
