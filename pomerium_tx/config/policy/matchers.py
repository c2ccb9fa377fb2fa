"""
The matchers of the Pomerium Policy Language, as they are written.

Pomerium takes some that can never hold, or always do: a number where a string is looked at, an empty string, a list
where one value is. In an allow rule that locks people out, in a deny rule it lets everybody in; they are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from pomerium_tx.config.document import KeyPath
from pomerium_tx.config.forms import values
from pomerium_tx.config.forms.networks import Network
from pomerium_tx.config.suggestion import suggestion

Complain = Callable[[KeyPath, str], None]
"""
Takes where something is wrong, and what.
"""
Read = Callable[[object, KeyPath, Complain], object]
"""
Makes a value of what was written, or complains: what it gives then is not used.
"""
Scalar = str | int | float | bool
_MAPPED = 96
"""
How many bits of an IPv4-mapped IPv6 address say that it is one (RFC 4291, section 2.5.5.2).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """
    One operator of a matcher, with what it compares with.
    """

    operator: str
    value: Scalar | tuple[str, ...]
    is_truth: bool = field(init=False, repr=False)
    """
    Whether the value is true or false. In Python ``True`` equals 1; a condition on the one is not one on the other.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_truth", isinstance(self.value, bool))


Conditions = tuple[Condition, ...]
"""
A matcher: all of its conditions must hold.
"""


def string_matcher(value: object, at: KeyPath, complain: Complain) -> Conditions:
    """
    A matcher of one string: the string itself, or operators.
    """
    return _conditions(value, at, complain, "is", _STRING_OPERATORS)


def list_matcher(value: object, at: KeyPath, complain: Complain) -> Conditions:
    """
    A matcher of a list of values: one that it must have, or operators.
    """
    return _conditions(value, at, complain, "has", _LIST_OPERATORS)


def source_networks(value: object, at: KeyPath, complain: Complain) -> tuple[Network, ...]:
    """
    An IP address or a range of them in CIDR notation, or a list of such.
    """
    if not isinstance(value, list | tuple):
        return tuple(_network(value, at, complain))
    return tuple(network for index, item in enumerate(value) for network in _network(item, (*at, index), complain))


def unused(value: object, at: KeyPath, complain: Complain) -> None:
    """
    Any value, for nobody looks at it; so that ``false`` does not mean what it seems to.
    """
    if value is False:
        complain(at, "means the same with false as with true: its value is not looked at; remove it")


def _conditions(
    value: object, at: KeyPath, complain: Complain, default: str, operators: Mapping[str, Read]
) -> Conditions:
    if not isinstance(value, dict):
        return (Condition(operator=default, value=_compared(operators[default](value, at, complain))),)
    if not value:
        complain(at, f"names no operator; write one of {', '.join(operators)}")
    found = []
    for name, compared in value.items():
        here = (*at, str(name))
        read = operators.get(name)
        if read is None:
            complain(here, f"is not one of {', '.join(operators)}{suggestion(str(name), operators)}")
        else:
            found.append(Condition(operator=name, value=_compared(read(compared, here, complain))))
    return tuple(found)


def _compared(value: object) -> Scalar | tuple[str, ...]:
    assert isinstance(value, Scalar | tuple), value
    return value


def _string(value: object, at: KeyPath, complain: Complain) -> str:
    if isinstance(value, str):
        return value
    hint = "; for several, write in: [...]" if isinstance(value, list) else "; put it in quotes"
    if value is None or isinstance(value, dict):
        hint = ""
    complain(at, f"must be a string, not {values.kind(value)}{hint}")
    return ""


def _some_string(value: object, at: KeyPath, complain: Complain) -> str:
    if value == "":
        complain(at, "is empty: it would match whoever lacks the value, or everybody")
    return _string(value, at, complain)


def _strings(value: object, at: KeyPath, complain: Complain, read: Read = _string) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        complain(at, f"must be a list of strings, not {values.kind(value)}")
        return ()
    return tuple(str(read(item, (*at, index), complain)) for index, item in enumerate(value))


def _some_strings(value: object, at: KeyPath, complain: Complain) -> tuple[str, ...]:
    return _strings(value, at, complain, _some_string)


def _scalar(value: object, at: KeyPath, complain: Complain) -> Scalar:
    if isinstance(value, Scalar):
        return value
    several = "; write one criterion for each value" if isinstance(value, list) else ""
    complain(at, f"must be a string, a number, true or false, not {values.kind(value)}{several}")
    return ""


def _network(value: object, at: KeyPath, complain: Complain) -> list[Network]:
    if isinstance(value, str):
        try:
            host, slash, length = value.partition("/")
            address = ip_address(host)
            # A mask is not a length, and a zone means something on another machine only.
            if "%" not in host and (length.isascii() and length.isdecimal() if slash else True):
                return [_unmapped(ip_network(f"{address}/{length or address.max_prefixlen}", strict=False))]
        except ValueError:
            pass
    complain(at, "must be an IP address, or a range such as 192.0.2.0/24, as a string")
    return []


def _unmapped(network: Network) -> Network:
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - _MAPPED))
    return network


_STRING_OPERATORS: Mapping[str, Read] = {
    "is": _some_string,
    "not": _string,
    "contains": _some_string,
    "starts_with": _some_string,
    "ends_with": _some_string,
    "in": _some_strings,
    "not_in": _strings,
}
_LIST_OPERATORS: Mapping[str, Read] = {"has": _scalar, "is": _scalar, "exclude": _scalar}
