"""The epochs of WRITES: a sequence says which write is meant only together with the epoch that it is of.

The stream may be deleted and made anew, or lose its end (a backup was put back, a disk has failed): sequences are
then given to other writes. What is behind the place where that begins is of another epoch. An epoch is a time, ns since
1970, later than all that the one before it has seen: so epoch + sequence rises over all epochs, which is how alerts and
posts are numbered, and a position that was named at some time can be told to be of a write that there is no more.

How the epochs of the log lie is kept on the bus, with a mark: a write that was there, and when it was stored. Whoever
begins to follow the log, or has lost it for a moment, looks whether the mark is still there.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from grammar.golang.times import parse_rfc3339
from services.bus.buckets.kv import Bucket
from services.bus.connection import Bus
from services.bus.errors import WrongSequence
from services.bus.streams import WRITES, StreamState
from services.process import log as logs

log = logs.get("engine")

_KEY = "epochs.WRITES"
_SURE = 1.0  # seconds after which a log that seems to have gone back is looked at once more

Start = tuple[int, int]
"""A sequence, and the epoch that all behind it is of."""


class Mark(NamedTuple):
    """A write that was in the log: its sequence, when it was stored (ns), and its epoch. 0, 0, 0: none."""

    seq: int
    time_ns: int
    epoch: int


NO_MARK = Mark(0, 0, 0)


class Epochs:
    """Which epoch each sequence is of. Changed in place, so that all who hold it go by the same."""

    def __init__(self, starts: Sequence[Start] = ((0, 0),)) -> None:
        """starts: in the order of their beginning; all sequences of the first begin behind 0."""
        self.starts: tuple[Start, ...] = tuple(starts)

    @property
    def last(self) -> int:
        """The present epoch."""
        return self.starts[-1][1]

    def of(self, seq: int) -> int:
        """The epoch of a sequence."""
        return next((epoch for after, epoch in reversed(self.starts[1:]) if after < seq), self.starts[0][1])

    def numbered(self, seqs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sequences as numbers that rise over all epochs: int64[n]. Those of ticks, which are negative, stay."""
        if len(self.starts) == 1:
            epochs: Any = self.starts[0][1]
        else:
            behind = np.searchsorted([after for after, _ in self.starts[1:]], seqs, side="left")
            epochs = np.array([epoch for _, epoch in self.starts], dtype=np.int64)[behind]
        return np.where(seqs < 0, seqs, seqs + epochs)

    def place(self, number: int) -> int | None:
        """The sequence that `numbered` has made a number of; None where the log has another write there by now."""
        ends = [*(after for after, _ in self.starts[1:]), None]
        for (after, epoch), end in zip(reversed(self.starts), reversed(ends), strict=True):
            if number - epoch > after:
                seq = number - epoch
                return seq if end is None or seq <= end else None
        return number

    def fits(self, position: int, epoch: int) -> bool:
        """Whether everything up to a position, as it was in an epoch, is what the log has (or had) up to there.

        epoch 0: nobody has noted which.
        """
        return not epoch or self.of(position) == epoch

    def within(self, position: int, seen_in: int) -> int:
        """A position that was named in some epoch, or at some time (ns), as far as the log has what it had then."""
        return min([position, *(after for after, epoch in self.starts[1:] if seen_in < epoch)])

    def begin(self, after: int, epoch: int) -> None:
        """Let all behind a sequence be of a new epoch."""
        first, *others = self.starts
        self.starts = (first, *(start for start in others if start[0] < after), (after, epoch))


class WritesLog:
    """Looks whether WRITES has gone back, and has all workers know it. One event loop uses it."""

    def __init__(self, bus: Bus, bucket: Bucket) -> None:
        self.epochs = Epochs()
        self.created = ""
        """When the stream was made: positions of the present epochs are of that one."""
        self.went_back = 0
        """How often the log was found to have gone back since the start."""
        self._bus, self._bucket = bus, bucket
        self._looking = asyncio.Lock()
        self._marked = NO_MARK
        self._known = False

    @classmethod
    async def open(cls, bus: Bus, replicas: int = 1) -> WritesLog:
        """As it is known on the bus. Raises BusError."""
        found = cls(bus, await bus.bucket("cluster", replicas=replicas))
        await found.look()
        return found

    async def look(self, mark: Mark = NO_MARK, furthest: Callable[[Epochs], int] = lambda epochs: 0) -> bool:
        """Look whether the log is what it was; gives whether its epochs are others than at the last look.

        mark: a write that was there. furthest(epochs): the sequence of one that must have been there, as far as that is
        known, and the log has such epochs. Raises BusError.
        """
        async with self._looking:
            while True:
                with contextlib.suppress(WrongSequence):
                    return await self._look(mark, furthest)

    async def mark(self, mark: Mark) -> None:
        """Have others know that the log has held this write. Raises BusError."""
        async with self._looking:
            if mark.seq <= self._marked.seq or (entry := await self._bucket.get(_KEY)) is None:
                return
            record = _read(entry.value)
            ours = record is not None and record[:2] == (self.created, self.epochs.starts)
            if record is None or not ours or mark.seq <= record[2].seq:
                return
            with contextlib.suppress(WrongSequence):
                await self._bucket.update(_KEY, _written(self.created, self.epochs.starts, mark), entry.revision)
                self._marked = mark

    async def _look(self, mark: Mark, furthest: Callable[[Epochs], int]) -> bool:
        entry = await self._bucket.get(_KEY)
        record = None if entry is None else _read(entry.value)
        state = await self._bus.stream_state(WRITES)
        made = parse_rfc3339(state.created)
        if record is None:
            created, epochs, marked = state.created, Epochs([(0, made)]), NO_MARK
        else:
            created, starts, marked = record
            epochs = Epochs(starts)
        problem = ""
        if created != state.created:
            epochs.begin(0, max(made, epochs.last + 1))
            problem = "the log of writes was made anew: what was read of it before is not in it"
        else:
            marks = [one for one in (marked, mark) if one.seq and epochs.fits(one.seq, one.epoch)]
            gone = await self._gone([*marks, Mark(furthest(epochs), 0, 0)], state)
            if gone is not None:
                epochs.begin(*await self._cut(gone, epochs.last))
                problem = "the log of writes went back: it does not hold any more what was read of it"
        if record is None or problem:
            marked = NO_MARK
            text = _written(state.created, epochs.starts, marked)
            await (
                self._bucket.create(_KEY, text) if entry is None else self._bucket.update(_KEY, text, entry.revision)
            )
        if problem:
            log.error(problem, holds=epochs.starts[-1][0], last=state.last_seq, created=state.created)
        changed = self._known and epochs.starts != self.epochs.starts
        self.went_back += changed or bool(problem)
        self.created, self._marked, self._known = state.created, marked, True
        self.epochs.starts = epochs.starts
        return changed

    async def _gone(self, marks: Sequence[Mark], state: StreamState) -> Mark | None:
        """Of some marks one that the log does not hold any more; None: all are there. Time 0 stands for any."""
        beyond = [m for m in marks if m.seq > state.last_seq]
        if beyond:
            # what has just been elected to lead a cluster's stream may not have come to its end yet
            await asyncio.sleep(_SURE)
            now = await self._bus.stream_state(WRITES)
            beyond = [m for m in beyond if now.created == state.created and m.seq > now.last_seq]
        if beyond:
            return max(beyond, key=lambda m: m.time_ns)
        for one in [m for m in marks if m.time_ns]:
            there = await self._bus.get_message(WRITES, one.seq)
            if there is not None and there.time_ns != one.time_ns:
                return one
        return None

    async def _cut(self, gone: Mark, last: int) -> Start:
        """Up to where the log holds what it did when the mark was there, and the epoch of what is behind that."""
        state = await self._bus.stream_state(WRITES)
        low, high, first_new = state.first_seq - 1, state.last_seq, 0
        if not gone.time_ns:
            low = high
        # what came later was stored later than the mark
        while low < high:
            middle = (low + high + 1) // 2
            there = await self._bus.get_message(WRITES, middle)
            if there is not None and there.time_ns > gone.time_ns:
                high, first_new = middle - 1, there.time_ns
            else:
                low = middle
        return low, max(first_new or time.time_ns(), last + 1, gone.time_ns + 1)


def _read(value: bytes) -> tuple[str, tuple[Start, ...], Mark] | None:
    try:
        body = orjson.loads(value)
        starts = tuple((int(after), int(epoch)) for after, epoch in body["epochs"])
        if not starts or starts[0][0]:
            raise ValueError("no epochs")
        return str(body["created"]), starts, Mark(*map(int, body["mark"]))
    except (ValueError, KeyError, TypeError) as error:
        log.error("the epochs of the log on the bus cannot be read and are made anew", err=error)
        return None


def _written(created: str, starts: Sequence[Start], mark: Mark) -> bytes:
    return orjson.dumps({"created": created, "epochs": starts, "mark": list(mark)})
