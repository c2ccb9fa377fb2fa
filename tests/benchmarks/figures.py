"""
Turns as the comparison writes them.
"""

from __future__ import annotations

from typing import Any


def turn(work: str, peer: str, number: int = 0, **changes: Any) -> dict[str, Any]:
    """
    One peer at one work in one round, which counts unless *changes* say otherwise.
    """
    plain = {
        "work": work,
        "peer": peer,
        "round": number,
        "requests": 1000,
        "per_second": 10000.0,
        "p50_ms": 1.0,
        "p99_ms": 5.0,
        "cpu_us": 40.0,
        "user_us": 30.0,
        "system_us": 10.0,
        "busy": 0.9,
        "memory_mib": 50.0,
        "refused": 0,
        "broken": 0,
        "fault": "",
    }
    return {**plain, **changes}


def result(*turns: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """
    A whole comparison.
    """
    plain = {
        "machine": {
            "cpu": "A CPU",
            "cores": 2,
            "memory_gib": 4.0,
            "system": "Linux",
            "load_before": 0.1,
            "python": "3.11.7",
            "versions": {"nginx": "1.22.1"},
            "at": "2026-11-25T21:00:00Z",
        },
        "wanted": sorted({each["peer"] for each in turns}),
        "client": "wrk",
        "connections": 32,
        "rounds": 3,
        "seconds": 2,
        "missing": [],
        "titles": {"pomerium": "ours", "nginx": "nginx", "nginx_auth": "nginx with a question"},
        "works": {"small": "GET 200 B", "get": "GET 1 MiB", "redirect": "302 to sign in"},
        "turns": list(turns),
    }
    return {**plain, **changes}
