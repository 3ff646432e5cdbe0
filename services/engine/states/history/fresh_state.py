"""A state on its way to be kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.bus.positions import WritesSeq
from services.engine.states.records import RunKey
from services.runtime.input.share import Share
from services.store.folds.definition import TaskDefinition
from services.store.snapshots import Snapshot
from services.store.state_chunks import Get, StateChunk, digest_of


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run: which it is, what runs, how alerts stood when it started, and of a part of it its share of the points."""

    key: RunKey
    definition: TaskDefinition
    levels: Mapping[str, Any]
    share: Share | None = None


@dataclass(frozen=True, slots=True)
class FreshState:
    """A state with all that is kept with it. The fields are those of records.KeptPoint; get: gives its chunks."""

    task: str
    run: RunFacts
    why: str
    snapshot: Snapshot
    digests: set[bytes]
    get: Get
    until: WritesSeq
    epoch: int

    @property
    def position(self) -> WritesSeq:
        """Where it was taken."""
        return WritesSeq(self.snapshot.position)


class ChunksInMemory(dict[bytes, bytes]):
    """Chunks by digest: a services.store.state_chunks.ChunkKeeper for states that are small, or few."""

    def has(self, digest: bytes) -> bool:
        """Whether it is there."""
        return digest in self

    def keep(self, chunk: StateChunk) -> bytes:
        """Keep it; gives its digest."""
        if chunk.digest is None or chunk.digest not in self:
            data = bytes(chunk.make())
            chunk.digest = digest_of(data)
            self[chunk.digest] = data
        return chunk.digest
