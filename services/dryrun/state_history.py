"""States of the past, as workers have kept them on the bus: found by the place in the log that is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.bus.errors import NoRoom
from services.bus.positions import EventsSeq, WritesSeq
from services.bus.streams import WRITES
from services.columns.snapshot import State
from services.dryrun.kept_state import KeptState
from services.engine.states.history import what_ran
from services.engine.states.history.history_bucket import HistoryBucket
from services.engine.states.history.records import END, KeptPoint, Summary
from services.engine.states.kept_states import state_of
from services.process import log as logs
from services.process.pools import Pool
from services.runtime.task import STATE_VERSION
from services.store.folds.definition import TaskDefinition
from services.store.snapshots import Snapshot

log = logs.get("recorder")

_AT_ONCE = 16  # chunks that are asked for
_TRIES = 3  # how often what is kept is looked at anew where a state was thinned out while it was read
_threads = Pool("states of the past", 2)


class _Older(Exception):
    """It was kept by an older version of tickbus, whose states are not read any more."""


class StateHistory:
    """Reads what workers keep, whether they live or not. It is a services.dryrun.kept_state.KeptStates."""

    def __init__(self, bus: Bus, writes: WritesLog, replicas: int = 1) -> None:
        self._bus, self._writes, self._replicas = bus, writes, replicas
        self._opening = asyncio.Lock()
        self._opened: HistoryBucket | None = None

    @classmethod
    async def open(cls, bus: Bus, replicas: int = 1) -> StateHistory:
        """replicas: on how many servers of a cluster it lies, where it has to be made. Raises BusError.

        It is made once it is asked for something, so that a NATS without room for it keeps nobody from other work.
        """
        return cls(bus, await WritesLog.open(bus, replicas), replicas)

    async def listed(self) -> list[Summary]:
        """Of each task of which something is kept how much that is and how far it reaches, by id. Raises BusError."""
        return [summary for summary in await (await self._bucket()).summaries() if summary.states]

    async def size(self) -> int:
        """Bytes that all of it takes on NATS. Raises BusError."""
        return await (await self._bucket()).size()

    async def points(self, task: str) -> list[KeptPoint]:
        """All states that are kept of a task, in order, as far as the log has what they were made of.

        Raises BusError.
        """
        await self._writes.look()
        return [point for point in await (await self._bucket()).points(task) if point.fits(self._writes.epochs)]

    async def nearest(
        self, task: str, position: WritesSeq, enabled: EventsSeq | None = None, before: int | None = None
    ) -> KeptState | None:
        """The last state of a task at or before a place in the log; None where none is kept.

        It stands at that place itself where nothing had changed by then. enabled: of this run alone. before: one that
        was kept before this time (ns). One that cannot be read is passed over; where NATS has no room to keep any, none
        is. Raises BusError.
        """
        try:
            return await self._nearest(task, position, enabled, before)
        except _Older as error:
            log.warn("states of the past are of an older version of tickbus and are not used", task=task, err=error)
        except NoRoom as error:
            log.limited("history").warn("no states of the past are kept", err=error)
        return None

    async def _nearest(
        self, task: str, position: WritesSeq, enabled: EventsSeq | None, before: int | None
    ) -> KeptState | None:
        for _ in range(_TRIES):
            points = await self._before(task, position, enabled, before)
            if not points:
                return None
            found = await self._read(points[-1], position)
            if found is not None:
                return found
        for point in reversed(points[:-1]):
            found = await self._read(point, position)
            if found is not None:
                return found
        return None

    async def _before(
        self, task: str, position: WritesSeq, enabled: EventsSeq | None, before: int | None
    ) -> Sequence[KeptPoint]:
        points = await self.points(task)
        of_run = (p for p in points if enabled is None or p.run.enabled == enabled)
        return [p for p in of_run if p.position <= position and (before is None or p.kept < before)]

    async def _read(self, point: KeptPoint, position: WritesSeq) -> KeptState | None:
        """The state with what ran, None where it is not whole (any more). Raises _Older, as all before it are then."""
        gate, bucket = asyncio.Semaphore(_AT_ONCE), await self._bucket()

        async def get(digest: bytes) -> tuple[bytes, bytes]:
            async with gate:
                return digest, await bucket.chunk(point.task, point.mark, digest)

        getting = [asyncio.create_task(get(digest)) for digest in point.chunks]
        try:
            chunks = dict([await one for one in getting])
            definition, levels, state, names = await _threads.run(_built, point, chunks)
        except (ValueError, TypeError, LookupError, AttributeError) as e:
            log.warn("a state of the past is not whole, an earlier one is used", task=point.task, error=str(e))
            return None
        finally:
            for one in getting:
                one.cancel()
            await asyncio.gather(*getting, return_exceptions=True)
        until = self._writes.epochs.within(point.until, point.epoch)
        place = WritesSeq(max(point.position, min(position, until)))
        kept = KeptState(
            task=point.task,
            enabled=point.run.enabled,
            began=point.run.began,
            definition=definition,
            position=place,
            time=point.time,
            state=state,
            names=names,
            levels=levels,
            ended=point.why == END,
        )
        return kept if place == point.position else replace(kept, time=await self._time_at(place, point))

    async def _bucket(self) -> HistoryBucket:
        async with self._opening:
            if self._opened is None:
                self._opened = await HistoryBucket.open(self._bus, self._replicas)
            return self._opened

    async def _time_at(self, place: WritesSeq, point: KeptPoint) -> int:
        if place == point.until:
            return point.until_time
        message = await self._bus.get_message(WRITES, place)
        return point.time if message is None else message.time_ns


_Built = tuple[TaskDefinition, Mapping[str, Any], State, list[Any]]


def _built(point: KeptPoint, chunks: Mapping[bytes, bytes]) -> _Built:
    """What ran, how alerts stood, the state, and the names in it."""
    definition, levels = what_ran.unpack(chunks[point.definition])
    names: list[Any] = []
    state = state_of(Snapshot(point.position, chunks[point.snapshot]), chunks.__getitem__, names)
    if (version := state.get("version", 0)) != STATE_VERSION:
        text = f"it is of version {version}, this version of tickbus reads {STATE_VERSION}"
        raise _Older(text) if version < STATE_VERSION else ValueError(text)
    return definition, levels, state, names
