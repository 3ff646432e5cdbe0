"""The state that a fold makes of events: named buckets of keys and values, and what each event changed in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, TypeVar

E = TypeVar("E")

_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Change:
    """One key that an event changed. before, after: its values, None where it had or has none. seq: of the event."""

    bucket: str
    key: str
    before: Any
    after: Any
    seq: int


@dataclass(frozen=True, slots=True)
class Stored:
    """How a bucket's values, records of some class, stand in a store: what makes plain data of one, and the inverse."""

    to_plain: Callable[[Any], Any]
    from_plain: Callable[[Any], Any]


def flat(record: type[Any]) -> Stored:
    """How records are stored of which each attribute is plain data: by the attributes' names, in their order."""
    names = [field.name for field in fields(record)]
    return Stored(lambda value: {name: getattr(value, name) for name in names}, lambda plain: record(**plain))


class State:
    """Named buckets of keys and values, as the fold sees and changes them.

    Values: what the codec takes, or records for which a Projection is told how they are Stored; not None.
    """

    def __init__(self, buckets: Mapping[str, Iterable[tuple[str, Any]]] = _EMPTY) -> None:
        self._buckets: dict[str, dict[str, Any]] = {name: dict(items) for name, items in buckets.items()}
        self._journal: list[tuple[str, str, Any]] = []

    def get(self, bucket: str, key: str) -> Any:
        """A value, None where there is none."""
        return self._buckets.get(bucket, _EMPTY).get(key)

    def bucket(self, bucket: str) -> Mapping[str, Any]:
        """All keys and values of a bucket, read only, in no particular order."""
        return MappingProxyType(self._buckets.get(bucket, {}))

    def put(self, bucket: str, key: str, value: Any) -> None:
        """Set a key."""
        if value is None:
            raise ValueError("None is no value: delete the key")
        entries = self._buckets.setdefault(bucket, {})
        self._journal.append((bucket, key, entries.get(key)))
        entries[key] = value

    def delete(self, bucket: str, key: str) -> None:
        """Delete a key; one that is not there is no error."""
        entries = self._buckets.get(bucket)
        if entries is not None and key in entries:
            self._journal.append((bucket, key, entries.pop(key)))

    def take(self, fold: Callable[[State, E], None], event: E, seq: int) -> list[Change]:
        """Fold one event; gives what it changed, one change per key. Raises what the fold does; nothing is changed."""
        self._journal = []
        try:
            fold(self, event)
        except BaseException:
            self._undo()
            raise
        first: dict[tuple[str, str], Any] = {}
        for bucket, key, before in self._journal:
            first.setdefault((bucket, key), before)
        self._journal = []
        return [Change(bucket, key, before, self.get(bucket, key), seq) for (bucket, key), before in first.items()]

    def differences(self, before: State, seq: int) -> list[Change]:
        """What is other than it was in another state, by bucket and key, as changes of one event."""
        changes = [
            Change(name, key, before.get(name, key), self.get(name, key), seq)
            for name in sorted(before._buckets.keys() | self._buckets.keys())
            for key in sorted(before.bucket(name).keys() | self.bucket(name).keys())
        ]
        return [change for change in changes if change.before != change.after]

    def _undo(self) -> None:
        for bucket, key, before in reversed(self._journal):
            if before is None:
                self._buckets[bucket].pop(key, None)
            else:
                self._buckets[bucket][key] = before
        self._journal = []
