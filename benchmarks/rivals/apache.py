"""
Apache with mod_auth_openidc: the code flow against the same provider, its sessions in shared memory.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from benchmarks.deployment import CLIENT_ID, CLIENT_SECRET, Browser
from benchmarks.processes import PROXY_CORE, DidNotStart, start
from benchmarks.rivals.peer import Missing, Peer
from benchmarks.rivals.upstream import Upstream

_MODULES = Path("/usr/lib/apache2/modules")
_LOADED = ("mpm_event", "authz_core", "authn_core", "authz_user", "proxy", "proxy_http", "auth_openidc")
_CONFIGURATION = """
ServerRoot {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.err
LogLevel warn
ServerName app.localhost
DefaultRuntimeDir {folder}
Mutex file:{folder} default
{modules}
{user}
Listen 127.0.0.1:{port}
StartServers 1
ServerLimit 1
ThreadLimit 64
ThreadsPerChild 64
MaxRequestWorkers 64
MaxConnectionsPerChild 0
MaxKeepAliveRequests 0
KeepAliveTimeout 600
OIDCProviderIssuer {issuer}
OIDCProviderAuthorizationEndpoint {endpoints}/authorize
OIDCProviderTokenEndpoint {endpoints}/token
OIDCProviderJwksUri {endpoints}/jwks
OIDCProviderTokenEndpointAuth client_secret_basic
OIDCClientID {client}
OIDCClientSecret "{secret}"
OIDCRedirectURI {redirect_uri}
OIDCCryptoPassphrase 0123456789abcdef0123456789abcdef
OIDCSessionType server-cache
OIDCCacheType shm
OIDCSSLValidateServer Off
OIDCSessionInactivityTimeout 3600
OIDCPKCEMethod S256
<VirtualHost 127.0.0.1:{port}>
  <Location />
    AuthType openid-connect
    Require valid-user
  </Location>
  ProxyPass /oidc-callback !
  ProxyPass / http://127.0.0.1:{upstream}/ keepalive=On max=64
</VirtualHost>
"""


def redirect_uri(port: int) -> str:
    """
    Where the provider sends people back to.
    """
    return f"http://app.localhost:{port}/oidc-callback"


def peers(stack: ExitStack, folder: Path, upstream: Upstream, port: int, provider_port: int) -> list[Peer]:
    """
    One Apache, and somebody signed in.

    :raises Missing: If there is no Apache, or not that module.
    """
    program = shutil.which("apache2", path="/usr/sbin:/usr/bin")
    if program is None:
        raise Missing("apache2")
    if not (_MODULES / "mod_auth_openidc.so").exists():
        raise Missing("mod_auth_openidc (libapache2-mod-auth-openidc)")
    text = _CONFIGURATION.format(
        folder=folder,
        modules="\n".join(f"LoadModule {name}_module {_MODULES}/mod_{name}.so" for name in _LOADED),
        user="User www-data\nGroup www-data" if os.getuid() == 0 else "",
        port=port,
        upstream=upstream.port,
        issuer=f"http://op.localhost:{provider_port}",
        # It takes no endpoint without TLS.
        endpoints=f"https://op.localhost:{upstream.provider_tls_port}",
        client=CLIENT_ID,
        secret=CLIENT_SECRET,
        redirect_uri=redirect_uri(port),
    )
    configuration = folder / "apache.conf"
    configuration.write_text(text)
    command = [program, "-DFOREGROUND", "-d", str(folder), "-f", str(configuration)]
    pid = start(stack, folder, "apache", command, core=PROXY_CORE, ports=[port])
    host = f"app.localhost:{port}"
    try:
        cookie = Browser().sign_in(f"http://{host}")
    except (RuntimeError, OSError) as failure:
        raise DidNotStart(f"apache: nobody can sign in: {failure}") from None
    return [
        Peer(
            name="apache",
            title="Apache, mod_auth_openidc",
            pid=pid,
            port=port,
            host=host,
            cookie=cookie,
            anonymous=401,
            identity={"sub": "person-"},
        )
    ]
