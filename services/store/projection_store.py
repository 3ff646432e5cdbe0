"""A projection in a store: its state, and the position in the log that the state stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from services.process import log
from services.store import codec
from services.store.folds.state import State, Stored
from services.store.store import Store

_log = log.get("store")

_VERSION = version("tickbus")
_AND = "\n"  # between the log and the version


class ProjectionStore:
    """What one projection has in a store: a bucket `<name>/<bucket>` for each of the state's.

    It counts for the version of tickbus that saved it: another may read more, or less, of the same events.
    """

    def __init__(self, store: Store, name: str, records: Mapping[str, Stored]) -> None:
        """records: by bucket, how those of records are stored."""
        self._store, self._name, self._records = store, name, records

    def __str__(self) -> str:
        return f"{self._store.path}/{self._name}"

    def load(self, log_id: str, last_seq: int) -> tuple[State, int]:
        """The state and its position; an empty one at 0 where there is none of this log and version, or none whole.

        log_id: tells one log from another of the same name. last_seq: where the log ends.
        """
        try:
            with self._store.read() as tx:
                position, saved = tx.position_of(self._name)
                state = State({bucket: self._unpacked(bucket, tx.items(name)) for name, bucket in self._buckets()})
        except (ValueError, KeyError, TypeError) as error:
            _log.warn("saved state is not whole, it is rebuilt from the log", file=self._store.path, err=error)
            return State(), 0
        saved_id, _, saved_by = saved.partition(_AND)
        if position and (saved_id != log_id or position > last_seq):
            _log.warn("saved state belongs to another log, it is rebuilt", file=self._store.path, of=self._name)
            position = 0
        elif position and saved_by != _VERSION:
            text = "saved state is of another version of tickbus, it is rebuilt from the log"
            _log.info(text, file=self._store.path, of=self._name, saved_by=saved_by)
            position = 0
        return (state, position) if position else (State(), 0)

    def save(self, changed: Mapping[tuple[str, str], Any], position: int, log_id: str) -> None:
        """Write values by bucket and key (None: deleted), and the position, in one transaction.

        StoreError where that cannot be; nothing is written then.
        """
        with self._store.write() as tx:
            for (bucket, key), value in changed.items():
                name = f"{self._name}/{bucket}"
                if value is None:
                    tx.delete(name, key)
                else:
                    stored = self._records.get(bucket)
                    tx.put(name, key, codec.pack(value if stored is None else stored.to_plain(value)))
            tx.set_position(position, self._name, f"{log_id}{_AND}{_VERSION}")

    def clear(self, log_id: str) -> None:
        """Forget all of it. StoreError where that cannot be."""
        with self._store.write() as tx:
            for name, _ in self._buckets():
                tx.drop(name)
            tx.set_position(0, self._name, f"{log_id}{_AND}{_VERSION}")

    def _buckets(self) -> list[tuple[str, str]]:
        """The store's buckets of this projection, each with the state's bucket that it is of."""
        parts = [(name, *name.partition("/")) for name in self._store.buckets()]
        return [(name, bucket) for name, owner, slash, bucket in parts if slash and owner == self._name]

    def _unpacked(self, bucket: str, items: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, Any]]:
        stored = self._records.get(bucket)
        values = [(key.decode("utf-8", "surrogatepass"), codec.unpack(value)) for key, value in items]
        return values if stored is None else [(key, stored.from_plain(value)) for key, value in values]
