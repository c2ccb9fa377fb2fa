"""
What it was measured on.
"""

from __future__ import annotations

import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", str(Path(sys.executable).parent)])
_PROGRAMS = (
    ("nginx", ["nginx", "-v"], r"nginx/(\S+)"),
    ("Apache", ["apache2", "-v"], r"Apache/(\S+)"),
    ("Envoy", ["envoy", "--version"], r"/(\d+\.\d+\.\d+)/"),
    ("wrk", ["wrk", "-v"], r"wrk (\S+)"),
    ("h2load", ["h2load", "--version"], r"nghttp2/(\S+)"),
    ("mod_auth_openidc", ["dpkg-query", "-W", "-f=${Version}", "libapache2-mod-auth-openidc"], r"(\S+)"),
)
_PACKAGES = ("twisted", "httptools", "cryptography", "pyopenssl")


def machine() -> dict[str, Any]:
    """
    The machine, and the versions of everything that matters.
    """
    cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version() + (" of the distribution" if sys.base_prefix == "/usr" else ""),
        "versions": {**_programs(), **{name: version(name) for name in _PACKAGES}},
        "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "load_before": round(os.getloadavg()[0], 2),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _programs() -> dict[str, str]:
    found = {}
    for name, command, pattern in _PROGRAMS:
        program = shutil.which(command[0], path=_PATH)
        if program is None:
            continue
        done = subprocess.run([program, *command[1:]], capture_output=True, text=True, timeout=20)
        said = re.search(pattern, done.stdout + done.stderr)
        if said:
            found[name] = said[1]
    return found
