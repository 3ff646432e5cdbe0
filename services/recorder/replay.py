"""A replay: a recording through an instance of a task that is its own from end to end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grammar.tickscript.ast import Script, TickscriptError
from services import log as logs
from services.bus.objects import Objects
from services.engine.alerts.letters import letters
from services.engine.effects import Alerts, Effect, Failure, Inhibition, Output
from services.engine.intake import Intake, Slice
from services.engine.node import Node, TaskFailed
from services.engine.nodes.alert import topics_of
from services.engine.outbox import Letter, Outbox, Standing
from services.engine.series import SeriesTable
from services.engine.task import Surroundings, TaskRun
from services.pipeline.compile import api_error, compile_script
from services.pipeline.spec import Registry
from services.pipeline.vars import parse_vars
from services.recorder.archive import Archive, Contents, Record
from services.recorder.progress import Progress
from services.recorder.timing import ReplayClock

log = logs.get("recorder")

ATTEMPTS = 3
"""How often a replay is begun at most: it is begun anew when its recorder has died or could not go on."""

_GO_BYTES = 2 << 20
_ANSWERS_SECONDS = 30.0  # for what nodes have done outside, when the recording is through
_ANSWER_PAUSE = 0.02
_HEADER_ROOM = 2048

Announce = Callable[[int, list[dict[str, Any]]], Awaitable[int]]
"""Says that a replay has started, with its zero and its alert nodes; gives the sequence of the first such event."""


class ReplayFailed(Exception):
    """It cannot be run to its end; str() is its error."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every replay needs of its process."""

    objects: Objects
    outbox: Outbox
    registry: Registry
    classes: Mapping[str, type[Node]]
    around: Surroundings
    parse: Callable[[str], Script]
    describe_handlers: Callable[[Any], list[dict[str, Any]]]
    max_payload: int


class ReplayJob:
    """One replay under way. Nothing of it is kept: a replay that is begun anew sends the same alerts under the same
    identities, which are dropped where they are known."""

    def __init__(
        self,
        shop: Workshop,
        record: Mapping[str, Any],
        recording: Mapping[str, Any] | None,
        standing: Callable[[], Standing],
        announce: Announce,
    ) -> None:
        """record, recording: as services.store.projections.recordings has them."""
        self._shop, self._record, self._recording = shop, record, recording
        self._standing, self._announce = standing, announce
        self._run: TaskRun | None = None
        self._wake = asyncio.Event()
        self._real = record["clock"] == "real"
        self._started = 0
        self._contents = Contents()
        self._done = 0  # points
        self._ticked = 0
        self._progress = Progress()

    @property
    def progress(self) -> float:
        """How much of the recording is through: 0 to 1."""
        return self._progress.shown(self._exact())

    def statistics(self) -> dict[str, Any]:
        """The task's, {} while it does not run."""
        return {} if self._run is None else self._run.statistics()

    async def run(self) -> dict[str, Any]:
        """Until the recording is through; gives the task's statistics. Raises ReplayFailed, or BusError."""
        record = self._record
        if record["attempts"] >= ATTEMPTS:
            raise ReplayFailed(f"interrupted {ATTEMPTS} times")
        if record["source"] != "recording":
            raise ReplayFailed("queries of InfluxDB are not replayed here")
        with self._task() as (run, alerts):
            zero = record["zero"] or time.time_ns()
            self._started = await self._announce(zero, alerts)
            self._run = run
            clock = ReplayClock(zero, real=self._real, recording_time=record["recording_time"])
            self._clock = clock
            try:
                await self._play(run, clock, self._archive())
                statistics = run.statistics()
                self._perform(run.finish(max(clock.now, self._ticked + 1)))
            except TaskFailed as error:
                raise ReplayFailed(f"task run: {error}") from error
            except ValueError as error:
                raise ReplayFailed(f"running replay: {error}") from error
        await self._shop.outbox.sent()
        return statistics

    def _archive(self) -> Archive:
        recording, record = self._recording, self._record
        if recording is None or recording["sequence"] != record["recording_sequence"]:
            raise ReplayFailed("data source open: no recording exists")
        if recording["type"] != record["definition"]["type"]:
            raise ReplayFailed(
                f"running replay: the recording is of type {recording['type']}, "
                f"the task of type {record['definition']['type']}"
            )
        if recording["status"] == "running":
            raise ReplayFailed("running replay: the recording is still being made")
        return Archive(self._shop.objects, recording["sequence"])

    @contextlib.contextmanager
    def _task(self) -> Iterator[tuple[TaskRun, list[dict[str, Any]]]]:
        """The task's instance, and its alert nodes as events describe them. Raises ReplayFailed."""
        shop, record = self._shop, self._record
        definition = record["definition"]
        try:
            compiled = compile_script(shop.parse(definition["script"]), shop.registry, parse_vars(definition["vars"]))
            mismatch = compiled.graph.mismatch()
            if mismatch is not None:
                raise TaskFailed(mismatch)
            nodes = [node for node in compiled.graph.nodes if node.spec.takes_handlers]
            alerts = [self._alert(node.name, node.properties) for node in nodes]
            around = replace(shop.around, levels={}, replay=record["id"])
            dbrps = [(d["db"], d["rp"]) for d in definition["dbrps"]]
            run = TaskRun(record["task"], compiled.graph, dbrps, shop.classes, SeriesTable(), log, around)
        except TickscriptError as error:
            raise ReplayFailed(f"task start: {api_error(error)}") from error
        except (TaskFailed, ValueError) as error:
            raise ReplayFailed(f"task start: {error}") from error
        try:
            flaw = run.flaw()
            if flaw is not None:
                raise ReplayFailed(f"task run: {flaw}")
            loop = asyncio.get_running_loop()

            def wake() -> None:
                """Called in any thread, perhaps once the loop has come to its end."""
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._wake.set)

            run.attach(wake)
            yield run, alerts
        finally:
            self._run = None
            run.close()

    def _alert(self, node: str, properties: Any) -> dict[str, Any]:
        handlers = self._shop.describe_handlers(properties)
        topics = topics_of(properties, self._record["task"], node, self._record["id"])
        return {"node": node, "topic": topics[0] if handlers else "", "topics": list(topics), "handlers": handlers}

    async def _play(self, run: TaskRun, clock: ReplayClock, archive: Archive) -> None:
        intake = Intake(run.table)
        measurements = None
        if run.measurements is not None:
            measurements = frozenset(map(intake.measurement, run.measurements))
        self._contents = await archive.contents()
        before = 0
        async for chunk, records in archive.read(self._contents):
            for go in _goes(records):
                database, retention_policy = go[0].database, go[0].retention_policy
                wanted = run.wants(database, retention_policy)
                if not wanted and clock.now:
                    continue
                piece, refused = intake.decode(database, retention_policy, go)
                if refused:
                    raise ValueError(refused[0].error)
                if piece is None:
                    continue
                clock.begin(int(piece.points.time[0]))
                if wanted:
                    await self._step(run, clock, piece, measurements)
                await asyncio.sleep(0)
            before += chunk.points
            self._done = before
        until = time.monotonic() + _ANSWERS_SECONDS
        while run.unanswered and time.monotonic() < until:
            await self._answers(run, clock)

    async def _step(self, run: TaskRun, clock: ReplayClock, piece: Slice, measurements: frozenset[int] | None) -> None:
        """The points of a slice, each when the clock has come to it, and what the clock sets off between them."""
        times = clock.times(piece.points.time)
        moments = clock.moments(times)
        at, n = 0, len(times)
        while at < n:
            while run.full:
                await self._answers(run, clock)
            limit = clock.limit()
            end = n if limit is None else int(np.searchsorted(moments, limit, "right"))
            if run.clocked:
                end = min(end, int(np.searchsorted(moments, moments[at], "right")))
            tick = run.next_tick()
            if tick is not None:
                end = min(end, int(np.searchsorted(moments, tick, "left")))
            if end > at:
                clock.now = int(moments[end - 1])
                part = piece.part(at, end, times[at:end], moments[at:end])
                self._perform(run.step(part, measurements))
                self._done += end - at
                at = end
            elif tick is not None and tick <= int(moments[at]) and (limit is None or tick <= limit):
                clock.now = max(clock.now, tick)
                self._tick(run, clock)
            else:
                due = int(moments[at]) if tick is None else min(int(moments[at]), tick)
                pause = clock.wait(due)
                await self._wait(min(pause, _ANSWER_PAUSE) if run.unanswered else pause)
            await self._shop.outbox.room()
            await asyncio.sleep(0)

    async def _answers(self, run: TaskRun, clock: ReplayClock) -> None:
        """Take in what has come back from outside."""
        await self._wait(_ANSWER_PAUSE)
        self._tick(run, clock)

    def _tick(self, run: TaskRun, clock: ReplayClock) -> None:
        """No two ticks have one number: by that is known what they set off."""
        self._ticked = max(clock.now, self._ticked + 1)
        self._perform(run.tick(self._ticked))

    async def _wait(self, seconds: float) -> None:
        """So long, or until something has come back from outside."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()

    def _perform(self, effects: Sequence[Effect]) -> None:
        """Have done what a step wants done outside. What would be written back to the bus stays undone: it would go
        to all the live tasks."""
        limit = self._shop.max_payload - _HEADER_ROOM
        for effect in effects:
            if isinstance(effect, Alerts | Inhibition):
                for lane, subject, data in letters(effect, self._started, self._record["id"], limit):
                    self._shop.outbox.send(lane, Letter(subject, data, None, self._standing))
            elif isinstance(effect, Failure):
                raise TaskFailed(effect.reason)
            elif isinstance(effect, Output) and self._standing() is Standing.HELD:
                effect.do()

    def _exact(self) -> float:
        chunks = self._contents.chunks
        if not chunks or self._run is None:
            return 0.0
        if self._real:
            first, last = min(c.first for c in chunks), max(c.last for c in chunks)
            return self._clock.passed() / max(last - first, 1)
        return self._done / max(self._contents.points, 1)


def _goes(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Records in runs of one database and retention policy, and of so many bytes at most, one record at least."""
    go: list[Record] = []
    size = 0
    for record in records:
        other = bool(go) and (go[0].database, go[0].retention_policy) != (record.database, record.retention_policy)
        if other or (go and size + len(record.body) > _GO_BYTES):
            yield go
            go, size = [], 0
        go.append(record)
        size += len(record.body)
    if go:
        yield go
