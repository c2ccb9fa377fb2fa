"""
Other proxies in front, by the very configurations in ``etc/forward-auth``.

What differs is what their first lines tell people to change: addresses, names, ports and certificates.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tests.interop.case import HERE, InteropCase
from tests.interop.processes import Program

_EXAMPLES = HERE.parent.parent / "etc" / "forward-auth"
_CADDY = HERE / ".caddy" / "usr" / "bin" / "caddy"
_AROUND_NGINX = """
daemon off; pid {folder}/nginx.pid; error_log stderr; worker_processes 1;
events {{ worker_connections 128; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} default_server; return 444; }}
  include {folder}/pomerium.conf;
}}
"""
_AROUND_CADDY = "{{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n}}\n\n{text}"


def changed(text: str, *changes: tuple[str, str]) -> str:
    """
    *text* with all of these changes, each of which it has a place for.
    """
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return text


def nginx(test: InteropCase, *, port: int, proxy: int, applications: Mapping[str, str]) -> Program:
    """
    nginx, listening on *port*.

    :param proxy: Our port.
    :param applications: Where each is, by the first label of its host.
    """
    example = (_EXAMPLES / "nginx.conf").read_text()
    example = re.sub(r"(?m)^ *ssl_certificate.*\n", "", example)
    example = changed(
        example, ("127.0.0.1:8080", f"127.0.0.1:{proxy}"), ("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    )
    example = changed(example, (".example.com;", ".localhost;"))
    common, mark, block = example.partition("# An application. For another one, copy this block.\n")
    assert mark
    upstream = re.search(r"upstream application \{.*?\}\n", common, re.DOTALL)
    assert upstream is not None
    text = common.replace(upstream[0], "")
    for name, url in applications.items():
        text += changed(upstream[0], ("application", f"to_{name}"), ("127.0.0.1:3000", urlsplit(url).netloc))
        text += changed(
            block, ("server_name app.", f"server_name {name}."), ("http://application;", f"http://to_{name};")
        )
    folder = test.folder()
    (folder / "pomerium.conf").write_text(text)
    (folder / "nginx.conf").write_text(_AROUND_NGINX.format(folder=folder, port=port))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    assert Path(program).exists(), "there is no nginx on this machine; tests/interop/run installs it"
    return test.program("nginx", [program, "-p", str(folder), "-c", str(folder / "nginx.conf")], folder=folder)


def caddy(test: InteropCase, *, port: int, proxy: int, applications: Mapping[str, str]) -> Program:
    """
    Caddy, in the same way.
    """
    example = (_EXAMPLES / "Caddyfile").read_text()
    example = changed(example, ("127.0.0.1:8080", f"127.0.0.1:{proxy}"))
    example = changed(example, ("authenticate.example.com {", f"http://authenticate.localhost:{port} {{"))
    text, mark, block = example.partition("# An application.\n")
    assert mark
    for name, url in applications.items():
        site = f"http://{name}.localhost:{port} {{"
        text += changed(block, ("app.example.com {", site), ("127.0.0.1:3000", urlsplit(url).netloc))
    folder = test.folder()
    (folder / "Caddyfile").write_text(_AROUND_CADDY.format(text=text))
    assert _CADDY.exists(), "there is no Caddy here; tests/interop/run unpacks it"
    homes = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    command = [str(_CADDY), "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    return test.program("caddy", command, folder=folder, environment=homes)
