"""A trace: a task over a part of the log with nothing done outside, and what went into its nodes and came out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from grammar.golang.times import format_rfc3339
from grammar.tickscript.parser import parse_lambda
from services.bus.follow import StoredMessage
from services.bus.positions import WritesSeq
from services.bus.reading.places_by_time import position_at
from services.bus.streams import WRITES
from services.dryrun import log_reader
from services.dryrun.log_run import LogRun
from services.dryrun.node_errors import NodeErrors
from services.dryrun.parts import parts
from services.dryrun.sifting import Sift, can_sift
from services.dryrun.tracing.alone import goes_alone
from services.dryrun.tracing.lines import TraceLines
from services.dryrun.tracing.wanted import Wanted
from services.process.flight_recorder import packed
from services.recorder.inspection.beginning import Beginning, begin
from services.recorder.inspection.job import InspectionFailed
from services.recorder.past import Past
from services.recorder.results import ResultWriter
from services.runtime.effects import Effect, Failure
from services.runtime.errors import TaskFailed
from services.store.folds.inspections import InspectionRecord

MOST_LINES = 1_000_000
"""How many lines are kept of one trace, unless it is asked for fewer."""

# Of messages that are worked on before others have their turn: of all their lines, and of some alone.
_TURN_BYTES, _SIFTED_BYTES = 4 << 20, 16 << 20


class TraceJob:
    """One trace under way."""

    def __init__(self, past: Past, record: InspectionRecord) -> None:
        self._past, self._record, self._asked = past, record, record.asked
        self._done = 0.0
        self._origin = 0
        self._heard = NodeErrors()
        self._last: StoredMessage | None = None
        self._messages = 0
        self._errors: dict[str, int] = {}  # of nodes, before what is shown

    @property
    def progress(self) -> float:
        """How much of the log is through: 0 to 1."""
        return self._done

    async def run(self, results: ResultWriter) -> dict[str, Any]:
        """Until all is looked at; gives the summary:

        began: see Beginning. log: {"messages": how many were looked at, "last": {"seq", "time"} or null, "trimmed":
        what is to be said where the log begins later, or null}. nodes: by name what went in and came out, how many
        lines that was, and errors with their reasons. alone: whether only points of the group went through, as nothing
        else could matter to them. refused: messages without line protocol. ended: why the task ended, null where it
        did not. where: why the condition could be evaluated for no point at all, null where it could. found: lines that
        were wanted in all.

        Raises as InspectionJob does.
        """
        asked, note = self._asked, packed(kind=self._record.kind, id=self._record.id, run=self._record.sequence)
        tasks = replace(self._past.tasks.telling(self._heard), note=note)
        await self._past.writes.look()
        beginning = await begin(self._past, tasks, asked["task"], asked["definition"], asked["start"], asked["stop"])
        last = await position_at(self._past.bus, asked["stop"])
        self._origin = beginning.run.position
        with beginning.run as run:
            run.note = note
            lines, ended = self._lines(run), ""
            if can_sift(asked["group"]) and goes_alone(run.run, asked["group"]):
                run.sift = Sift(asked["group"])
            try:
                await self._before(run, beginning, last)
                ended = await self._traced(run, lines, beginning.first, last, results)
            except TaskFailed as error:
                ended = str(error)
            await results.add(lines.taken())
            trimmed = beginning.trimmed or await self._trimmed(beginning.log_first)
            return self._summary(run, lines, beginning.told, trimmed, ended)

    def _lines(self, run: LogRun) -> TraceLines:
        asked = self._asked
        where = parse_lambda(asked["where"]) if asked["where"] else None
        try:
            return TraceLines(
                run.run, Wanted(asked["node"], asked["group"], where), min(asked["limit"] or MOST_LINES, MOST_LINES)
            )
        except LookupError as error:
            raise InspectionFailed(f"node: {error}") from error

    async def _before(self, run: LogRun, beginning: Beginning, last: WritesSeq) -> None:
        """What lies between the beginning and the part that is looked at. Raises TaskFailed."""
        async for messages in self._read(run, beginning.first, last):
            if ended := _ended(await run.take(messages)):
                raise TaskFailed(f"{ended} (before what is shown)")
        await run.reach(beginning.start)

    async def _traced(
        self, run: LogRun, lines: TraceLines, first: WritesSeq, last: WritesSeq, results: ResultWriter
    ) -> str:
        """The part that is looked at; gives why the task ended in it, "" where it did not. Raises TaskFailed."""
        run.run.observe(lines)
        self._heard.reasons.clear()
        self._errors = _errors(run)
        run.position = WritesSeq(max(run.position, first))
        async for messages in self._read(run, last, last):
            self._messages += len(messages)
            self._last = messages[-1]
            effects = await run.take(messages)
            lines.add(effects)
            await results.add(lines.taken())
            if ended := _ended(effects):
                return ended
        effects = await run.reach(self._asked["stop"])
        lines.add(effects)
        return _ended(effects)

    async def _read(self, run: LogRun, until: WritesSeq, end: WritesSeq) -> AsyncIterator[list[StoredMessage]]:
        """The messages of the task up to a place in the log, in turns. end: the last place of all, for the progress."""
        async with aclosing(
            log_reader.read(self._past.bus, run.run.dbrps, run.position, until, self._past.writes.created)
        ) as batches:
            async for batch in batches:
                for turn in parts(batch, lambda: _TURN_BYTES if run.sift is None else _SIFTED_BYTES):
                    yield turn
                    self._done = min((turn[-1].seq - self._origin) / max(end - self._origin, 1), 1.0)
                    await asyncio.sleep(0)

    async def _trimmed(self, first: int) -> str | None:
        """What is to be said where the log was cut off at its beginning while it was read. first: where it began."""
        holds = (await self._past.bus.stream_state(WRITES)).first_seq
        lost = holds > max(first, self._origin + 1)
        return "it let go of its oldest messages meanwhile: some of what was asked for may be missing" if lost else None

    def _summary(
        self, run: LogRun, lines: TraceLines, began: dict[str, Any], trimmed: str | None, ended: str
    ) -> dict[str, Any]:
        errors = _errors(run)
        nodes = {
            name: {
                "in": counts.taken,
                "out": counts.given,
                "lines": counts.found,
                "errors": errors[name] - self._errors.get(name, 0),
                "reasons": self._heard.reasons.get(name, {}),
            }
            for name, counts in lines.counts.items()
        }
        last = None if self._last is None else {"seq": self._last.seq, "time": format_rfc3339(self._last.time_ns)}
        return {
            "began": began,
            "log": {"messages": self._messages, "last": last, "trimmed": trimmed},
            "nodes": nodes,
            "alone": run.sift is not None,
            "refused": len(run.refused),
            "ended": ended or None,
            "where": lines.mistaken or None,
            "found": lines.found,
        }


def _errors(run: LogRun) -> dict[str, int]:
    """How many errors each node has counted."""
    return {name: node["errors"] for name, node in run.run.statistics()["node-stats"].items()}


def _ended(effects: Sequence[Effect]) -> str:
    """Why the task ended, "" where it did not."""
    return next((effect.reason for effect in effects if isinstance(effect, Failure)), "")
