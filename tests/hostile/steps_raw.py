"""
Steps that are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.hostile.run import Run, step

HEAD_SECONDS = 32.0
"""
After so long the time for a head is over (`docs/limits.md`).
"""


@step("raw")
async def raw(run: Run, what: Mapping[str, Any]) -> None:
    """
    Says the bytes on a connection of their own; what is not complete then has until the head's deadline.
    """
    line = await run.say(what["bytes"])
    if "then" in what and not line.is_closed:
        await run.world.advance(HEAD_SECONDS)
