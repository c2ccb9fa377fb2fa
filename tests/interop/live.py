"""
What is open in a page: a WebSocket, an event stream and a download, and how each of them came to its end.
"""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.interop.processes import eventually

_OPEN = """
() => {
  const open = { began: {}, ends: {} };
  window.open_exchanges = open;
  const socket = new WebSocket(window.location.origin.replace(/^http/, 'ws') + '/socket');
  socket.onmessage = () => { open.began.socket = true; };
  socket.onclose = (event) => { open.ends.socket = event.code; };
  const events = new EventSource('/events');
  events.onmessage = () => { open.began.events = true; };
  events.onerror = () => { if (events.readyState === EventSource.CLOSED) { open.ends.events = 'closed for good'; } };
  (async () => {
    try {
      const reader = (await fetch('/download')).body.getReader();
      while (!(await reader.read()).done) { open.began.download = true; }
      open.ends.download = 'complete';
    } catch (error) {
      open.ends.download = 'broken';
    }
  })();
}
"""
EVERYTHING_CUT = {"socket": 4401, "events": "closed for good", "download": "broken"}
"""
What a page learns when its session ends.
"""
PATHS = ["/download", "/events", "/socket"]


def open_exchanges(page: Page) -> None:
    """
    All three are open in *page*, and something has come in each.
    """
    page.evaluate(_OPEN)
    eventually("everything is open", lambda: _seen(page)["began"].keys() >= EVERYTHING_CUT.keys())


def _seen(page: Page) -> dict[str, Any]:
    # The page's events come in only while Playwright is at work.
    seen: dict[str, Any] = page.evaluate("() => window.open_exchanges")
    return seen


def ends(page: Page) -> dict[str, Any]:
    """
    How the exchanges that have ended did.
    """
    ended: dict[str, Any] = _seen(page)["ends"]
    return ended


def wait_for_ends(page: Page) -> dict[str, Any]:
    """
    How all of them did.
    """
    eventually("everything has ended", lambda: ends(page).keys() == EVERYTHING_CUT.keys())
    return ends(page)
