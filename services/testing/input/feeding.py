"""What comes in step by step, each at its time."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from services.bus.follow import StoredMessage
from services.bus.subjects import write_subject
from services.connectors.influxdb import InfluxDBError
from services.connectors.influxdb_results import Batch, alike, batch_of, together
from services.dryrun.log_run import LogRun
from services.lineprotocol.reference_parser import LineError
from services.nodes.query import QueryPlan, QueryProperties
from services.nodes.query_flux import FluxPlan, QueryFluxProperties
from services.pipeline.compiler.sources import BATCH
from services.recorder.record.srpl import BadFile
from services.runtime.effects import Effect
from services.testing.input.influxdb import CannotAnswer, InfluxDB, Point
from services.testing.input.lines import Line, point_of, read_lines
from services.testing.input.recordings import is_batches, is_stream, queries_of, writes_of
from services.testing.input.times import parse_time

Found = Callable[[Sequence[Effect]], None]


class BadInput(Exception):
    """What cannot come in; str() says why."""


@dataclass(slots=True)
class Query:
    """A query node of a batch task. next: its next tick, ns."""

    name: str
    plan: QueryPlan | FluxPlan
    next: int | None


@dataclass(slots=True)
class Feed:
    """Brings a test's input to its task. found: told of all that the task wants done. now: ns.

    start: ns, when the task began.
    """

    run: LogRun
    start: int
    precision: str
    found: Found
    apart: int = 0
    now: int = 0
    _seq: int = 0
    _queries: list[Query] = field(default_factory=list)
    _influxdb: InfluxDB = field(default_factory=InfluxDB)
    _answers: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.now = self.start
        run = self.run.run
        if run.graph.edge.value == "batch":
            sources = [source for source in run.graph.sources() if source.spec is BATCH]
            for node in [child for source in sources for child in source.children]:
                plan = _plan(node.properties)
                plan.check_sources(run.dbrps)
                self._queries.append(Query(node.name, plan, plan.schedule.next(self.start)))

    async def reach(self, time: int) -> None:
        """The clock goes to a time, ns; what is due on the way is done. Raises BadInput where it would go back."""
        if time < self.now:
            raise BadInput("the clock cannot go back")
        while (query := self._due(time)) is not None:
            await self._ask(query)
        self.found(await self.run.reach(time))
        self.now = time

    async def lines(self, texts: Sequence[str], dbrp: tuple[str, str] | None) -> None:
        """Line protocol comes, each line at its time. Raises BadInput."""
        for text in texts:
            await self._take(self._read(text, self.now), self._dbrp(dbrp))

    async def repeated(self, texts: Sequence[str], every: int, until: int, dbrp: tuple[str, str] | None) -> None:
        """Line protocol comes again and again, so many ns apart, from now on until then. Raises BadInput."""
        moments = range(self.now, until + 1, every)
        if self._queries:
            for moment in moments:
                await self.reach(max(moment, self.now))
                await self.lines(texts, dbrp)
        else:
            lines = [line for moment in moments for text in texts for line in self._read(text, moment)]
            await self._take(lines, self._dbrp(dbrp))
        await self.reach(max(until, self.now))

    async def file(self, path: Path, dbrp: tuple[str, str] | None) -> None:
        """What a file holds comes: line protocol, or a recording of a stream or of queries. Raises BadInput."""
        try:
            data = path.read_bytes()
            if is_stream(path, data):
                await self._stream(data)
            elif is_batches(path):
                await self._batches(data, path)
            else:
                await self.lines([data.decode()], dbrp)
        except (OSError, UnicodeDecodeError, BadFile, EOFError, gzip.BadGzipFile) as error:
            raise BadInput(f"{path}: {error}") from None

    def answers(self, given: Any) -> None:
        """What InfluxDB answers from now on. Raises BadInput."""
        names = [query.name for query in self._queries]
        if not names:
            raise BadInput("answers are for batch tasks")
        if isinstance(given, dict):
            for name in given:
                if name not in names:
                    raise BadInput(f"the task has no query {name!r}: it has {', '.join(names)}")
            self._answers |= given
        elif len(names) == 1:
            self._answers[names[0]] = given
        else:
            raise BadInput(f"the task has several queries: say by name which is answered so: {', '.join(names)}")

    def _read(self, text: str, now: int) -> list[Line]:
        try:
            return list(read_lines(text, self.precision, self.start, now))
        except ValueError as error:
            raise BadInput(str(error)) from None

    def _dbrp(self, given: tuple[str, str] | None) -> tuple[str, str]:
        return given or sorted(self.run.run.dbrps)[0]

    async def _take(self, lines: Sequence[Line], dbrp: tuple[str, str]) -> None:
        if self._queries:
            for line in lines:
                point: Any = point_of(line.text, line.time)
                self._influxdb.points.append(Point(*dbrp, **point))
            return
        subject = write_subject(*dbrp)
        messages: list[StoredMessage] = []
        for line in lines:
            arrives = max(line.arrives, self.now)
            self._seq += 1
            messages.append(StoredMessage(self._seq, subject, line.text, None, arrives))
            self.now = arrives + self.apart
        if messages:
            self.found(await self.run.take(messages))
            self.now = messages[-1].time_ns + self.apart

    async def _stream(self, data: bytes) -> None:
        for write in writes_of(data):
            lines = list(read_lines(write.body.decode(), write.precision, self.start, self.now))
            await self._take(lines, (write.database, write.retention_policy))

    async def _batches(self, data: bytes, path: Path) -> None:
        """Recorded batches instead of what the queries would ask for, each at its time."""
        names = [query.name for query in self._queries]
        count, gathered_batches = queries_of(path, data)
        if count != len(names):
            raise BadInput(f"{path} is of {count} queries, the task has {len(names)}")
        found = [(batch, names[gathered.seq]) for gathered in gathered_batches for batch in gathered.batches]
        for batch, name in sorted(found, key=lambda one: one[0].tmax):
            at = max(batch.tmax, self.now)
            self.found(await self.run.reach(at))
            self.now = at
            await self._feed(name, [batch], at)

    def _due(self, time: int) -> Query | None:
        due = [query for query in self._queries if query.next is not None and query.next <= time]
        return min(due, key=lambda query: query.next or 0, default=None)

    async def _ask(self, query: Query) -> None:
        tick = query.next
        assert tick is not None
        query.next = query.plan.schedule.next(tick)
        self.found(await self.run.reach(tick))
        self.now = tick
        batches = list(self._answer(query, tick))
        if batches:
            await self._feed(query.name, batches, tick)

    def _answer(self, query: Query, tick: int) -> Iterator[Batch]:
        plan = query.plan
        given = self._answers.get(query.name)
        if isinstance(plan, FluxPlan):
            begin, stop, by_name, by_time = tick, tick - plan.properties.offset, False, True
            if given is None:
                raise BadInput(f"{query.name}: give `answers` for a query in Flux")
        else:
            (begin, stop), by_name, by_time = plan.span(tick), plan.properties.group_by_measurement, plan.by_time
        try:
            if given is None:
                assert isinstance(plan, QueryPlan)
                series = self._influxdb.query(plan.text(tick))
            else:
                series = list(_series(given, begin, self.start, tick))
            for one in series:
                yield batch_of(one, by_name, stop, by_time)
        except CannotAnswer as error:
            raise BadInput(
                f"{query.name}: InfluxDB's answer cannot be worked out from lines, because of {error}: give `answers`"
            ) from None
        except (InfluxDBError, LineError, ValueError) as error:
            raise BadInput(f"{query.name}: {error}") from None

    async def _feed(self, query: str, batches: Sequence[Batch], time: int) -> None:
        run = self.run.run
        for part in alike(batches):
            whole = together(part, run.table)
            self.found(run.feed(query, whole, self._seq + 1, np.full(len(whole), time, dtype=np.int64)))
            self._seq += len(whole)
        self.found(await self.run.reach(time))


def _plan(properties: Any) -> QueryPlan | FluxPlan:
    if isinstance(properties, QueryFluxProperties):
        return FluxPlan(properties)
    assert isinstance(properties, QueryProperties)
    return QueryPlan(properties)


def _series(given: Any, begin: int, start: int, tick: int) -> Iterator[dict[str, Any]]:
    """An answer as tests give it, as InfluxDB has it."""
    if isinstance(given, str):
        yield from _of_lines(given, start, begin)
        return
    for one in given:
        names = sorted({name for point in one["points"] for name in point if name != "time"})
        rows = [
            [_time(point.get("time"), start, begin, tick), *(point.get(name) for name in names)]
            for point in one["points"]
        ]
        tags = {name: str(value) for name, value in one.get("tags", {}).items()}
        yield {"name": one.get("name", "answer"), "tags": tags, "columns": ["time", *names], "values": rows}


def _of_lines(text: str, start: int, begin: int) -> Iterator[dict[str, Any]]:
    groups: dict[Any, list[dict[str, Any]]] = {}
    for line in read_lines(text, "ns", start, begin):
        point: Any = point_of(line.text, line.time)
        groups.setdefault((point["name"], tuple(sorted(point["tags"].items()))), []).append(point)
    for (name, tags), points in groups.items():
        names = sorted({key for point in points for key in point["fields"]})
        rows = [[point["time"], *(point["fields"].get(key) for key in names)] for point in points]
        yield {"name": name, "tags": dict(tags), "columns": ["time", *names], "values": rows}


def _time(given: Any, start: int, begin: int, tick: int) -> int:
    return begin if given is None else parse_time(str(given), start, tick)
