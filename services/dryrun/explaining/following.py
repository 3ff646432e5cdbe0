"""How far points got: each by itself through a task, from node to node, until where it ended."""

from __future__ import annotations

import asyncio
import itertools
import time as clock
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grammar.golang.times import format_rfc3339
from services.bus.follow import StoredMessage
from services.bus.subjects import parse_write_subject
from services.columns.groups.fitting_tags import FittingTags
from services.columns.groups.series import SeriesTable
from services.dryrun.explaining.lines import written
from services.dryrun.explaining.path import Entry, PathRecorder, went
from services.dryrun.log_run import LogRun
from services.runtime.input.line_protocol_decoder import LineProtocolDecoder
from services.runtime.input.sizes import text_bytes

MOST = 50
"""Points that are followed."""
_MOST_ELSEWHERE = 10
_NOT_READ = {"node": "stream0", "why": "the task reads no points of this measurement"}


@dataclass(frozen=True, slots=True)
class Asked:
    """Points that have all these tags, of times (ns) from `first` to `last`."""

    tags: Mapping[str, str]
    first: int
    last: int


@dataclass(slots=True)
class Followed:
    """points: each as services.dryrun.explaining.lines.written has it, with its "time", "path" and "ends": [{"node",
    "why"}]. ticks: {"time", "path", "ends"} of what the clock has set off in that time. left_out: points that were not
    followed, since there were too many.

    elsewhere: such points that the task does not get, being of another database or retention policy. nearest: where
    there are none of that time, the last before it and the first behind it that were seen.
    """

    points: list[dict[str, Any]] = field(default_factory=list)
    ticks: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0
    elsewhere: list[dict[str, Any]] = field(default_factory=list)
    nearest: list[dict[str, Any]] = field(default_factory=list)


async def follow(
    log: LogRun, before: AsyncIterable[list[StoredMessage]], then: AsyncIterable[list[StoredMessage]], asked: Asked
) -> Followed:
    """Take a task through a part of the log, and follow the points of it that are asked about.

    before: what comes first and is not looked at; then: what may hold such points, of all databases. Raises TaskFailed,
    BusError.
    """
    recorder, followed = PathRecorder(log.run, asked.tags), Followed()
    seen = Seen(asked)
    with log:
        log.run.observe(recorder)
        async for messages in before:
            await log.take(messages)
        recorder.ticks = asked.first, asked.last
        async for messages in then:
            for message in messages:
                await _one(log, recorder, message, seen.rows(message), followed)
                await asyncio.sleep(0)
        await log.reach(min(asked.last, clock.time_ns()))  # what is still to come nobody knows
    followed.ticks = _by_tick(recorder.entries)
    followed.nearest = seen.nearest() if not followed.points else []
    return followed


async def _one(log: LogRun, recorder: PathRecorder, message: StoredMessage, rows: Sequence[int], to: Followed) -> None:
    """A message through the task, the points that are asked about each by itself."""
    if not log.run.wants(*parse_write_subject(message.subject)):
        room = _MOST_ELSEWHERE - len(to.elsewhere)
        to.elsewhere += [written(message, row) for row in rows[:room]]
        return
    chosen = rows[: MOST - len(to.points)]
    to.left_out += len(rows) - len(chosen)
    if not chosen:
        await log.take([message])
        return
    at = 0
    for row in chosen:
        await log.take_points(message, at, row)
        known = len(recorder.entries)
        recorder.recording = True
        await log.take_points(message, row, row + 1)
        recorder.recording = False
        path = went([entry for entry in recorder.entries[known:] if "tick" not in entry])
        recorder.entries[known:] = [entry for entry in recorder.entries[known:] if "tick" in entry]
        to.points.append({**written(message, row), "path": path, "ends": ends_of(path) if path else [_NOT_READ]})
        at = row + 1
    await log.take_points(message, at, text_bytes(message))
    log.passed(message)


def ends_of(path: Iterable[Entry]) -> list[dict[str, str]]:
    """Where what went along a path has ended, and why: {"node", "why"}."""
    return [
        {"node": entry["node"], "why": entry["silence"] or "nothing came out of it"}
        for entry in path
        if entry["in"] and not any("deletes" not in row for row in entry["out"])
    ]


def _by_tick(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    ticks = []
    for time, its in itertools.groupby(entries, lambda entry: entry.get("tick")):
        path = list(its)
        if time is not None:
            ticks.append({"time": time, "path": path, "ends": ends_of(path)})
    return ticks


class Seen:
    """Points of the log that have the tags that are asked for."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._decoder = LineProtocolDecoder(SeriesTable())
        self._fitting = FittingTags(self._decoder.table, frozenset(asked.tags.items()).issubset)
        self._before: tuple[int, StoredMessage, int] | None = None  # time, message, row
        self._behind: tuple[int, StoredMessage, int] | None = None

    def rows(self, message: StoredMessage) -> list[int]:
        """The points of a message that are asked about."""
        batch, _ = self._decoder.decode(*parse_write_subject(message.subject), [message])
        if batch is None:
            return []
        mine = self._fitting.of_series(batch.points.series)
        time = batch.points.time
        self._note(message, mine, time)
        rows: list[int] = np.flatnonzero(mine & (time >= self._asked.first) & (time <= self._asked.last)).tolist()
        return rows

    def nearest(self) -> list[dict[str, Any]]:
        """The last of such points before the time asked about, and the first behind it, as they were written."""
        near = [one for one in (self._before, self._behind) if one is not None]
        return [{**written(message, row), "time": format_rfc3339(time)} for time, message, row in near]

    def _note(self, message: StoredMessage, mine: Any, time: Any) -> None:
        before = np.flatnonzero(mine & (time < self._asked.first))
        behind = np.flatnonzero(mine & (time > self._asked.last))
        if len(before):
            row = int(before[np.argmax(time[before])])
            if self._before is None or int(time[row]) > self._before[0]:
                self._before = int(time[row]), message, row
        if len(behind):
            row = int(behind[np.argmin(time[behind])])
            if self._behind is None or int(time[row]) < self._behind[0]:
                self._behind = int(time[row]), message, row
