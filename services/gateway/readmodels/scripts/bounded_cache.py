"""What was made last, up to so many bytes of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """Values by key. Those that were not asked for the longest are forgotten first."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._size = 0
        self._found: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K, make: Callable[[], V], size: Callable[[V], int]) -> V:
        """The value of a key, made where it is not kept. size: about how many bytes it takes, the key's included."""
        found = self._found.get(key)
        if found is not None:
            self._found.move_to_end(key)
            return found[0]
        value = make()
        self._found[key] = value, size(value)
        self._size += self._found[key][1]
        while self._size > self._most and len(self._found) > 1:
            _, (_, freed) = self._found.popitem(last=False)
            self._size -= freed
        return value

    def __contains__(self, key: K) -> bool:
        return key in self._found

    def __len__(self) -> int:
        return len(self._found)
