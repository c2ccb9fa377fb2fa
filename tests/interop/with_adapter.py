"""
A program that uses an application by way of ``pomerium_http_adapter``, run by `tests.interop.test_http_adapter`.

It reads URLs and writes, for each, a line with the status and the content of the answer, or, where the adapter wants a
browser, a line with the URL to open. Names are not looked up: everything is at one port of loopback.
"""

from __future__ import annotations

import socket
import sys
import webbrowser

import requests
from pomerium_http_adapter.pomerium_http_adapter import PomeriumHTTPAdapter


def main(port: int, listen_port: int, cache: str) -> None:
    """
    :param port: Where the proxy is.
    :param listen_port: Where the adapter waits for the browser.
    :param cache: Where the adapter keeps its handle.
    """
    look_up = socket.getaddrinfo
    socket.getaddrinfo = lambda host, _, *more, **named: look_up("127.0.0.1", port, *more, **named)
    webbrowser.open_new_tab = lambda url: print("open", url, flush=True)  # type: ignore[assignment,return-value]
    session = requests.Session()
    session.mount("https://", PomeriumHTTPAdapter(cache_path=cache, listen_port=listen_port))
    for line in sys.stdin:
        answer = session.get(line.strip())
        print("answer", answer.status_code, answer.text, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
