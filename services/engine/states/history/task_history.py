"""What is kept of one task, and which chunks that needs: counted, so that they go with the last state that has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from services.bus.epochs import Epochs
from services.bus.positions import WritesSeq
from services.engine.states.history.records import END, KeptPoint, Summary

ChunkKey = tuple[str, bytes]
"""Mark and digest."""


class TaskHistory:
    """The states that are kept of a task, in order. mark: that new chunks are put under.

    unneeded: chunks that are there and that no state needs.
    """

    def __init__(self, task: str, mark: str, points: Iterable[KeptPoint] = (), there: Iterable[ChunkKey] = ()) -> None:
        """there: all chunks of the task on the bus."""
        self.task, self.mark = task, mark
        self.points: list[KeptPoint] = []
        self.unneeded: set[ChunkKey] = set(there)
        self._needed: Counter[ChunkKey] = Counter()
        self._sizes: dict[ChunkKey, int] = {}
        self.size = 0
        """Bytes that all of it takes, about."""
        self._number = 0
        for point in points:
            self.add(point)

    @property
    def newest(self) -> KeptPoint | None:
        """The last in order, None where there is none."""
        return self.points[-1] if self.points else None

    def has(self, digest: bytes) -> bool:
        """Whether a chunk is there under this mark."""
        key = self.mark, digest
        return key in self._needed or key in self.unneeded

    def stored(self, digest: bytes) -> None:
        """A chunk is there, and not needed yet."""
        self.unneeded.add((self.mark, digest))

    def next_number(self) -> int:
        """For one more state under this mark."""
        self._number += 1
        return self._number

    def add(self, point: KeptPoint) -> None:
        """One more is kept."""
        at = len(self.points)
        while at and self.points[at - 1].order > point.order:
            at -= 1
        self.points.insert(at, point)
        self.size += point.entry_bytes
        for digest, size in point.chunks.items():
            key = point.mark, digest
            self.unneeded.discard(key)
            if not self._needed[key]:
                self.size += size
                self._sizes[key] = size
            self._needed[key] += 1

    def replace(self, before: KeptPoint, after: KeptPoint) -> None:
        """One that says something else of the same chunks."""
        self.points[self.points.index(before)] = after

    def drop(self, point: KeptPoint) -> int:
        """One is not kept any more; gives how many bytes that frees, once what is not needed any more is deleted."""
        before = self.size
        self.points.remove(point)
        self.size -= point.entry_bytes
        for digest in point.chunks:
            key = point.mark, digest
            self._needed[key] -= 1
            if not self._needed[key]:
                del self._needed[key]
                self.size -= self._sizes.pop(key)
                self.unneeded.add(key)
        return before - self.size

    def out_of_reach(self, first: WritesSeq, epochs: Epochs, goes_on: bool) -> list[KeptPoint]:
        """Those that nothing can be made of, as the log begins with `first`: of what it does not hold any more.

        The last one before its beginning stays, unless nothing of the log follows it: its run had stopped, or there is
        no such task any more. goes_on: whether there is.
        """
        gone = [point for point in self.points if not point.fits(epochs)]
        there = [point for point in self.points if point.fits(epochs)]
        before = [point for point in there if point.position < first]
        goes_on = goes_on or len(before) < len(there)
        if before and (before[-1].until >= first or (goes_on and before[-1].why != END)):
            before.pop()
        return gone + before

    def summary(self) -> Summary | None:
        """What is to be said of all of it, None where there is nothing."""
        if not self.points:
            return None
        old, new = self.points[0], self.points[-1]
        return Summary(
            task=self.task,
            states=len(self.points),
            runs=len({point.run for point in self.points}),
            size=self.size,
            oldest=old.position,
            oldest_time=old.time,
            oldest_epoch=old.epoch,
            newest=new.until,
            newest_time=new.until_time,
            newest_epoch=new.epoch,
            ended=new.why == END,
        )
