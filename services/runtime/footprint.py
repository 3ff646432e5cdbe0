"""How much memory a node keeps: an estimate that costs little however much it is."""

from __future__ import annotations

import itertools
import sys
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from services.columns.shared import Shared

_SAMPLE = 32  # so many from the front and from the back stand for all things in a container
_ROOMS = ("columns", "lineprotocol", "expressions", "connectors", "runtime", "alertlog", "nodes")
_OURS = tuple(f"services.{room}." for room in _ROOMS)
_PLAIN = (str, bytes, bytearray, int, float, bool, type(None), np.generic)


def footprint(of: object) -> int:
    """Bytes, about, of an object of the engine and all that only it and its like hold on to.

    Arrays count with the memory that they are views of. Of large containers a few things are looked at, in front and
    at the back; what several tasks share counts with each.
    """
    total = 0.0
    seen: set[int] = set()
    arrays: dict[int, tuple[Any, float]] = {}  # what arrays are views of, each with how many it stands for
    left: list[tuple[object, float]] = [(of, 1.0)]
    while left:
        one, weight = left.pop()
        if isinstance(one, _PLAIN):
            total += weight * sys.getsizeof(one)
            continue
        if isinstance(one, Shared) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            whole = _whole(one)
            # what several of those looked at are views of is one thing, also to those that are not looked at
            arrays[id(whole)] = whole, 1.0 if id(whole) in arrays else weight
        elif isinstance(one, Mapping | list | tuple | set | frozenset | deque):
            total += weight * sys.getsizeof(one)
            chosen = list(_sample(one))
            if chosen:
                share = weight * len(one) / len(chosen)
                for thing in chosen:
                    parts = thing if isinstance(one, Mapping) else (thing,)
                    left.extend((part, share) for part in parts)
        elif type(one).__module__.startswith(_OURS):
            total += weight * 64
            left.extend((value, weight) for value in _attributes(one))
    return round(total + sum(weight * _array(whole) for whole, weight in arrays.values()))


def _whole(array: np.ndarray[Any, Any]) -> Any:
    """What an array is a view of, be it an array or the bytes of a message."""
    whole: Any = array
    while isinstance(whole, np.ndarray) and whole.base is not None:
        whole = whole.base
    if isinstance(whole, memoryview):
        whole = whole.obj
    return whole


def _array(whole: Any) -> float:
    if not isinstance(whole, np.ndarray):
        return sys.getsizeof(whole)
    size = float(whole.nbytes)
    if whole.dtype == np.object_ and whole.size:
        # objects that stand in it again and again, as texts do, are there once
        rows = np.unique(np.linspace(0, whole.size - 1, 2 * _SAMPLE).astype(np.intp))
        distinct = {id(thing): thing for thing in whole.reshape(-1)[rows].tolist()}
        size += whole.size / len(rows) * sum(map(sys.getsizeof, distinct.values()))
    return size


def _sample(container: Collection[Any]) -> Iterator[Any]:
    """Some of its things; of a mapping pairs."""
    things: Any = container.items() if isinstance(container, Mapping) else container
    if len(container) <= 2 * _SAMPLE:
        yield from things
        return
    yield from itertools.islice(things, _SAMPLE)
    if isinstance(container, dict | list | tuple | deque):
        yield from itertools.islice(reversed(things), _SAMPLE)


def _attributes(one: object) -> Iterator[object]:
    yield from getattr(one, "__dict__", {}).values()
    for kind in type(one).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            private = name.startswith("__") and not name.endswith("__")
            value = getattr(one, f"_{kind.__name__.lstrip('_')}{name}" if private else name, None)
            if value is not None:
                yield value
