"""How the topics of a task's alerts stood when a run first started: asked of alerting, and kept for as long as the run.

It is kept in an object store, not in the log of events: a topic may hold any number of alerts, and who takes the run up
later, or begins it anew from the log, has to begin with the same. An object is there before the event that names it,
`run.started`, and is named by what it holds: two workers that start a run at once do not write over each other.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import orjson

from schemas.requests.alerting import ALERTING_LEVELS
from schemas.requests.shape import MalformedMessage
from services.bus.buckets.objects import Objects
from services.bus.connection import Bus
from services.bus.errors import BusError, NotWhole
from services.bus.positions import EventsSeq
from services.bus.streams import ALERTS
from services.bus.subjects import escape, request_subject, unescape
from services.process import log as logs
from services.process.pools import Pool

log = logs.get("engine")

_BUCKET = "levels"
_threads = Pool("levels", 2, most_waiting=100_000)  # tasks start by the thousand
_ASKED_SECONDS, _ASK_SECONDS = 20.0, 5.0  # how long alerting, which may be restarting, is asked; and once
_ASK_PAUSE = 0.25
_LEFT_NS = 600 * 10**9  # an object that no run names is left over, unless it is about to be named

Stood = tuple[int, int, int]
"""Level (0…3), time of the last event (ns), duration (ns)."""

Levels = Mapping[str, Mapping[str, Stood]]
"""By topic and alert id."""


class StoodById(Mapping[str, Stood]):
    """How the alerts of one topic stand; there may be many, and they are kept for as long as a task runs."""

    def __init__(self, ids: Sequence[str], rows: Sequence[Sequence[int]]) -> None:
        """rows: level, time and duration of each id."""
        self._slots = {id: slot for slot, id in enumerate(ids)}
        self._rows = np.array(rows, dtype=np.int64).reshape(len(ids), 3)

    def __getitem__(self, id: str) -> Stood:
        level, time, duration = self._rows[self._slots[id]].tolist()
        return level, time, duration

    def __iter__(self) -> Iterator[str]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)


class Remembering:
    """The levels of all runs."""

    def __init__(self, bus: Bus, replicas: int = 1) -> None:
        """replicas: on how many servers of a cluster they lie."""
        self._bus, self._replicas = bus, replicas
        self._opening = asyncio.Lock()
        self._opened: Objects | None = None

    async def ask(self, topics: Sequence[str], enabled: EventsSeq) -> dict[str, StoodById]:
        """How the alerts of these topics stand, so that a task that starts again goes on from there.

        Without those that are OK in all of them. Where there were alerts and nobody answers for long, the task starts
        as if there had been none. Raises BusError.
        """
        if not topics:
            return {}
        until = time.monotonic() + _ASKED_SECONDS
        question = ALERTING_LEVELS.encode_request(topics=list(topics), after=enabled, not_ok=True)
        while True:
            try:
                answer = await self._bus.request(request_subject(*ALERTING_LEVELS.tokens()), question, _ASK_SECONDS)
                # a topic may have so many ids that the loop must not wait for them
                return await _threads.run(_stood, answer)
            except (BusError, MalformedMessage) as e:
                log.warn("alerting does not say how topics stand", err=e)
            if time.monotonic() > until or not await self._bus.last_sequence(ALERTS):
                return {}
            await asyncio.sleep(_ASK_PAUSE)

    async def keep(self, task: str, enabled: EventsSeq, levels: Levels) -> str:
        """Keep them for a run; gives the name to find them under, "" where there is nothing. Raises BusError."""
        if not any(levels.values()):
            return ""
        data = await _threads.run(packed_levels, levels)
        name = f"{escape(task)}/{enabled}/{hashlib.sha256(data).hexdigest()[:16]}"
        objects = await self._open()
        if await objects.info(name) is None:
            await objects.put(name, data)
        return name

    async def find(self, name: str) -> dict[str, StoodById]:
        """What was kept under a name. Raises BusError where the bus is away.

        What is lost or damaged there is no reason for a task not to run: it then starts as if nothing was remembered.
        """
        if not name:
            return {}
        try:
            data = await (await self._open()).get(name)
            if data is None:
                raise ValueError("it is not there")
            return await _threads.run(unpacked_levels, data)
        except (NotWhole, ValueError, KeyError, TypeError, zlib.error) as e:
            log.error("how topics stood when a task started is lost", name=name, err=e)
            return {}

    async def forget(self, name: str) -> None:
        """A run is over. What cannot be deleted now is by the next `sweep`."""
        if name:
            try:
                await (await self._open()).delete(name)
            except BusError as e:
                log.limited("forget").warn("what a run was to remember is left on the bus", name=name, err=e)

    async def sweep(self, is_left: Callable[[str, str], bool]) -> None:
        """Delete what was left over. is_left(task, name): whether no run of a task that is ours names it. BusError."""
        objects = await self._open()
        for info in await objects.list():
            try:
                task = unescape(info.name.partition("/")[0])
            except ValueError:
                continue
            if time.time_ns() - info.time_ns > _LEFT_NS and is_left(task, info.name):
                await objects.delete(info.name)

    async def _open(self) -> Objects:
        async with self._opening:
            if self._opened is None:
                self._opened = await self._bus.objects(_BUCKET, replicas=self._replicas)
            return self._opened


def _stood(answer: bytes) -> dict[str, StoodById]:
    return _without_ok(ALERTING_LEVELS.decode_response(answer))


def _without_ok(levels: Mapping[str, Mapping[str, Sequence[int]]]) -> dict[str, StoodById]:
    alert = {id for stood in levels.values() for id, (level, _, _) in stood.items() if level}
    kept = {topic: {id: row for id, row in stood.items() if id in alert} for topic, stood in levels.items()}
    return {topic: StoodById(list(rows), list(rows.values())) for topic, rows in kept.items()}


def packed_levels(levels: Levels) -> bytes:
    """Levels as bytes, for whatever keeps them."""
    columns = {topic: {"ids": list(stood), "rows": list(stood.values())} for topic, stood in levels.items()}
    return zlib.compress(orjson.dumps(columns, option=orjson.OPT_SORT_KEYS), 1)


def unpacked_levels(data: bytes) -> dict[str, StoodById]:
    """The levels again. ValueError, KeyError, TypeError or zlib.error where they are damaged."""
    columns = orjson.loads(zlib.decompress(data))
    return {topic: StoodById(column["ids"], column["rows"]) for topic, column in columns.items()}
