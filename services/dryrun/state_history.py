"""States of the past, as workers have kept them on the bus: found by the place in the log that is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.bus.errors import NoRoom
from services.bus.positions import EventsSeq, WritesSeq
from services.bus.streams import WRITES
from services.columns.snapshot import State
from services.dryrun.kept_state import KeptPart, KeptState
from services.engine.states.history import what_ran
from services.engine.states.history.history_bucket import HistoryBucket
from services.engine.states.history.records import KeptPoint, Summary
from services.engine.states.history.whole_states import WholeState, earliest, latest
from services.engine.states.kept_states import state_of
from services.process import log as logs
from services.process.pools import Pool
from services.runtime.task import STATE_VERSION
from services.store.folds.definition import TaskDefinition
from services.store.folds.layouts import Unit
from services.store.snapshots import Snapshot

log = logs.get("recorder")

_AT_ONCE = 16  # chunks that are asked for
_TRIES = 3  # how often what is kept is looked at anew where a state was thinned out while it was read
_threads = Pool("states of the past", 2)


class _Older(Exception):
    """It was kept by an older version of tickbus, whose states are not read any more."""


class _Missing(Exception):
    """A state is not whole (any more): args[0]."""


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
        by_task: dict[str, list[Summary]] = {}
        for summary in await (await self._bucket()).summaries():
            if summary.states:
                by_task.setdefault(Unit.of_id(summary.task).task, []).append(summary)
        found = [await self._of_all_parts(task, by_task[task]) for task in sorted(by_task)]
        return [summary for summary in found if summary is not None]

    async def size(self) -> int:
        """Bytes that all of it takes on NATS. Raises BusError."""
        return await (await self._bucket()).size()

    async def points(self, task: str) -> list[KeptPoint]:
        """All states that are kept of a task and of its parts, in order, as far as the log has what they were made of.

        Raises BusError.
        """
        await self._writes.look()
        bucket = await self._bucket()
        points = [*await bucket.points(task), *await bucket.points_of_parts(task)]
        return sorted((point for point in points if point.fits(self._writes.epochs)), key=lambda point: point.order)

    async def nearest(
        self, task: str, position: WritesSeq, enabled: EventsSeq | None = None, before: int | None = None
    ) -> KeptState | None:
        """The last state of a task at or before a place in the log; None where none is kept.

        It stands at that place itself where nothing had changed by then. Where the task ran in parts, it is one of each
        of them. enabled: of this run alone. before: one that was kept before this time (ns). One that cannot be read is
        passed over; where NATS has no room to keep any, none is. Raises BusError.
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
        points: list[KeptPoint] = []
        tries = 0
        while True:
            tries += 1
            if tries <= _TRIES:
                points = await self._before(task, position, enabled, before)
            whole = latest(points)
            if whole is None:
                return None
            try:
                return await self._read(task, whole, position)
            except _Missing as missing:
                if tries >= _TRIES:
                    points.remove(missing.args[0])

    async def _before(
        self, task: str, position: WritesSeq, enabled: EventsSeq | None, before: int | None
    ) -> list[KeptPoint]:
        points = await self.points(task)
        of_run = (p for p in points if enabled is None or p.run.enabled == enabled)
        return [p for p in of_run if p.position <= position and (before is None or p.kept < before)]

    async def _read(self, task: str, whole: WholeState, position: WritesSeq) -> KeptState:
        """The state with what ran. Raises _Missing where a state is not whole, _Older, as all before it are then."""
        built = [await self._built(point) for point in whole.points]
        untils = [self._writes.epochs.within(point.until, point.epoch) for point in whole.points]
        place = WritesSeq(max(whole.position, min(position, *untils)))
        parts = tuple(
            KeptPart(point.share, WritesSeq(max(point.position, min(until, place))), one.state, one.names)
            for point, until, one in zip(whole.points, untils, built, strict=True)
        )
        first, is_whole = built[0], not whole.last.share
        return KeptState(
            task=task,
            enabled=whole.last.run.enabled,
            began=whole.last.run.began,
            definition=first.definition,
            position=place,
            time=await self._time_at(place, whole),
            state=first.state if is_whole else {},
            names=first.names if is_whole else [],
            levels=first.levels,
            ended=whole.ended,
            parts=() if is_whole else parts,
        )

    async def _built(self, point: KeptPoint) -> _Built:
        gate, bucket = asyncio.Semaphore(_AT_ONCE), await self._bucket()

        async def get(digest: bytes) -> tuple[bytes, bytes]:
            async with gate:
                return digest, await bucket.chunk(point.task, point.mark, digest)

        getting = [asyncio.create_task(get(digest)) for digest in point.chunks]
        try:
            chunks = dict([await one for one in getting])
            return await _threads.run(_built, point, chunks)
        except (ValueError, TypeError, LookupError, AttributeError) as e:
            log.warn("a state of the past is not whole, an earlier one is used", task=point.task, error=str(e))
            raise _Missing(point) from e
        finally:
            for one in getting:
                one.cancel()
            await asyncio.gather(*getting, return_exceptions=True)

    async def _of_all_parts(self, task: str, summaries: Sequence[Summary]) -> Summary | None:
        """Of a task and its parts as one; None where nobody can begin from any of it."""
        if [summary.task for summary in summaries] == [task]:
            return summaries[0]
        points = await self.points(task)
        first, last = earliest(points), latest(points)
        if first is None or last is None:
            return None
        newest = max(points, key=lambda point: (point.epoch, point.until))
        return Summary(
            task=task,
            states=len(points),
            runs=len({point.run for point in points}),
            size=sum(summary.size for summary in summaries),
            oldest=first.position,
            oldest_time=first.last.time,
            oldest_epoch=first.last.epoch,
            newest=newest.until,
            newest_time=newest.until_time,
            newest_epoch=newest.epoch,
            ended=last.ended,
        )

    async def _bucket(self) -> HistoryBucket:
        async with self._opening:
            if self._opened is None:
                self._opened = await HistoryBucket.open(self._bus, self._replicas)
            return self._opened

    async def _time_at(self, place: WritesSeq, whole: WholeState) -> int:
        for point in whole.points:
            if place in (point.position, point.until):
                return point.time if place == point.position else point.until_time
        message = await self._bus.get_message(WRITES, place)
        return whole.last.time if message is None else message.time_ns


@dataclass(frozen=True, slots=True)
class _Built:
    """What ran, how alerts stood, a state, and the names in it."""

    definition: TaskDefinition
    levels: Mapping[str, Any]
    state: State
    names: list[Any]


def _built(point: KeptPoint, chunks: Mapping[bytes, bytes]) -> _Built:
    definition, levels = what_ran.unpack(chunks[point.definition])
    names: list[Any] = []
    state = state_of(Snapshot(point.position, chunks[point.snapshot]), chunks.__getitem__, names)
    if (version := state.get("version", 0)) != STATE_VERSION:
        text = f"it is of version {version}, this version of tickbus reads {STATE_VERSION}"
        raise _Older(text) if version < STATE_VERSION else ValueError(text)
    return _Built(definition, levels, state, names)
