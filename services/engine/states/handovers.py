"""The states that the units of one layout hand to the parts of the next (services.store.folds.layouts).

Each lies in the object store `handovers` under `TASK/ENABLED/LAYOUT/UNIT`: of which layout before it is, and which of
its units. They stay for as long as the parts that began with them run, so that a part which has no state of its own yet
can begin anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from services.bus.buckets.objects import Objects
from services.bus.connection import Bus
from services.bus.errors import BusError, NotWhole
from services.bus.positions import EventsSeq, WritesSeq
from services.bus.subjects import escape, unescape
from services.columns.snapshot import State
from services.engine.states.checkpoints import FoundState
from services.pipeline.graph import Graph
from services.pipeline.tag_set import TagSet
from services.process import log as logs
from services.process.pools import Pool
from services.runtime.input.share import Share
from services.runtime.keyed.snapshot_sharing import join_snapshots, split_snapshot
from services.runtime.node import Node
from services.store import codec
from services.store.folds.layouts import Layout, Unit

log = logs.get("engine")

_BUCKET = "handovers"
_threads = Pool("handovers", 2)


def share_of(layout: Layout, number: int) -> Share | None:
    """What a part has of the points, None where that is all."""
    if len(layout.shards) == 1:
        return None
    return Share(TagSet(frozenset(layout.tags), layout.star), number, len(layout.shards))


class Handovers:
    """Those of all runs."""

    def __init__(self, bus: Bus, classes: Mapping[str, type[Node]], replicas: int = 1) -> None:
        """classes: of nodes, by the names of their kinds. replicas: on how many servers of a cluster they lie."""
        self._bus, self._classes, self._replicas = bus, classes, replicas
        self._opening = asyncio.Lock()
        self._opened: Objects | None = None

    async def keep(
        self, unit: Unit, enabled: EventsSeq, layout: Layout, units: int, position: WritesSeq, state: State
    ) -> None:
        """Keep the state of one of so many units for the layout that takes over at a position. Raises BusError."""
        packed = codec.pack({"units": units, "position": position, "state": state})
        await (await self._open()).put(f"{_prefix(unit.task, enabled, layout.sequence)}{unit.number}", packed)

    async def find(self, unit: Unit, enabled: EventsSeq, graph: Graph, share: Share | None) -> FoundState | None:
        """The state that a part begins with, None where that is not all there. Raises BusError.

        share: what the part has of the points, None: all.
        """
        objects, prefix = await self._open(), _prefix(unit.task, enabled, unit.layout)
        try:
            names = sorted(info.name for info in await objects.list() if info.name.startswith(prefix))
            found = [data for name in names if (data := await objects.get(name)) is not None]
            return await _threads.run(_joined, found, graph, self._classes, share)
        except (NotWhole, ValueError, KeyError, TypeError) as e:
            log.error("a state that was handed over cannot be used", task=unit.id, err=e)
            return None

    async def forget(self, task: str, enabled: EventsSeq, layout: EventsSeq | None = None) -> None:
        """A layout is no more, or (None) all those of a run. What cannot be deleted now is left."""
        try:
            objects = await self._open()
            prefix = _prefix(task, enabled, layout)
            for info in await objects.list():
                if info.name.startswith(prefix):
                    await objects.delete(info.name)
        except BusError as e:
            log.limited("handovers").warn("states that were handed over are left on the bus", task=task, err=e)

    async def sweep(self, is_over: Callable[[str, int], bool]) -> None:
        """Delete what was left over. is_over(task, enabled): whether a run is, of a task that is ours. BusError."""
        objects = await self._open()
        for info in await objects.list():
            try:
                task, enabled, *_ = info.name.split("/")
                over = is_over(unescape(task), int(enabled))
            except ValueError:
                continue
            if over:
                await objects.delete(info.name)

    async def _open(self) -> Objects:
        async with self._opening:
            if self._opened is None:
                self._opened = await self._bus.objects(_BUCKET, replicas=self._replicas)
            return self._opened


def _prefix(task: str, enabled: EventsSeq, layout: EventsSeq | None) -> str:
    return f"{escape(task)}/{enabled}/" + ("" if layout is None else f"{layout}/")


def _joined(
    packed: list[bytes], graph: Graph, classes: Mapping[str, type[Node]], share: Share | None
) -> FoundState | None:
    handed: list[dict[str, Any]] = [codec.unpack(one) for one in packed]
    if not handed or len(handed) != handed[0]["units"]:
        return None
    states = [one["state"] for one in handed]
    state = join_snapshots(states, graph, classes)
    if share is not None:
        state = split_snapshot(state, graph, classes, share.of, share.of_group)[share.number]
    return FoundState(WritesSeq(handed[0]["position"]), state, [])
