"""
The application behind every proxy, an nginx: small and large answers, and uploads of which it reads every byte.
"""

from __future__ import annotations

import http.client
import re
import secrets
import shutil
from contextlib import ExitStack
from pathlib import Path

from benchmarks.deployment import free_ports
from benchmarks.processes import LOAD_CORE, start
from benchmarks.rivals.certificate import Certificate
from benchmarks.rivals.peer import Missing

SMALL = 200
LARGE = 1024 * 1024
COMMON = """
daemon off; worker_processes 1; worker_rlimit_nofile 16384;
pid {folder}/{name}.pid; error_log {folder}/{name}.err warn;
events {{ worker_connections 8192; }}
http {{
  access_log off; tcp_nodelay on; client_max_body_size 0; default_type application/octet-stream;
  keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_temp_path {folder}/{name}.body; proxy_temp_path {folder}/{name}.proxy;
  fastcgi_temp_path {folder}/{name}.fastcgi; uwsgi_temp_path {folder}/{name}.uwsgi; scgi_temp_path {folder}/{name}.scgi;
"""
"""
How every nginx here begins.
"""
_SERVER = """
  sendfile on; tcp_nopush on; underscores_in_headers on;
  ssl_certificate {certificate}; ssl_certificate_key {key};
  server {{
    listen 127.0.0.1:{provider_tls} ssl;
    location / {{ proxy_pass http://127.0.0.1:{provider}; proxy_set_header Host op.localhost:{provider}; }}
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = / {{ return 200 "signed in"; }}
    location /small {{ return 200 "{small}"; }}
    location = /large {{ root {folder}; }}
    # The mirrored request makes nginx read all of the content before anything else happens.
    location = /upload {{
      client_body_buffer_size 2m; mirror /mirrored; mirror_request_body on;
      root {folder}; error_page 405 =200 @uploaded;
    }}
    location = /mirrored {{ internal; return 204; }}
    location @uploaded {{ return 200 "{small}"; }}
    location /authorized {{ if ($cookie_bench_session != "{session}") {{ return 401; }} return 200; }}
    location = /identity {{
      return 200 "assertion=$http_x_pomerium_jwt_assertion\\nsub=$http_oidc_claim_sub\\n";
    }}
    location = /count {{ stub_status; }}
  }}
}}
"""


class Upstream:
    """
    The application, running; and a door with TLS to the provider, for those who use no other.

    :raises Missing: If there is no nginx.
    """

    def __init__(self, stack: ExitStack, folder: Path, certificate: Certificate, provider_port: int) -> None:
        self.port, self.provider_tls_port = ports = free_ports(2)
        self.session = secrets.token_urlsafe(32)
        """
        What ``/authorized`` takes for a session: the cheapest check there can be, in favour of those who ask it.
        """
        (folder / "large").write_bytes(secrets.token_bytes(LARGE))
        # It finds this before it knows that it takes no POST of it.
        (folder / "upload").touch()
        text = COMMON.format(folder=folder, name="upstream") + _SERVER.format(
            folder=folder,
            port=self.port,
            provider=provider_port,
            provider_tls=self.provider_tls_port,
            certificate=certificate.path,
            key=certificate.key_path,
            session=self.session,
            small="s" * SMALL,
        )
        self.pid = start_nginx(stack, folder, "upstream", text, core=LOAD_CORE, ports=ports)

    @property
    def session_cookie(self) -> str:
        """
        The ``Cookie`` that ``/authorized`` accepts.
        """
        return f"bench_session={self.session}"

    def requests(self) -> int:
        """
        How many requests have arrived, this one not counted.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/count")
        text = connection.getresponse().read().decode("ascii")
        connection.close()
        found = re.search(r"requests\s+\d+ \d+ (\d+)", text)
        assert found is not None, text
        return int(found[1]) - 1


def start_nginx(stack: ExitStack, folder: Path, name: str, text: str, *, core: int, ports: list[int]) -> int:
    """
    The process id of an nginx with this configuration.

    :raises Missing: If there is none.
    """
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        raise Missing("nginx")
    configuration = folder / f"{name}.conf"
    configuration.write_text(text)
    command = [program, "-p", str(folder), "-e", str(folder / f"{name}.err"), "-c", str(configuration)]
    return start(stack, folder, name, command, core=core, ports=ports)
