"""
What a person calls a user agent that calls itself by a ``User-Agent`` field (RFC 9110, section 10.1.5).

It is a hint for a person who looks for their own browser in a list, and nothing is decided by it.
"""

from __future__ import annotations

import re

_LONGEST = 512

# Most browsers claim to be others too: the first that is found is the one.
_PROGRAMS = (
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/(\d+)")),
    ("Opera", re.compile(r"\b(?:OPR|OPiOS)/(\d+)")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/(\d+)")),
    ("Vivaldi", re.compile(r"\bVivaldi/(\d+)")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/(\d+)")),
    ("Chrome", re.compile(r"\b(?:Chrome|CriOS)/(\d+)")),
    ("Chromium", re.compile(r"\bChromium/(\d+)")),
    ("Chrome", re.compile(r"\bHeadlessChrome/(\d+)")),
    ("Safari", re.compile(r"\bVersion/(\d+)[^ ]* (?:Mobile/[^ ]+ )?Safari/")),
    ("curl", re.compile(r"^curl/(\d+)")),
)
_SYSTEMS = (
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("Mac", re.compile(r"\bMac OS X\b|\bMacintosh\b")),
    ("Linux", re.compile(r"\bLinux\b|\bX11\b")),
)
_PRODUCT = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,40}")


def short_name(user_agent: str) -> str:
    """
    The program and the system, as far as they are known.
    """
    known = user_agent[:_LONGEST]
    program = next((f"{name} {found[1]}" for name, form in _PROGRAMS if (found := form.search(known))), None)
    system = next((name for name, form in _SYSTEMS if form.search(known)), None)
    if program is None:
        product = _PRODUCT.match(known)
        program = product[0] if product is not None and product[0] != "Mozilla" else "An unknown browser"
    return program if system is None else f"{program} on {system}"
