"""
Chromium as Debian packages it; Playwright steers it and brings no browser of its own.
"""

from __future__ import annotations

import atexit
import functools
import shutil
from collections.abc import Callable

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from tests.interop.processes import eventually

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def _program() -> str:
    found = shutil.which("chromium")
    if found is None:
        raise AssertionError("there is no chromium on this machine; tests/interop/run installs it")
    return found


@functools.cache
def _playwright() -> Playwright:
    steering = sync_playwright().start()
    atexit.register(steering.stop)
    return steering


_running: dict[tuple[str, ...], Browser] = {}


def chromium(*arguments: str) -> Browser:
    """
    A running browser, the same for all tests that start it with the same *arguments*.
    """
    if arguments not in _running:
        close_unusual()
        _running[arguments] = _start(*arguments)
    return _running[arguments]


def close_unusual() -> None:
    """
    Browsers with arguments are not running any more: one of them at a time is enough for a small machine.
    """
    for unusual in [arguments for arguments in _running if arguments]:
        _running.pop(unusual).close()


def _start(*arguments: str) -> Browser:
    return _playwright().chromium.launch(
        executable_path=_program(),
        args=[*ARGUMENTS, *arguments],
        # Playwright switches off what real people have on: pages that come back from memory.
        ignore_default_args=["--disable-back-forward-cache"],
    )


def wait_until(page: Page, attempt: Callable[[], bool]) -> None:
    """
    *attempt* is true.

    It is asked here and not in the page, whose policy may let no text be run as a script; unlike
    :func:`~tests.interop.processes.eventually` this hears meanwhile what happens in the browser.

    :raises NeverHappened: If it is not in time.
    """

    def is_true() -> bool:
        page.wait_for_timeout(20)
        return attempt()

    eventually("what the page is to come to", is_true)


class Person:
    """
    Somebody at a browser whose cookies are nobody else's.
    """

    def __init__(self, *arguments: str, bypass_csp: bool = False) -> None:
        """
        :param bypass_csp: A test's scripts may run in pages that let no script run.
        """
        self.context: BrowserContext = chromium(*arguments).new_context(bypass_csp=bypass_csp)
        self.context.set_default_timeout(10_000)
        self.visited: list[str] = []
        """
        Every document that any tab has asked for, by address.
        """
        self.context.on(
            "request", lambda asked: self.visited.append(asked.url) if asked.is_navigation_request() else None
        )

    def tab(self, url: str | None = None) -> Page:
        """
        A new tab, which shows *url*.
        """
        page = self.context.new_page()
        if url is not None:
            page.goto(url)
        return page

    def cookies(self, origin: str) -> str:
        """
        The Cookie field that the browser would send to *origin* now.
        """
        return "; ".join(f"{each['name']}={each['value']}" for each in self.context.cookies(f"{origin}/"))

    def forget(self, *hosts: str) -> None:
        """
        The cookies of *hosts* are gone.
        """
        for host in hosts:
            self.context.clear_cookies(domain=host)

    def describe(self) -> str:
        """
        What is on the screen.
        """
        seen = [f"tab {page.url}\n{page.inner_text('body', timeout=1000)[:1500]}" for page in self.context.pages]
        return "\n".join([*seen, "visited:", *self.visited])
