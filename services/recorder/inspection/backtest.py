"""The backtest as a job: a script over what was, what it would have done, and how that differs from what was done."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from grammar.golang.times import format_rfc3339
from services.bus.reading.places_by_time import position_at, whole_since
from services.bus.streams import ALERTS, WRITES
from services.dryrun.backtesting.beginning import Asked, Beginning, NotInLog, beginning
from services.dryrun.backtesting.comparison import Comparison, TooManyEvents
from services.dryrun.backtesting.findings import Findings, nobody
from services.dryrun.backtesting.live_alerts import Caused, live_alerts
from services.dryrun.backtesting.log_backtest import TURN_BYTES, LogBacktest
from services.dryrun.backtesting.raised import RaisedEvent
from services.dryrun.log_reader import read
from services.dryrun.node_errors import NodeErrors
from services.dryrun.outcomes import Line
from services.dryrun.parts import parts
from services.dryrun.starting import DryTasks
from services.pipeline.spec import Edge
from services.process.flight_recorder import packed
from services.process.pools import Pool
from services.recorder.inspection.batch_backtest import BatchBacktest
from services.recorder.inspection.job import InspectionFailed
from services.recorder.past import Past
from services.recorder.record.queries import QueryFailed
from services.recorder.results import ResultWriter
from services.runtime.task import TaskRun
from services.store.folds.definition import TaskDefinition
from services.store.folds.inspections import InspectionRecord

_SHOWN = 20  # differences in the summary
_threads = Pool("backtests", 1)
_LOST = "the log let go of its oldest messages meanwhile: some of what was asked for may be missing"

Sink = Callable[[Iterable[Line]], Awaitable[bool]]
"""Takes lines; gives whether more are wanted."""
Raises = Callable[[RaisedEvent], None]


class BacktestJob:
    """One under way."""

    def __init__(self, past: Past, record: InspectionRecord) -> None:
        """record: what was asked for as schemas.events.backtest has it."""
        self._past = past
        self._note = packed(kind=record.kind, id=record.id, run=record.sequence)
        self._asked = record.asked
        self._begin, self._end = int(record.asked["start"]), int(record.asked["stop"])
        self._share: Callable[[], float] = lambda: 0.0  # of the run under way, how much is through
        self._runs, self._done = 2 if record.asked["against_script"] else 1, 0

    @property
    def progress(self) -> float:
        """How much is through: 0 to 1."""
        return (self._done + min(1.0, self._share())) / self._runs

    async def run(self, results: ResultWriter) -> dict[str, Any]:
        """Until all is through; gives the summary. Raises InspectionFailed, CannotRun or BusError."""
        asked = self._asked
        await self._past.writes.look()
        definition = TaskDefinition.from_plain(asked["definition"])
        comparison: Comparison | None = None
        raises: Raises = nobody
        more: dict[str, Any] = {}

        async def sink(lines: Iterable[Line]) -> bool:
            await results.add(lines, minor=True)
            return not results.half_full

        try:
            if asked["against_script"] or asked["against"]:
                comparison = Comparison()
                raises, more = await self._expected(comparison, definition)
            findings, told = await self._played(definition, bool(asked["own"]), raises, sink)
        except (QueryFailed, NotInLog, TooManyEvents) as error:
            raise InspectionFailed(str(error)) from error
        results.leave_out(findings.untold)
        _, by_id = await _begun(findings.by_id())
        await results.add(by_id)
        if comparison is not None:
            first, differences = await _begun(comparison.lines())
            await results.add({"kind": "difference", **line} for line in differences)
            more = {"difference": {**await _threads.run(comparison.counts), **more, "first": first}}
        return {**told, **await _threads.run(findings.summary), **more}

    async def _expected(self, comparison: Comparison, definition: TaskDefinition) -> tuple[Raises, dict[str, Any]]:
        """What the other one did, into the comparison; gives what takes the one's events, and what to tell of it."""
        asked = self._asked
        if asked["against_script"]:
            other = TaskDefinition(definition.type, asked["against_script"], definition.dbrps, definition.vars)
            try:
                await self._played(other, False, comparison.expect, _nowhere)
            except (QueryFailed, NotInLog) as error:
                raise InspectionFailed(f"against-script: {error}") from error
            self._done += 1
            return comparison.take, {"against": "script", "expected": comparison.expected}
        return await self._live(asked["against"], comparison)

    async def _live(self, task: str, comparison: Comparison) -> tuple[Raises, dict[str, Any]]:
        bus, writes = self._past.bus, self._past.writes
        reach = await whole_since(bus, ALERTS)
        begin = max(self._begin, reach)
        places = [await position_at(bus, time) for time in (begin, self._end)]
        caused = Caused(places[0], places[1], begin, self._end)
        async with aclosing(live_alerts(bus, task, caused, writes.epochs)) as events:
            async for event in events:
                comparison.expect(event)
        batch = self._asked["definition"]["type"] == "batch"

        def take(event: RaisedEvent) -> None:
            if event.time > begin if batch else caused.has(event.cause):
                comparison.take(event)

        told = {"against": task, "expected": comparison.expected, "compared-from": format_rfc3339(begin)}
        if begin > self._begin:
            told["note"] = f"the alerts of live tasks are kept from {format_rfc3339(begin)} on only"
        elif self._asked["against_since"] > self._begin:
            since = format_rfc3339(self._asked["against_since"])
            told["note"] = f"the task {task} was enabled, for the last time, at {since}"
        elif not comparison.expected:
            told["note"] = (
                "no alert of that task and time is kept: an alert node without handlers and topic tells nobody"
            )
        return take, told

    async def _played(
        self, definition: TaskDefinition, own: bool, raises: Raises, sink: Sink
    ) -> tuple[Findings, dict[str, Any]]:
        """A script run from begin to end; gives what it came to, and what is to be told of the run."""
        heard = NodeErrors()
        tasks = replace(self._past.tasks.telling(heard), note=self._note)
        if definition.type == "batch":
            findings, told = await self._over_queries(tasks, definition, raises, sink)
        else:
            asked = Asked(self._asked["task"], definition, own, self._begin, self._end, self._asked["warm_up"])
            begun = await beginning(self._past.bus, tasks, self._past.kept, asked)
            findings, told = await self._over_log(begun, raises, sink)
        return findings, {**told, "reasons": heard.reasons}

    async def _over_log(self, begun: Beginning, raises: Raises, sink: Sink) -> tuple[Findings, dict[str, Any]]:
        run, held = begun.run, (await self._past.bus.stream_state(WRITES)).first_seq
        run.note = self._note
        with run:
            findings = Findings(run.run.graph, self._begin, self._end, raises)
            await self._read(LogBacktest(run, begun.stretch, findings), begun, findings, sink)
            told = {**begun.told, **_counts(run.run), "unreadable-messages": len(run.refused)}
        holds = (await self._past.bus.stream_state(WRITES)).first_seq
        if holds > max(held, begun.stretch.after + 1):
            told["notes"].append(_LOST)
        return findings, told

    async def _read(self, backtest: LogBacktest, begun: Beginning, findings: Findings, sink: Sink) -> None:
        """All of the log through the run, or as much as it takes until it has failed."""
        stretch = begun.stretch
        self._share = lambda: (backtest.position - stretch.after) / max(1, stretch.until - stretch.after)
        created = self._past.writes.created
        log = read(self._past.bus, begun.run.run.dbrps, stretch.after, stretch.until, created)
        async with aclosing(log) as batches:
            async for messages in batches:
                for part in parts(messages, lambda: TURN_BYTES):
                    findings.tells = await sink(await backtest.take(part))
                    await asyncio.sleep(0)
                if findings.failed:
                    return
        await sink(await backtest.end())

    async def _over_queries(
        self, tasks: DryTasks, definition: TaskDefinition, raises: Raises, sink: Sink
    ) -> tuple[Findings, dict[str, Any]]:
        dry = await tasks.from_nothing(self._asked["task"], definition, began=self._begin)
        dry.note = self._note
        with dry:
            findings = Findings(dry.run.graph, self._begin, self._end, raises)
            backtest = BatchBacktest(dry, tasks.environment.influxdb, self._begin, self._end, findings)
            self._share = lambda: backtest.progress
            await backtest.play(sink)
            began = {"began": "nothing", "began-at": format_rfc3339(self._begin), "notes": []}
            return findings, {**began, **_counts(dry.run)}


async def _begun(lines: Iterator[Line]) -> tuple[list[Line], Iterator[Line]]:
    """The first of some lines, and all: for the first of them all are put in order, which may take long."""
    first = await _threads.run(list, itertools.islice(lines, _SHOWN))
    return first, itertools.chain(first, lines)


async def _nowhere(lines: Iterable[Line]) -> bool:
    """Where lines go that nobody reads."""
    return False


def _counts(run: TaskRun) -> dict[str, Any]:
    """{"points": how many have come in, the warm-up's too, "of": "points" or "batches", "errors": those of nodes}."""
    nodes = run.statistics()["node-stats"]
    first = next(iter(nodes.values()))
    of = "points" if run.graph.edge is Edge.STREAM else "batches"
    errors = {name: node["errors"] for name, node in nodes.items() if node["errors"]}
    return {"points": first["collected"], "of": of, "errors": errors}
