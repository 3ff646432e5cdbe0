"""The states of tasks in this worker's store: taken between two steps, written in another thread, in chunks.

Of each task there is one snapshot, which names the chunks of its nodes' states; what did not change since the last one
is not written again. A snapshot and what it names are there whole or not at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from services.bus.positions import WritesSeq
from services.columns.snapshot import State
from services.process import log as logs
from services.store import codec, state_chunks
from services.store.chunk_store import ChunkStore, Stopped
from services.store.errors import StoreError
from services.store.snapshots import Snapshot, Snapshots, to_bytes
from services.store.state_chunks import ChunkKeeper, Get, Taken
from services.store.store import Store

log = logs.get("engine")

_SNAPSHOTS, _CHUNKS = "snapshots", "pieces"
_NODES = "nodes"


@dataclass(frozen=True, slots=True)
class TakenState:
    """The state of a task as it was at a position, not written yet."""

    task: str
    position: WritesSeq
    meta: dict[str, Any]
    nodes: dict[str, Taken]
    rest: Taken

    @property
    def size(self) -> int:
        """Bytes, about."""
        return self.rest.size + sum(node.size for node in self.nodes.values())


def take(task: str, position: WritesSeq, meta: dict[str, Any], state: State) -> TakenState:
    """Take a state, quickly. TypeError and ValueError where that cannot be."""
    nodes = {name: state_chunks.take(node) for name, node in state.get(_NODES, {}).items()}
    rest = state_chunks.take({key: value for key, value in state.items() if key != _NODES})
    return TakenState(task, position, meta, nodes, rest)


def snapshot_of(fresh: TakenState, keeper: ChunkKeeper) -> Snapshot:
    """Have the chunks of a state kept; the snapshot that names them. May last, in any thread."""
    rest = fresh.rest.keep(keeper)
    nodes = {name: taken.keep(keeper) for name, taken in fresh.nodes.items()}
    return Snapshot(fresh.position, codec.pack([rest, nodes]), fresh.meta)


def state_of(snapshot: Snapshot, get: Get, found: list[Any]) -> State:
    """The state that a snapshot stands for. ValueError where it is damaged. found: see state_chunks.built."""
    rest, nodes = _manifests(snapshot)
    state: State = state_chunks.built(rest, get, found)
    if nodes:
        state[_NODES] = {name: state_chunks.built(manifest, get, found) for name, manifest in nodes.items()}
    return state


def digests_of(snapshot: Snapshot) -> set[bytes]:
    """All chunks that a snapshot names. ValueError where it is damaged."""
    rest, nodes = _manifests(snapshot)
    try:
        return {digest for manifest in (rest, *nodes.values()) for digest in state_chunks.digests(manifest)}
    except (TypeError, LookupError) as e:
        raise ValueError(f"damaged snapshot: {e}") from e


def _manifests(snapshot: Snapshot) -> tuple[state_chunks.Manifest, dict[str, state_chunks.Manifest]]:
    found = codec.unpack(snapshot.state)
    if not isinstance(found, list) or len(found) != 2 or not isinstance(found[1], dict):
        raise ValueError("not a snapshot in chunks")
    return found[0], found[1]


class KeptStates:
    """The snapshots in one store. For one thread at a time, but for `hurry` and `stop`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._snapshots = Snapshots(store, _SNAPSHOTS)
        self._chunks = ChunkStore(store, _CHUNKS)
        self._named: dict[str, set[bytes]] = {}  # by task, where there are any
        for task in self._snapshots.keys():  # noqa: SIM118
            if (snapshot := self._snapshots.load(task)) is not None:
                self._name(task, _named_by(snapshot))
        self._chunks.sweep()

    def write(self, states: Sequence[TakenState]) -> set[str]:
        """Keep states in place of those before; gives the tasks of those that cannot be kept, which is logged.

        StoreError where there is no room: none is kept then.
        """
        try:
            snapshots = list(self._snapshots_of(states))
            self._chunks.flush()
            with self._store.write() as tx:
                for task, snapshot in snapshots:
                    tx.put(_SNAPSHOTS, task, to_bytes(snapshot))
        except StoreError:
            # what was written for them must not fill the disk for good
            with contextlib.suppress(StoreError):
                self._chunks.sweep()
            raise
        for task, snapshot in snapshots:
            self._name(task, digests_of(snapshot))
        self._chunks.sweep()
        return {fresh.task for fresh in states} - {task for task, _ in snapshots}

    def load(self, task: str) -> Snapshot | None:
        """A task's snapshot, None where there is none that is whole."""
        return self._snapshots.load(task)

    def get(self, digest: bytes) -> bytes:
        """A chunk of a state. ValueError where it is not there."""
        return self._chunks.get(digest)

    def pin(self, digests: set[bytes]) -> None:
        """These chunks are needed until they are unpinned, even if no snapshot names them any more."""
        self._chunks.name(digests)

    def unpin(self, digests: set[bytes]) -> None:
        """They are not needed any more. Deleted by the next `write` at the latest."""
        self._chunks.unname(digests)

    def drop(self, task: str) -> None:
        """Forget a task's state."""
        self._snapshots.drop(task)
        self._name(task, set())
        self._chunks.sweep()

    def hurry(self, waiting: int) -> None:
        """So many more (or less) wait for what is being written."""
        self._chunks.hurried += waiting

    def stop(self) -> None:
        """A `write` under way ends with Stopped."""
        self._chunks.stop()

    def _snapshots_of(self, states: Sequence[TakenState]) -> Iterator[tuple[str, Snapshot]]:
        for fresh in states:
            try:
                yield fresh.task, snapshot_of(fresh, self._chunks)
            except (StoreError, Stopped):
                raise
            except Exception as e:
                log.exception("the state of a task cannot be saved", e, task=fresh.task)

    def _name(self, task: str, digests: set[bytes]) -> None:
        self._chunks.name(digests)
        self._chunks.unname(self._named.pop(task, set()))
        if digests:
            self._named[task] = digests


def _named_by(snapshot: Snapshot) -> set[bytes]:
    try:
        return digests_of(snapshot)
    except ValueError:
        return set()
