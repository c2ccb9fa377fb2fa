"""
Node, as another reader of HTTP requests and of URLs: one process for as long as this one lives.
"""

from __future__ import annotations

import atexit
import json
import shutil
import struct
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from tests.hostile.readers import Read, read_of

PROGRAM = Path(__file__).with_name("node_reader.mjs")
IS_THERE = shutil.which("node") is not None
NOT_THERE = "node, the other reader, is not on this machine"


@cache
def _process() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["node", str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(_stopped, process)
    return process


def _stopped(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    process.stdout.close()
    process.wait()


def _asked(kind: bytes, octets: bytes) -> Any:
    process = _process()
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(kind + struct.pack(">I", len(octets)) + octets)
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def by_node(octets: bytes) -> list[Read]:
    """
    As node's server reads requests; nothing may be left over.
    """
    answer = _asked(b"R", octets)
    assert answer["problem"] is None, answer
    found = []
    for each in answer["requests"]:
        fields = each["fields"]
        pairs = list(zip(fields[::2], fields[1::2], strict=True))
        found.append(read_of(each["method"], each["target"], pairs, each["content"].encode("latin-1")))
    return found


def origin_by_node(url: str) -> str | None:
    """
    The origin of *url* as the WHATWG's parser sees it, which is also that of browsers; None if it is no URL.
    """
    found: str | None = _asked(b"U", url.encode("utf-8", "surrogatepass"))["origin"]
    return found
