"""
Values as bytes, between a parent and the processes that it has started.

Pickled, as `multiprocessing` does it: the bytes go through a pair of sockets that nobody else can open, both ends run
the same code, and whoever could write there could change that code as well. So every value arrives as what it was, and
needs no description of its own.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any


def dumps(value: object) -> bytes:
    """
    *value* as bytes.
    """
    written = io.BytesIO()
    pickler = pickle.Pickler(written, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _REDUCERS
    pickler.dump(value)
    return written.getvalue()


def loads(content: bytes) -> Any:
    """
    The value that `dumps` has made *content* of.
    """
    return pickle.loads(content)  # noqa: S301 - written by our own parent or worker, see above


def _proxy(items: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(items)


def _reduced_proxy(proxy: Mapping[Any, Any]) -> tuple[Any, ...]:
    return _proxy, (dict(proxy),)


_REDUCERS: dict[type, Callable[[Any], Any]] = {MappingProxyType: _reduced_proxy}
