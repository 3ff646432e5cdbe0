"""What is said of states of the past where they lie: of each one, and of all of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.api.inspections.history import REASONS
from services.bus.epochs import Epochs
from services.bus.positions import EventsSeq, WritesSeq
from services.engine.states.records import RunKey
from services.pipeline.tag_set import TagSet
from services.runtime.input.share import Share
from services.store import codec
from services.store.folds.layouts import Unit

BEGIN, DUE, PAUSE, END = REASONS
"""Why a state was kept: the run began, it was time, a clock went on behind a pause, the run stopped."""

_VERSION = 1
_PART_VERSION = 2  # of an entry of a part, which says its share as well
_DIGEST, _SIZE = 16, 4  # bytes of a chunk's digest and of its size
_ENTRY_BYTES = 400  # what an entry takes besides the chunks that it names, about


@dataclass(frozen=True, slots=True)
class KeptPoint:
    """A state that is kept, and where in the log it stands.

    task: the id of the unit that it is of, a whole task or a part of one (services.store.folds.layouts). mark, number:
    name it among those of the unit; its chunks lie under the mark. run: whose it is. position: where it was taken;
    until: as far as it stands for, since it has not changed. epoch: of both (services.bus.epochs). time, until_time:
    when the writes there were stored, ns. kept: when it was kept, ns. snapshot, definition: the digests of the chunks
    with the state's manifest, and with what ran. chunks: the sizes of all its chunks by digest, bytes. share: of a
    part, what it has of the points; None: all of them.
    """

    task: str
    mark: str
    number: int
    run: RunKey
    position: WritesSeq
    until: WritesSeq
    epoch: int
    time: int
    until_time: int
    kept: int
    why: str
    snapshot: bytes
    definition: bytes
    chunks: Mapping[bytes, int]
    share: Share | None = None

    @property
    def unit(self) -> Unit:
        """What it is of."""
        return Unit.of_id(self.task)

    @property
    def size(self) -> int:
        """Bytes of the state, whatever of them it shares with others."""
        return sum(self.chunks.values())

    @property
    def entry_bytes(self) -> int:
        """Bytes that its entry takes on the bus, about."""
        return _ENTRY_BYTES + (_DIGEST + _SIZE) * len(self.chunks)

    @property
    def order(self) -> tuple[int, int, int]:
        """By what the states of a task stand in order: of two at one position the later holds."""
        return self.epoch, self.position, self.kept

    def fits(self, epochs: Epochs) -> bool:
        """Whether the log has what it was made of, or had."""
        return epochs.fits(self.position, self.epoch)

    def to_bytes(self) -> bytes:
        """For the bus to keep."""
        chunks = b"".join(digest + size.to_bytes(_SIZE, "big") for digest, size in self.chunks.items())
        run = [self.run.enabled, self.run.began]
        places = [self.position, self.until, self.epoch, self.time, self.until_time, self.kept]
        said = [self.mark, self.number, run, places, self.why, self.snapshot, self.definition, chunks]
        share = self.share
        if share is None:
            return codec.pack([_VERSION, *said])
        return codec.pack([_PART_VERSION, *said, [sorted(share.by.names), share.by.star, share.number, share.of]])

    @classmethod
    def from_bytes(cls, task: str, data: bytes) -> KeptPoint:
        """The same again. ValueError where it is not that, or of another version."""
        try:
            version, *said = codec.unpack(data)
            if version not in (_VERSION, _PART_VERSION):
                raise ValueError(f"of version {version}")
            mark, number, run, places, why, snapshot, definition, chunks, *of_part = said
            position, until, epoch, time, until_time, kept = places
            key = RunKey(EventsSeq(run[0]), run[1])
            at = WritesSeq(position), WritesSeq(until)
            sizes, share = _sizes(chunks), _share(*of_part)
            found = mark, number, key, *at, epoch, time, until_time, kept, why, snapshot, definition, sizes, share
            return cls(task, *found)
        except (TypeError, LookupError) as e:
            raise ValueError(f"damaged entry: {e}") from e


@dataclass(frozen=True, slots=True)
class Summary:
    """All that is kept of a task in a few words, so that nobody has to read all of it.

    states: how many. runs: of how many runs. size: bytes that they take, what they share counted once. Of the oldest
    and of the newest state the place in the log (the newest one's: as far as it stands for), the time there (ns) and
    the epoch. ended: the newest is of a run that has stopped.
    """

    task: str
    states: int
    runs: int
    size: int
    oldest: WritesSeq
    oldest_time: int
    oldest_epoch: int
    newest: WritesSeq
    newest_time: int
    newest_epoch: int
    ended: bool

    def fits(self, epochs: Epochs) -> bool:
        """Whether the log has what all of it was made of, or had."""
        return epochs.fits(self.oldest, self.oldest_epoch) and epochs.fits(self.newest, self.newest_epoch)

    def to_bytes(self) -> bytes:
        """For the bus to keep."""
        old = [self.oldest, self.oldest_time, self.oldest_epoch]
        new = [self.newest, self.newest_time, self.newest_epoch]
        return codec.pack([_VERSION, self.states, self.runs, self.size, old, new, self.ended])

    @classmethod
    def from_bytes(cls, task: str, data: bytes) -> Summary:
        """The same again. ValueError where it is not that, or of another version."""
        try:
            version, states, runs, size, old, new, ended = codec.unpack(data)
            if version != _VERSION:
                raise ValueError(f"of version {version}")
            return cls(task, states, runs, size, *_place(old), *_place(new), ended)
        except (TypeError, LookupError) as e:
            raise ValueError(f"damaged summary: {e}") from e


def _place(plain: Any) -> tuple[WritesSeq, int, int]:
    position, time, epoch = plain
    return WritesSeq(position), time, epoch


def _share(plain: Sequence[Any] | None = None) -> Share | None:
    if plain is None:
        return None
    names, star, number, of = plain
    return Share(TagSet(frozenset(names), star), number, of)


def _sizes(chunks: bytes) -> dict[bytes, int]:
    step = _DIGEST + _SIZE
    cuts = (chunks[at : at + step] for at in range(0, len(chunks), step))
    return {cut[:_DIGEST]: int.from_bytes(cut[_DIGEST:], "big") for cut in cuts}
