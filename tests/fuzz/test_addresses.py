"""
Targets, hosts, and what proxies tell of them.
"""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import addresses, redirects
from tests.fuzz.engine import damaged, fuzzed, joined, lines, words

PIECES = words(
    *"/ // . .. ... a B ~ ; = %41 %2e %2E %2f %2F %5c %5C %00 %7f %25 %252e %25%32%65 %c0%ae %c3%a9 %e0%80%af".split(),
    *"%zz % ? ?? # \\ & + : @ [ ] \xe9 ! ..; %3b .%3B * , ' ( \" { | ^".split(),
    " ",
)
PATHS = joined(PIECES, most=9).map(lambda path: b"/" + path)
LABELS = words("a", "App", "xn--a", "_a", "-", "127", "0x7f", "1", "09", "a" * 63, "")
NAMES = joined(LABELS, most=4, between=b".", least=1)
ADDRESSES = words(*"[::1] [::ffff:1.2.3.4] [0:0:0:0:0:0:0:1] [fe80::1%25a] 127.0.0.1 0177.0.0.1 [] [".split())
PORTS = words("", "", "", ":", ":0", ":80", ":443", ":8443", ":080", ":65535", ":65536", ":x")
HOSTS = st.tuples(st.one_of(NAMES, ADDRESSES), words("", "", "."), PORTS).map(b"".join)
SCHEMES = words("https://", "https://", "http://", "HTTP://", "https:/", "//", "javascript:", "https:\\\\", "ftp://")
USERS = words("", "", "", "a@", "a:b@", "%40", "@")
URLS = st.tuples(SCHEMES, USERS, HOSTS, st.one_of(st.just(b""), PATHS, joined(PIECES, most=5))).map(b"".join)
REQUEST_TARGETS = st.one_of(PATHS, URLS, words("*", "a", ""))
METHODS = words("GET", "GET", "POST", "OPTIONS", "HEAD", "CONNECT", "TRACE")
CLIENTS = words(
    *"192.0.2.1 10.0.0.2 [2001:db8::1]:80 fd00::1 ::ffff:10.0.0.3 fe80::1%eth0 1.2.3.4:5 1.2.3".split(),
    *"unknown _x for=1.2.3.4".split(),
    *("", " ", "\t10.1.1.1", '"1.2.3.4"'),
)


class CanonicalTests(SynchronousTestCase):
    """
    The one form of a target and a host.
    """

    @fuzzed(lines(METHODS, REQUEST_TARGETS, st.one_of(HOSTS, words("app.example.com"))), 600)
    def test_targets(self, octets: bytes) -> None:
        """
        What is decided is what is sent, and is its own canonical form.
        """
        addresses.check_canonical(octets)

    @fuzzed(damaged(HOSTS), 350)
    def test_authorities(self, octets: bytes) -> None:
        """
        A host has one form.
        """
        addresses.check_authority(octets)


class ProxiesInFrontTests(SynchronousTestCase):
    """
    What proxies in front tell.
    """

    @fuzzed(joined(joined(CLIENTS, most=5, between=b","), most=3, between=b"\n"), 250)
    def test_clients(self, octets: bytes) -> None:
        """
        An address that can be read, or a refusal; never an exception, which could let somebody in.
        """
        addresses.check_trusted_proxies(octets)

    @fuzzed(
        joined(
            st.one_of(
                st.tuples(words("X-Forwarded-Method: ", "X-Original-Method: "), METHODS).map(b"".join),
                st.tuples(words("X-Forwarded-Host: "), HOSTS).map(b"".join),
                st.tuples(words("X-Forwarded-Uri: "), st.one_of(PATHS, URLS)).map(b"".join),
                st.tuples(words("X-Original-URL: "), URLS).map(b"".join),
                words("X-Forwarded-For: 192.0.2.1", "Cookie: a=b", "Sec-WebSocket-Key: x", "Connection: x", "X_Y: z"),
            ),
            most=9,
            between=b"\n",
        ),
        300,
    )
    def test_questions(self, octets: bytes) -> None:
        """
        What another proxy asks about is read as strictly as what comes here.
        """
        addresses.check_original_request(octets)

    @fuzzed(
        lines(
            METHODS.map(lambda method: b"X-Forwarded-For: 192.0.2.1\nX-Forwarded-Method: " + method),
            st.one_of(PATHS, URLS).map(lambda uri: b"X-Forwarded-Uri: " + uri),
            HOSTS.map(lambda host: b"X-Forwarded-Host: " + host),
            words("", "Cookie: a=b", "Sec-WebSocket-Key: x"),
        ),
        400,
    )
    def test_whole_questions(self, octets: bytes) -> None:
        """
        The same where nothing is left out.
        """
        addresses.check_original_request(octets)


class RedirectTests(SynchronousTestCase):
    """
    Where people are sent.
    """

    @fuzzed(damaged(URLS), 800)
    def test_origins(self, octets: bytes) -> None:
        """
        The origin that is compared is the one to which browsers go.
        """
        redirects.check_redirect_target(octets)
