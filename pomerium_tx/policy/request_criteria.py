"""
The criteria about a request and where it comes from, and those about nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import unquote

from pomerium_tx.config.forms.networks import Network
from pomerium_tx.config.policy.rules import Criterion
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import RequestHead
from pomerium_tx.policy import reasons
from pomerium_tx.policy.kinds import Kind, Outcome, Question, outcomes
from pomerium_tx.policy.matcher_words import matched
from pomerium_tx.policy.matching import StringTest, combined, string_test

ADDRESSES_KEPT = 1_024
"""
For how many addresses a criterion knows its answer: each connection has one, and asks with every request.
"""


def is_preflight(head: RequestHead) -> bool:
    """
    Whether a browser asks, on behalf of a page of another origin, what it may send (Fetch, section 3.3.2).
    """
    return (
        head.method == b"OPTIONS"
        and any(head.get_all(b"origin"))
        and any(head.get_all(b"access-control-request-method"))
    )


def decoded_path(canonical: Canonical) -> str:
    """
    The path that is decided and sent, without its percent-encoding.
    """
    path = canonical.path.decode("latin-1")
    # What is not UTF-8 stays different from all that is.
    return unquote(path, errors="surrogateescape") if "%" in path else path


def is_in(networks: Sequence[Network], address: str) -> bool:
    """
    Whether *address* is in one of *networks*.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found
    return any(found in network for network in networks)


def _method(criteria: Sequence[Criterion], every: bool) -> Question:
    test = _any_or_every(criteria, every)
    return lambda session, head, canonical, client: test(head.method.decode("latin-1"))


def _path(criteria: Sequence[Criterion], every: bool) -> Question:
    test = _any_or_every(criteria, every)
    return lambda session, head, canonical, client: test(decoded_path(canonical))


def _any_or_every(criteria: Sequence[Criterion], every: bool) -> StringTest:
    return combined([string_test(criterion.conditions) for criterion in criteria], every=every)


def _source(criteria: Sequence[Criterion], every: bool) -> Question:
    tests = [_from(_networks(criterion)) for criterion in criteria]
    test = lru_cache(ADDRESSES_KEPT)(combined(tests, every=every))
    return lambda session, head, canonical, client: test(client.address)


def _from(networks: Sequence[Network]) -> Callable[[str], bool]:
    return lambda address: is_in(networks, address)


KINDS: Mapping[str, Kind] = {
    "accept": Kind(outcomes=(Outcome(True, reasons.ACCEPT),), words=lambda criterion: "always"),
    "cors_preflight": Kind(
        outcomes=outcomes(reasons.NON_CORS_REQUEST, reasons.CORS_REQUEST),
        ask=lambda criteria, every: lambda session, head, canonical, client: is_preflight(head),
        words=lambda criterion: "the request is a CORS preflight",
    ),
    "http_method": Kind(
        outcomes=outcomes(reasons.HTTP_METHOD_UNAUTHORIZED, reasons.HTTP_METHOD_OK),
        ask=_method,
        words=lambda criterion: matched("the method", criterion.conditions),
    ),
    "http_path": Kind(
        outcomes=outcomes(reasons.HTTP_PATH_UNAUTHORIZED, reasons.HTTP_PATH_OK),
        ask=_path,
        words=lambda criterion: matched("the path", criterion.conditions),
    ),
    # Our own paths are answered before any policy is asked.
    "pomerium_routes": Kind(
        outcomes=(Outcome(False, reasons.NON_POMERIUM_ROUTE),),
        words=lambda criterion: "the path is one of our own, of which no policy is asked",
    ),
    "reject": Kind(outcomes=(Outcome(False, reasons.REJECT),), words=lambda criterion: "never"),
    "source_ip": Kind(
        outcomes=outcomes(reasons.SOURCE_IP_UNAUTHORIZED, reasons.SOURCE_IP_OK),
        ask=_source,
        words=lambda criterion: f"the client's address is in {', '.join(map(str, _networks(criterion)))}",
    ),
}


def _networks(criterion: Criterion) -> Sequence[Network]:
    assert isinstance(criterion.value, tuple), criterion
    return criterion.value
