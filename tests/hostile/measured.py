"""
What this process needs, as the kernel counts it.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

_PAGE = 4096


def resident_bytes() -> int:
    """
    The memory of this process that is in use.
    """
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def descriptors_left() -> int:
    """
    How many more descriptors this process may have, once it has asked for all that it may.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most - len(os.listdir("/proc/self/fd"))
