"""
Asks the administrator's listener of a running proxy.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from pomerium_tx.config.forms.values import AdminAddress

PATIENCE = 120.0
"""
Seconds: the end of very many sessions takes a while.
"""
_OTHER = "Not an answer of pomerium-tx: is this its admin_address?"


class NotReachable(Exception):
    """
    Nobody could be asked. The message names the address, and what to do.
    """


class Refused(Exception):
    """
    The answer is no.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


class AdminClient:
    """
    Whom to ask.
    """

    def __init__(self, address: AdminAddress, token: str | None) -> None:
        self._address = address
        self._fields = {"Accept": "application/json"}
        if token is not None:
            self._fields["Authorization"] = f"Bearer {token}"

    def ask(self, method: str, path: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        """
        The answer.

        :raises NotReachable: If there is none.
        :raises Refused: If it is an error.
        """
        connection = self._connection()
        target = f"{path}?{urlencode(parameters, quote_via=quote)}" if parameters else path
        try:
            connection.request(method, target, headers=self._fields)
            answer = connection.getresponse()
            status, content = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as problem:
            raise NotReachable(f"cannot ask {self._address}: {_reason(problem)}") from None
        finally:
            connection.close()
        try:
            found = json.loads(content)
        except ValueError:
            raise Refused(status, _OTHER) from None
        if not isinstance(found, dict):
            raise Refused(status, _OTHER)
        if status != 200:
            raise Refused(status, str(found.get("error", _OTHER)))
        return found

    def _connection(self) -> http.client.HTTPConnection:
        if self._address.path is not None:
            return _UnixConnection(self._address.path)
        return http.client.HTTPConnection(self._address.host, self._address.port, timeout=PATIENCE)


class _UnixConnection(http.client.HTTPConnection):
    """
    HTTP over a UNIX socket.
    """

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)


def _reason(problem: Exception) -> str:
    match problem:
        case FileNotFoundError():
            return "there is no such socket. Is the proxy running, with this admin_address?"
        case ConnectionRefusedError():
            return "nobody is listening there. Is the proxy running, with this admin_address?"
        case PermissionError():
            return "permission denied. Run this as the user that the proxy runs as, or as root."
        case TimeoutError():
            return f"no answer in {PATIENCE:.0f} seconds. Look into the proxy's log."
        case OSError():
            return f"{problem.strerror or problem}. Look into the proxy's log."
        case _:
            return _OTHER
