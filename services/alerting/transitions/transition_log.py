"""Where transitions are kept: in alerting's store, made of ALERTS as topics are, for as long as ALERTS reaches back.

By time, the latest first; and by topic, and by topic and id, so that those of one alert are found among many.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.alerting.transitions.transition import Place, Transition, key_of, place_of
from services.alertlog.matchers import Matcher, all_fit
from services.store.store import Reading, Store, Writing

BUCKETS = _ALL, _CHOSEN = "transitions", "transitions_of"

_HASH = 8
_PAGE = 500  # that are read at once: meanwhile nobody else reads or writes
_MOST_LOOKED_AT = 10_000  # for one page, less than a tenth of a second's worth
_LAST = (1 << 64) - 1

Kept = tuple[Place, Transition]


@dataclass(frozen=True, slots=True)
class TransitionPage:
    """Some transitions, the latest first. after: what to go on behind, None where there is nothing more."""

    found: list[Kept]
    after: Place | None


class TransitionLog:
    """All transitions that are known: those in the store, and those that are to be written next."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fresh: list[Kept] = []

    def add(self, place: Place, transition: Transition) -> None:
        """One more has come."""
        self._fresh.append((place, transition))

    def fresh(self) -> list[Kept]:
        """Those that are to be written."""
        return list(self._fresh)

    def written(self, count: int) -> None:
        """So many of them are."""
        del self._fresh[:count]

    def write(self, tx: Writing, transitions: Iterable[Kept]) -> None:
        """Write them. It may run in another thread."""
        for place, one in transitions:
            key = key_of(place)
            tx.put(_ALL, key, one.pack())
            for names in ((one.topic,), (one.topic, one.id)):
                tx.put(_CHOSEN, _hash(names) + key, b"")

    def page(
        self, matchers: Sequence[Matcher], first: int, last: int, after: Place | None, limit: int
    ) -> TransitionPage:
        """Those that fit all matchers and were stored from `first` to `last` (ns), behind a place; so many at most.

        It may hold less, though there is more, where many had to be looked at. Raises StoreError. It takes up to a
        tenth of a second, and may run in another thread.
        """
        start = key_of((last, _LAST, _LAST)) if after is None else key_of(after)
        found = [kept for kept in self._not_written(start, first) if all_fit(matchers, kept[1].labels())]
        known = {place for place, _ in found}
        prefix, looked_at, end = _prefix_of(matchers), 0, False
        at = start
        while not end and looked_at < _MOST_LOOKED_AT and len(found) <= limit:
            keys = self._read(prefix, at)
            end = len(keys) < _PAGE
            for key, packed in keys:
                at, place = key, place_of(key)
                looked_at += 1
                if place[0] < first:
                    end = True
                    break
                transition = Transition.unpack(packed)
                if place not in known and all_fit(matchers, transition.labels()):
                    found.append((place, transition))
                    if len(found) > limit:
                        break
        found.sort(key=lambda kept: key_of(kept[0]))
        if len(found) > limit:
            return TransitionPage(found[:limit], found[limit - 1][0])
        return TransitionPage(found, None if end else place_of(at))

    def since(self, first: int) -> Iterator[Kept]:
        """All that were stored from `first` (ns) on, the latest first. Raises StoreError. It may run in another
        thread."""
        fresh = sorted(self.fresh(), key=lambda kept: key_of(kept[0]))
        yield from (kept for kept in fresh if kept[0][0] >= first)
        known = {place for place, _ in fresh}
        at = b""
        while rows := self._read(b"", at):
            for key, packed in rows:
                at, place = key, place_of(key)
                if place[0] < first:
                    return
                if place not in known:
                    yield place, Transition.unpack(packed)

    def oldest(self) -> int:
        """When the oldest was stored (ns), 0 where there is none in the store. Raises StoreError."""
        with self._store.read() as tx:
            key = tx.last_key(_ALL)
        return place_of(key)[0] if key is not None else 0

    def last_of(self, topic: str, id: str) -> Transition | None:
        """The last of an alert in the store, None where none is kept. Raises StoreError."""
        rows = self._read(_hash((topic, id)), b"")
        return Transition.unpack(rows[0][1]) if rows else None

    def forget_all(self, first: int) -> None:
        """Drop all in the store, where they came before a sequence of ALERTS: the log holds no message. Raises
        StoreError. It may run in another thread."""
        with self._store.read() as tx:
            rows = tx.page(_ALL, 1)
        if rows and place_of(rows[0][0])[1] < first:
            while self.forget(place_of(rows[0][0])[0] + 1):
                pass

    def forget(self, before: int) -> bool:
        """Drop some that were stored before this time (ns); whether there were any. Raises StoreError. It may run in
        another thread."""
        with self._store.read() as tx:
            rows = tx.page(_ALL, _PAGE, after=key_of((max(before - 1, 0), _LAST, _LAST)))
        with self._store.write() as tx:
            for key, packed in rows:
                one = Transition.unpack(packed)
                tx.delete(_ALL, key)
                for names in ((one.topic,), (one.topic, one.id)):
                    tx.delete(_CHOSEN, _hash(names) + key)
        return bool(rows)

    def _not_written(self, start: bytes, first: int) -> list[Kept]:
        return [kept for kept in self.fresh() if key_of(kept[0]) > start and kept[0][0] >= first]

    def _read(self, prefix: bytes, after: bytes) -> list[tuple[bytes, bytes]]:
        with self._store.read() as tx:
            if not prefix:
                return tx.page(_ALL, _PAGE, after=after)
            rows = tx.page(_CHOSEN, _PAGE, prefix, prefix + after)
            return [(key, _value(tx, key)) for key in (raw[_HASH:] for raw, _ in rows)]


def _value(tx: Reading, key: bytes) -> bytes:
    value = tx.get(_ALL, key)
    if value is None:
        raise ValueError("a transition is not where it is said to be")
    return value


def _prefix_of(matchers: Sequence[Matcher]) -> bytes:
    """What the keys begin with where those of one topic, or of one alert, are asked for; b"" where neither is so."""
    exact = {one.name: one.value for one in matchers if one.is_equal and not one.is_regex}
    if "topic" not in exact:
        return b""
    return _hash((exact["topic"], exact["id"]) if "id" in exact else (exact["topic"],))


def _hash(names: tuple[str, ...]) -> bytes:
    raw = "\0".join(names).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=_HASH).digest()
