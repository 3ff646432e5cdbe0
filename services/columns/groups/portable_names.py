"""Groups and series by name: what stands in a saved state in place of their numbers, which mean nothing elsewhere.

While it is part of a state that was just taken it is no more than the numbers. It becomes text where it is kept, some
thousand names at a time; what was made of a run of numbers is remembered, since most states have the same runs.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from services.columns.groups.in_use import Held
from services.columns.groups.series import Group, Series, SeriesTable
from services.store import codec, state_chunks
from services.store.state_chunks import StateChunk, digest_of

Numbers = NDArray[np.int32]
Tags = tuple[tuple[str, str], ...]

_RUN = 4096  # names in a chunk
_REMEMBERED = 2048  # runs of which the digest is remembered
_RESOLVED = 1024
_GROUPS, _SERIES = 32, 33


class Names:
    """Some groups or series of one table, in order."""

    _code: ClassVar[int]
    _heads: ClassVar[int]  # how many values of a name stand before its tags

    def __init__(self, table: SeriesTable | None, numbers: Numbers, runs: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """numbers: nobody changes them any more. runs: of what was read, digests and texts; there is no table then."""
        self._table, self._numbers, self._runs = table, numbers, runs
        self._held = None if table is None else self._hold(numbers, table)

    def numbers(self, table: SeriesTable) -> Numbers:
        """Their numbers in a table, which has them all then."""
        if table is not self._table:
            for _ in self.resolve(table, {}):
                pass
        return self._numbers

    def resolve(self, table: SeriesTable, known: dict[bytes, Numbers]) -> Iterator[None]:
        """As `numbers`, in steps that each last some milliseconds. known: numbers by the digests of runs."""
        runs = self._runs if self._table is None else [(p.digest or b"", bytes(p.make())) for p in self.chunks()]
        found, held = [], []
        for digest, text in runs:
            numbers = known.get(digest) if digest else None
            fresh = numbers is None
            if numbers is None:
                numbers = np.array(self._read(codec.Reader().unpack(text), table), dtype=np.int32)
                known[digest] = numbers
            found.append(numbers)
            held.append(self._hold(numbers, table))
            if fresh:
                yield
        self._numbers = np.concatenate(found) if found else np.empty(0, dtype=np.int32)
        self._table, self._runs, self._held = table, (), self._hold(self._numbers, table)

    def chunks(self) -> list[StateChunk]:
        """The texts, a chunk for each run."""
        table = self._table
        if table is None:
            return [StateChunk(lambda text=text: text, digest) for digest, text in self._runs]  # type: ignore[misc]
        cuts = self._cuts()
        return [self._chunk(self._numbers[at:end], table) for at, end in itertools.pairwise(cuts) if end > at]

    def to_plain(self) -> list[bytes]:
        """The texts."""
        return [bytes(chunk.make()) for chunk in self.chunks()]

    @classmethod
    def of_runs(cls, runs: Sequence[tuple[bytes, bytes]]) -> Self:
        """What is made of `chunks`, each as its digest and itself."""
        return cls(None, np.empty(0, dtype=np.int32), runs)

    @classmethod
    def of_plain(cls, texts: Sequence[bytes]) -> Self:
        """What is made of `to_plain`."""
        return cls.of_runs([(b"", text) for text in texts])

    def _cuts(self) -> list[int]:
        """Where runs begin and end: such that most stay as they are where names are added or are gone."""
        n = len(self._numbers)
        if n <= _RUN or (self._numbers[1:] < self._numbers[:-1]).any():
            return [*range(0, n, _RUN), n]
        edges = np.arange(0, int(self._numbers[-1]) + 1, _RUN)
        return [*np.searchsorted(self._numbers, edges).tolist(), n]

    def _chunk(self, numbers: Numbers, table: SeriesTable) -> StateChunk:
        key = self._code, digest_of(numbers.data)
        chunk = table.written.pop(key, None)
        if chunk is None:
            # the table remembers the chunk: of all these names it is to hold no more than the run
            numbers = numbers.copy()
            chunk = StateChunk(_Text(self._texts, numbers, table, self._hold(numbers, table)))
            if len(table.written) >= _REMEMBERED:
                table.written.pop(next(iter(table.written)))
        table.written[key] = chunk
        return chunk

    @classmethod
    def _texts(cls, numbers: Sequence[int], table: SeriesTable) -> list[Any]:
        """Flat, since lists in lists by the thousand keep the garbage collector busy."""
        out: list[Any] = []
        for number in numbers:
            tags, head = cls._name(number, table)
            out.append(len(tags))
            out += head
            for pair in tags:
                out += pair
        return out

    @classmethod
    def _read(cls, texts: list[Any], table: SeriesTable) -> list[int]:
        numbers, at = [], 0
        while at < len(texts):
            count, *head = texts[at : at + 1 + cls._heads]
            at += 1 + cls._heads
            tags = tuple(zip(texts[at : at + 2 * count : 2], texts[at + 1 : at + 2 * count : 2], strict=True))
            at += 2 * count
            numbers.append(cls._number(tags, head, table))
        return numbers

    @staticmethod
    def _hold(numbers: Numbers, table: SeriesTable) -> Held:
        """What has the numbers mean the same for as long as it is kept."""
        raise NotImplementedError

    @staticmethod
    def _name(number: int, table: SeriesTable) -> tuple[Tags, tuple[Any, ...]]:
        """Its tags, and what stands before them."""
        raise NotImplementedError

    @staticmethod
    def _number(tags: Tags, head: list[Any], table: SeriesTable) -> int:
        raise NotImplementedError


class GroupNames(Names):
    """Groups by name."""

    _code, _heads = _GROUPS, 2

    @staticmethod
    def _hold(numbers: Numbers, table: SeriesTable) -> Held:
        return table.hold(groups=numbers)

    @staticmethod
    def _name(number: int, table: SeriesTable) -> tuple[Tags, tuple[Any, ...]]:
        group = table.group(number)
        return group.tags, (group.by_name, group.name)

    @staticmethod
    def _number(tags: Tags, head: list[Any], table: SeriesTable) -> int:
        by_name, name = head
        return table.group_number(Group(tags, name, by_name))


class SeriesNames(Names):
    """Series by name."""

    _code, _heads = _SERIES, 3

    @staticmethod
    def _hold(numbers: Numbers, table: SeriesTable) -> Held:
        return table.hold(series=numbers)

    @staticmethod
    def _name(number: int, table: SeriesTable) -> tuple[Tags, tuple[Any, ...]]:
        series = table.series(number)
        return series.tags, (series.database, series.retention_policy, series.name)

    @staticmethod
    def _number(tags: Tags, head: list[Any], table: SeriesTable) -> int:
        database, retention_policy, name = head
        return table.number(Series(database, retention_policy, name, tags))


class _Text:
    """Makes the text of some names, which are held until it is gone."""

    def __init__(
        self, texts: Callable[[Sequence[int], SeriesTable], list[Any]], numbers: Numbers, table: SeriesTable, held: Held
    ) -> None:
        self._texts, self._numbers, self._table, self._held = texts, numbers, table, held

    def __call__(self) -> bytes:
        return codec.Writer().pack(self._texts(self._numbers.tolist(), self._table))


class Resolver:
    """Gives names their numbers in a table, without holding up the event loop for long."""

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._known: dict[bytes, Numbers] = {}
        table.memos.add(self)

    def forget_numbers(self) -> None:
        self._known.clear()

    async def resolve(self, names: Sequence[Names]) -> None:
        """`numbers` costs nothing for these then."""
        for one in names:
            for _ in one.resolve(self._table, self._known):
                await asyncio.sleep(0)
            self._known.pop(b"", None)
        if len(self._known) > _RESOLVED:
            self._known.clear()


def distinct(numbers: Numbers) -> tuple[Numbers, Numbers]:
    """The different ones, ascending, and for each where it stands among them."""
    if not len(numbers):
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32)
    there = np.zeros(int(numbers.max()) + 1, dtype=np.bool_)
    there[numbers] = True
    found = np.flatnonzero(there).astype(np.int32)
    place = np.cumsum(there, dtype=np.int32) - 1
    return found, place[numbers]


def series_state(series: Numbers, table: SeriesTable) -> codec.Later:
    """Series of rows, which nobody changes any more, as plain data."""

    held = table.hold(series=series)

    def make() -> list[Any]:
        found, of = distinct(held.series)
        return [SeriesNames(table, found), of]

    return codec.Later(make)


def series_from_state(state: Any, table: SeriesTable) -> Numbers:
    """What `series_state` gave: int32[n]."""
    return _of_state(state, table)


def groups_state(group: Numbers, table: SeriesTable) -> list[Any]:
    """Group numbers of rows as plain data."""
    found, of = distinct(group)
    return [GroupNames(table, found), of]


def groups_from_state(state: Any, table: SeriesTable) -> Numbers:
    """What `groups_state` gave: int32[n]."""
    return _of_state(state, table)


def _of_state(state: Any, table: SeriesTable) -> Numbers:
    names, of = state.make() if isinstance(state, codec.Later) else state
    numbers: Numbers = names.numbers(table)
    return numbers[of] if len(numbers) else np.empty(0, dtype=np.int32)


def _register(kind: type[Names], code: int) -> None:
    to_plain: Callable[[Any], Any] = kind.to_plain
    codec.register(kind, code, to_plain, kind.of_plain)
    state_chunks.register(kind, code, kind.chunks, kind.of_runs)


_register(GroupNames, _GROUPS)
_register(SeriesNames, _SERIES)
