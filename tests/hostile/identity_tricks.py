"""
Redirect targets by the hundred thousand: the grammar of what has ever led a browser astray.

Seeded, so that a number and a seed name the same targets everywhere.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from tests.hostile.names import APP, AUTHENTICATE, OTHER, PUB

OURS = (APP, AUTHENTICATE, OTHER, PUB)
EVIL = ("evil.test", "www.evil.test", "evil.test.", "xn--evl-epa.test", "3232235777", "0x7f.1", "[::ffff:192.0.2.1]")
SCHEMES = (
    "https://",
    "http://",
    "https:",
    "http:",
    "https:/",
    "https:///",
    "https:////",
    "https:\\\\",
    "https:/\\",
    "https:\\",
    "HTTPS://",
    "hTtPs://",
    "//",
    "///",
    "////",
    "\\\\",
    "/\\",
    "\\/",
    "/",
    "/.//",
    "/..//",
    "/./\\",
    "javascript:",
    "javascript://",
    "data:text/html,",
    "vbscript:",
    "blob:https://",
    "file:///",
    "ftp://",
    "ws://",
    "view-source:https://",
    "",
)
USERINFO = (
    "",
    "{ours}@",
    "{ours}:443@",
    "{ours}:x@",
    "@",
    ":@",
    "a:b@",
    "{ours}\\@",
    "{ours}%40",
    "{ours}\uff20",
    "{ours}%2f@",
)
BEFORE_HOST = ("", "", "", " ", "\t", "\n", "%09", "%00", "%20", "\u00a0", "\u200b", "\u00ad", ".", "..", "%2e", "%5c")
AFTER_HOST = (
    "",
    "",
    "",
    ".",
    "..",
    ":",
    ":443",
    ":80",
    ":8443",
    ":0443",
    ":+443",
    ":99999",
    ":44 3",
    "%00",
    "%2e",
    "\u3002",
)
SUFFIXES = (
    "",
    "/",
    "/page",
    "/?next=//evil.test",
    "/#//evil.test",
    "?@evil.test/",
    "#@evil.test/",
    "\\@evil.test/",
    "/\\evil.test",
    "//evil.test",
    "/..//evil.test",
    "/%2f%2fevil.test",
    "/%2e%2e/%2e%2e//evil.test",
    ".evil.test/",
    "%2eevil.test/",
    "\u3002evil.test/",
    "@evil.test/",
    "%40evil.test/",
    "\uff0fevil.test",
    ";@evil.test",
    "&evil.test",
    "/\r\nSet-Cookie: a=b",
    "/%0d%0aSet-Cookie:%20a=b",
    "/ x",
    "/\u2028//evil.test",
    "\x00.evil.test",
    "evil.test",
    "-evil.test",
    "_.evil.test",
)
LETTERS = (
    "aA0.-_~%/\\:@?#[]!$&'()*+,;= \t\r\n\x00\x01\x7f\x85"
    "\u00a0\u00ad\u200b\u2028\u3002\uff0e\uff0f\uff20\u24d4\u0130\u212a\U0001f600"
)


def nearly_good(count: int, seed: int = 6) -> Iterator[str]:
    """
    So many targets of which one part, a letter, or both are not those of a good one: many of them are honoured.
    """
    chance = random.Random(seed)
    for _ in range(count):
        ours = chance.choice(OURS)
        parts = ["https://", "", "", ours, chance.choice(("", "", ":443", ":8443")), chance.choice(("", "/", "/page"))]
        tricks: tuple[Sequence[str], ...] = (
            SCHEMES,
            BEFORE_HOST,
            tuple(each.replace("{ours}", chance.choice(OURS)) for each in USERINFO),
            (*EVIL, f"{ours}.evil.test", f"evil-{ours}", ours.upper()),
            AFTER_HOST,
            SUFFIXES,
        )
        place = chance.randrange(len(parts))
        parts[place] = chance.choice(tricks[place])
        target = "".join(parts)
        if chance.random() < 0.5:
            position = chance.randrange(len(target) + 1)
            # In the place of another letter, or before it.
            target = target[:position] + chance.choice(LETTERS) + target[position + chance.randrange(2) :]
        yield target


def targets(count: int, seed: int = 6) -> Iterator[str]:
    """
    So many targets.
    """
    chance = random.Random(seed)
    for _ in range(count):
        ours = chance.choice(OURS)
        host = chance.choice((ours, ours, chance.choice(EVIL), f"{ours}.evil.test", f"evil-{ours}", ours.upper()))
        target = "".join(
            (
                chance.choice(SCHEMES),
                chance.choice(BEFORE_HOST),
                chance.choice(USERINFO).replace("{ours}", chance.choice(OURS)),
                host,
                chance.choice(AFTER_HOST),
                chance.choice(SUFFIXES),
            )
        )
        yield _changed(target, chance)


def _changed(target: str, chance: random.Random) -> str:
    """
    As it is, or with some letters changed, or written in another way.
    """
    how = chance.randrange(8)
    if how < 3 or not target:
        return target
    if how == 3:
        return quote(target, safe=chance.choice(("", "/:", "/:?#@")))
    letters = list(target)
    for _ in range(chance.randint(1, 3)):
        where = chance.randrange(len(letters))
        what = chance.choice(LETTERS)
        if how == 4:
            letters[where] = what
        elif how == 5:
            letters.insert(where, what)
        elif how == 6 and len(letters) > 1:
            letters.pop(where)
        else:
            letters[where] = f"%{ord(letters[where][0]) & 0xFF:02x}"
    return "".join(letters)
