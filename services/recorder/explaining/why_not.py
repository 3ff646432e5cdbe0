"""Why no alert was raised: how far the points of a time got."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from grammar.golang.times import format_rfc3339
from services.bus.streams import WRITES
from services.bus.subjects import WRITES as EVERY_WRITE
from services.bus.subjects import parse_write_subject
from services.dryrun.explaining.following import Asked, follow
from services.dryrun.log_reader import position_at, read
from services.recorder.explaining import past_runs
from services.recorder.explaining.unexplained import Unexplained
from services.recorder.explaining.why import Past
from services.runtime.errors import TaskFailed

_AROUND = 60 * 10**9  # ns by which points may have been stored before or after their own time


async def why_not(past: Past, task: str, tags: Mapping[str, str], at: int, within: int) -> dict[str, Any]:
    """How far the points of a group, of a time (ns) and so many ns around it, got in a task, and where they ended.

    As schemas.api.why has it. Raises Unexplained, BusError.
    """
    run = await past_runs.at_time(past.bus, task, at + within)
    if run is None and not await past_runs.known(past.bus, task):
        raise Unexplained(404, f"no task exists: {task!r}")
    if run is not None and run.definition.type == "batch":
        raise Unexplained(409, f"task {task!r} is a batch task: what it asks InfluxDB for is not in the log")
    first, last = at - within, at + within
    before, until = await position_at(past.bus, first - _AROUND), await position_at(past.bus, last + _AROUND)
    begun = await past.begin(run, task, before, None if run is None else run.enabled)
    before = max(before, begun.position)
    every = [parse_write_subject(subject) for subject in await past.bus.subjects_of(WRITES, EVERY_WRITE)]
    try:
        async with (
            aclosing(read(past.bus, begun.log.run.dbrps, begun.position, before)) as reading,
            aclosing(read(past.bus, every, before, until)) as then,
        ):
            followed = await follow(begun.log, reading, then, Asked(tags, first, last))
    except TaskFailed as error:
        raise Unexplained(409, f"the task as it was ends in that time: {error}") from error
    notes = [begun.note] if begun.note else []
    if not followed.points:
        notes.append(_none(tags, first, last))
    if run is not None and run.began > first:
        notes.append(f"the task began to run only at {format_rfc3339(run.began)}")
    return {
        "task": task,
        "tags": dict(tags),
        "first": format_rfc3339(first),
        "last": format_rfc3339(last),
        "points": followed.points,
        "ticks": followed.ticks,
        "left-out": followed.left_out,
        "elsewhere": followed.elsewhere,
        "nearest": followed.nearest,
        "from": begun.to_plain(),
        "notes": notes,
    }


def _none(tags: Mapping[str, str], first: int, last: int) -> str:
    named = " ".join(f"{name}={value}" for name, value in tags.items())
    of = f" with {named}" if named else ""
    return (
        f"no point{of} of a time between {format_rfc3339(first)} and {format_rfc3339(last)} came to the task "
        "that was written within a minute of that"
    )
