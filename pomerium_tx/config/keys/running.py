"""
Keys about the process itself: workers, administrators, the log.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import values
from pomerium_tx.config.forms.values import AdminAddress
from pomerium_tx.config.section import AdminListener, AdminToken, FileName, Section, Truth


class RuntimeFlags(Section):
    """
    ``runtime_flags``. Pomerium's others have nothing to switch here, and are ignored with a warning.
    """

    allow_any_sign_out_redirect_uri: Truth = False
    """
    Let ``pomerium_redirect_uri`` of a sign-out link lead anywhere. Better name the origins in
    ``sign_out_redirect_allowlist``.
    """
    match_any_incoming_port: Truth = True
    """
    A ``from`` without a port matches requests for any port; otherwise for the usual one of its scheme only.
    """
    pomerium_jwt_endpoint: Truth = False
    """
    Give scripts the whole identity assertion at ``/.pomerium/jwt``. Whoever has it can pass for the person at whatever
    verifies assertions of this host, for five minutes; ``/.pomerium/user`` says the same without that.
    """
    refresh_session_at_id_token_expiration: Truth = True
    """
    Refresh a session also when its ID Token expires, not only when its access token does.
    """
    routes_portal: Truth = True
    """
    Show people which routes are open to them, at ``/.pomerium/routes`` on every route host.
    """


class RunningKeys(Section):
    """
    Running.
    """

    workers: Annotated[int, BeforeValidator(values.whole(1, 64))] = 1
    """
    How many processes accept connections; they share all sessions. With more than one, another process starts them and
    keeps the sessions.
    """
    # None: no listener. Whether it was written or is the default is in ``model_fields_set``.
    admin_address: AdminListener = AdminAddress(path="/run/pomerium-tx/admin.sock")
    """
    Where administrators list and end sessions: a UNIX socket, for its owner only, or an address of this machine, which
    needs an ``admin_token``. ``off``, or an empty string: nowhere.
    """
    admin_token: AdminToken | None = None
    """
    What an administrator's command must show: at least 32 characters without a space.
    """
    admin_token_file: FileName | None = None
    """
    The file with ``admin_token``.
    """
    log_level: Annotated[
        Literal["trace", "debug", "info", "warn", "error", "fatal", "panic", "disabled"],
        BeforeValidator(forms.log_level),
    ] = "info"
    """
    The least important lines that are written. The access log is on up to ``info``.
    """
    runtime_flags: Annotated[RuntimeFlags, BeforeValidator(forms.section)] = RuntimeFlags()
    """
    Switches of Pomerium's that are likely to go some day.
    """
    databroker_storage_type: Annotated[Literal["memory"], BeforeValidator(forms.storage)] = "memory"
    """
    Where sessions are kept. ``memory`` is the only one: a restart signs everybody out.
    """
