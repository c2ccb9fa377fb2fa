"""
nginx in front: ``proxy_pass`` without any question, the same behind TLS, and ``auth_request``.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from benchmarks.deployment import free_ports
from benchmarks.processes import PROXY_CORE
from benchmarks.rivals.certificate import Certificate
from benchmarks.rivals.peer import Peer
from benchmarks.rivals.upstream import COMMON, Upstream, start_nginx

_SERVERS = """
  upstream application {{
    server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; keepalive_timeout 600s;
  }}
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
  proxy_request_buffering off; proxy_max_temp_file_size 0;
  ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
  server {{
    listen 127.0.0.1:{plain} backlog=4096;
    location / {{ proxy_pass http://application; }}
  }}
  server {{
    listen 127.0.0.1:{authorized} backlog=4096;
    location / {{ auth_request /ask; proxy_pass http://application; }}
    location = /ask {{
      internal; proxy_pass http://application/authorized;
      proxy_pass_request_body off; proxy_set_header Content-Length "";
    }}
  }}
  server {{
    listen 127.0.0.1:{tls} ssl backlog=4096; ssl_session_cache shared:resumed:4m;
    location / {{ proxy_pass http://application; }}
  }}
  server {{
    listen 127.0.0.1:{unresumed} ssl backlog=4096; ssl_session_cache off; ssl_session_tickets off;
    location / {{ proxy_pass http://application; }}
  }}
}}
"""


def peers(stack: ExitStack, folder: Path, upstream: Upstream, certificate: Certificate) -> list[Peer]:
    """
    All of them are one process, which does one thing at a time here.
    """
    plain, authorized, tls, unresumed = ports = free_ports(4)
    text = COMMON.format(folder=folder, name="nginx") + _SERVERS.format(
        upstream=upstream.port,
        plain=plain,
        authorized=authorized,
        tls=tls,
        unresumed=unresumed,
        certificate=certificate.path,
        key=certificate.key_path,
    )
    pid = start_nginx(stack, folder, "nginx", text, core=PROXY_CORE, ports=ports)
    cookie = upstream.session_cookie
    return [
        Peer(name="nginx", title="nginx, nobody asked", pid=pid, port=plain, cookie=cookie),
        Peer(name="nginx_auth", title="nginx, auth_request", pid=pid, port=authorized, cookie=cookie, anonymous=401),
        Peer(name="nginx_tls", title="nginx, TLS", pid=pid, port=tls, cookie=cookie, is_tls=True),
        Peer(name="nginx_full", title="nginx, TLS, none resumed", pid=pid, port=unresumed, cookie=cookie, is_tls=True),
    ]
