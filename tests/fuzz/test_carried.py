"""
What user agents carry for us, and for others: cookies, handles, signed URLs, states.
"""

from __future__ import annotations

import json

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import cookies, sealed
from tests.fuzz.engine import damaged, fuzzed, joined, lines, words

NAMES = words(
    *"_pomerium _pomerium_csrf _pomerium_0123456789abcdef _Pomerium _pomeriumx __Host-a a =".split(),
    *("_pomerium ", "", "\xa0"),
)
VALUES = st.one_of(words("", "x", "x=y", '"', '"a; b"', " ", "eyJ.e30.x", "\xff"), st.binary(max_size=9))
PAIRS = st.one_of(st.tuples(NAMES, words("=", "=", " =\t", ""), VALUES).map(b"".join), words("", " ", "\t"))
TEXTS = st.one_of(st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=40))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 2**40), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
CLAIMS = st.fixed_dictionaries(
    {
        "jti": st.one_of(st.just("session-1"), JSON),
        "sub": st.one_of(st.just("alice"), JSON),
        "iss": st.just("https://authenticate.example.com"),
        "aud": st.one_of(st.just(["app.example.com"]), JSON),
        "iat": st.one_of(st.just(1), JSON),
        "idp_id": st.one_of(st.just("idp"), JSON),
    },
    optional={"exp": JSON},
).map(lambda claims: json.dumps(claims).encode())
PARAMETERS = joined(
    words(*"a=b a = a=%3f pomerium_signature=x pomerium_issued=1 pomerium_expiry=99 c=d+e %ff=\xff ?".split()),
    most=5,
    between=b"&",
)


class CookieTests(SynchronousTestCase):
    """
    Cookies.
    """

    @fuzzed(joined(PAIRS, most=8, between=b";"), 400)
    def test_read(self, octets: bytes) -> None:
        """
        Ours never reach an application, and its own are left as they are.
        """
        cookies.check_cookies(octets)

    @fuzzed(
        lines(
            st.one_of(NAMES, words("__Secure-a", "a;b", "a b")),
            VALUES,
            words("/", "/a", "/a;b", "a", "/\r\n", ""),
            words("", "example.com", "a;b", "\n", "a; Path=/"),
        ),
        300,
    )
    def test_written(self, octets: bytes) -> None:
        """
        A cookie is written as it was meant, or not at all.
        """
        cookies.check_set_cookie(octets)


class SealedTests(SynchronousTestCase):
    """
    What only we can make.
    """

    @fuzzed(st.one_of(CLAIMS, TEXTS, joined(PAIRS, most=3, between=b"&")), 300)
    def test_handles(self, octets: bytes) -> None:
        """
        Nobody else's handle opens anything, and ours opens what it was made for.
        """
        sealed.check_handle(octets)

    @fuzzed(st.one_of(PARAMETERS.map(lambda query: b"https://app.example.com/?" + query), TEXTS), 350)
    def test_signed_urls(self, octets: bytes) -> None:
        """
        A signature holds for one URL, for five minutes.
        """
        sealed.check_signed_url(octets)

    @fuzzed(damaged(TEXTS), 150)
    def test_states(self, octets: bytes) -> None:
        """
        A state comes back as it was sealed.
        """
        sealed.check_state(octets)
