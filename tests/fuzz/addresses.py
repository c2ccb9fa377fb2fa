"""
Whom and what a request names: target, host, and what proxies in front tell of both.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from twisted.web.http_headers import Headers

from pomerium_tx.authenticate.original_request import Told, original_request
from pomerium_tx.authorize.trusted_proxies import TrustedProxies
from pomerium_tx.http11.authority import InvalidAuthority, authority
from pomerium_tx.http11.canonical import Canonical, canonicalise
from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead
from pomerium_tx.http11.reader import RequestReader
from pomerium_tx.http11.remembered_heads import request_head
from pomerium_tx.policy.client import Client
from pomerium_tx.proxy.heads.rewriting import target_rule
from tests.fuzz.ways import lines_of
from tests.proxy.harness import a_route

LIMITS = HeadLimits()
_PEER = "10.0.0.1"
_PROXIES = ("10.0.0.0/8", "fd00::/8")
_AMBIGUOUS = re.compile(rb"(?i)//|/\.\.?(?:/|\Z)|[\\#\x00-\x20\x7f-\xff]|%(?:2f|5c|00|2e|41)")
_LOWER_ESCAPE = re.compile(rb"%(?:[a-f]|.[a-f])")
_SENT = target_rule(a_route())
_FIELD = re.compile(rb"(?P<name>[!#$%&'*+\-.^`|~0-9A-Za-z]+):[ \t]*(?P<value>[\t -~\x80-\xff]*)")


def _asked(method: bytes, target: bytes, host: bytes) -> RequestHead:
    return request_head(b"%b %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (method, target, host), LIMITS)


def check_canonical(octets: bytes) -> None:
    """
    A method, a target and a host, on a line each: a refusal, or one form that is its own canonical form, that is sent
    as it was decided, and in which nothing is left that others may read differently.
    """
    method, target, host = lines_of(octets, 3)
    try:
        head = _asked(method, target, host)
    except BadRequest:
        return
    for normalize in (True, False):
        for merge in (True, False):
            try:
                found = canonicalise(head, normalize_path=normalize, merge_slashes=merge)
            except BadRequest:
                continue
            again = canonicalise(
                _asked(method, found.target, found.authority), normalize_path=normalize, merge_slashes=merge
            )
            assert again == found, (found, again)
            assert _SENT(found) == found.target
            if normalize and merge:
                _check_plain(found)


def _check_plain(found: Canonical) -> None:
    assert found.path == b"*" or found.path.startswith(b"/"), found
    assert not _AMBIGUOUS.search(found.path), found
    assert not _LOWER_ESCAPE.search(found.path), found
    assert found.host == found.host.lower() and not found.host.endswith("."), found
    assert found.authority == (found.host if found.port is None else f"{found.host}:{found.port}").encode(), found


def check_authority(octets: bytes) -> None:
    """
    A host with an optional port has one canonical form, which is its own.
    """
    try:
        found = authority(octets)
    except InvalidAuthority:
        return
    assert authority(found.text) == found, found
    assert found.host and found.host.isascii() and found.host == found.host.lower(), found
    assert found.port is None or 0 < found.port < 65_536, found


def check_trusted_proxies(octets: bytes) -> None:
    """
    Each line is an ``X-Forwarded-For``: a refusal, or an address that stands in them; nothing where nobody is trusted.
    """
    lines = [b"X-Forwarded-For: %b\r\n" % line for line in octets.split(b"\n")]
    found = RequestReader(LIMITS).feed(b"GET / HTTP/1.1\r\nHost: a.test\r\n%b\r\n" % b"".join(lines))
    head = found[0] if found else None
    if not isinstance(head, RequestHead):
        return
    networks = tuple(map(ip_network, _PROXIES))
    peer = Client(address=_PEER)
    assert TrustedProxies((ip_network("192.0.2.0/24"),)).client(peer, head) is peer
    for trusted in (TrustedProxies(networks), TrustedProxies(networks, 2), TrustedProxies((), 1)):
        try:
            told = trusted.client(peer, head)
        except BadRequest as problem:
            assert problem.status == 400
            continue
        assert str(ip_address(told.address)) == told.address, told
        assert trusted.client(peer, head) == told


def check_original_request(octets: bytes) -> None:
    """
    Each line is a field of a question of forward authentication: a refusal, or a request that is canonical.
    """
    fields = Headers()
    for line in octets.split(b"\n"):
        match = _FIELD.fullmatch(line)
        if match is not None:
            fields.addRawHeader(match["name"], match["value"].strip(b" \t"))
    told_in = {name.lower(): values for name, values in fields.getAllRawHeaders()}
    for told in Told:
        try:
            head, found = original_request(told_in, told, LIMITS)
        except BadRequest as problem:
            assert problem.status in (400, 405, 414, 417, 431, 501, 505), problem
            continue
        again = canonicalise(_asked(head.method, found.target, found.authority))
        assert again == found, (found, again)
        assert not [name for name, _, _ in head.fields if name.startswith((b"x-forwarded-", b"x-original-"))], head
        _check_plain(found)
