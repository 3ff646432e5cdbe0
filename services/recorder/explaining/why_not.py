"""Why no alert was raised: how far the points of a time got."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from grammar.golang.times import format_rfc3339
from services.bus.follow import StoredMessage
from services.bus.positions import WritesSeq
from services.bus.reading.places_by_time import position_at
from services.bus.streams import WRITES
from services.bus.subjects import WRITES as EVERY_WRITE
from services.bus.subjects import parse_write_subject
from services.dryrun.explaining.following import Asked, Seen, follow
from services.dryrun.log_reader import read
from services.dryrun.past_tasks import is_known, run_at
from services.recorder.explaining.begun import begin
from services.recorder.explaining.unexplained import Unexplained
from services.recorder.past import Past
from services.runtime.errors import TaskFailed
from services.runtime.input.sizes import text_bytes

_AROUND = 60 * 10**9  # ns by which points may have been stored before or after their own time
_LATE_BYTES = 64 << 20  # of the log behind that are looked through for points that were written later
_TOGETHER = 1000  # messages from the first that was late on that are looked at


async def why_not(past: Past, task: str, tags: Mapping[str, str], at: int, within: int) -> dict[str, Any]:
    """How far the points of a group, of a time (ns) and so many ns around it, got in a task, and where they ended.

    As schemas.api.inspections.why has it. Raises Unexplained, BusError.
    """
    await past.writes.look()
    first, last = at - within, at + within
    before, until = await position_at(past.bus, first - _AROUND), await position_at(past.bus, last + _AROUND)
    every = [parse_write_subject(subject) for subject in await past.bus.subjects_of(WRITES, EVERY_WRITE)]
    asked = Asked(tags, first, last)
    late = await _late(past, every, asked, before, until)
    run = await run_at(past.bus, past.writes.epochs, task, last if late is None else late.time_ns)
    if run is None and not await is_known(past.bus, task):
        raise Unexplained(404, f"no task exists: {task!r}")
    if run is not None and run.definition.type == "batch":
        raise Unexplained(409, f"task {task!r} is a batch task: what it asks InfluxDB for is not in the log")
    if late is not None:
        before, until = WritesSeq(late.seq - 1), WritesSeq(late.seq + _TOGETHER)
    begun = await begin(past, run, "why-not", task, before, first if late is None else None)
    before = max(before, begun.position)
    try:
        async with (
            aclosing(read(past.bus, begun.log.run.dbrps, begun.position, before, past.writes.created)) as reading,
            aclosing(read(past.bus, every, before, until, past.writes.created)) as then,
        ):
            followed = await follow(begun.log, reading, then, asked)
    except TaskFailed as error:
        raise Unexplained(409, f"the task as it was ends in that time: {error}") from error
    notes = [begun.note] if begun.note else []
    if not followed.points:
        notes.append(_none(tags, first, last))
    if late is not None:
        notes.append(f"the points of that time were written only at {format_rfc3339(late.time_ns)}")
    if run is not None and run.position >= until:
        notes.append("the task began to run only behind the writes of that time, and did not get them")
    elif run is not None and run.began > last and late is None:
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


async def _late(
    past: Past, every: Sequence[tuple[str, str]], asked: Asked, before: WritesSeq, until: WritesSeq
) -> StoredMessage | None:
    """The first message with points that are asked about, where it was not written at their time but later.

    A part of the log behind that time is looked through for it. Raises BusError.
    """
    seen, left = Seen(asked), _LATE_BYTES
    end = WritesSeq(await past.bus.last_sequence(WRITES))
    async with aclosing(read(past.bus, every, before, end, past.writes.created)) as reading:
        async for messages in reading:
            for message in messages:
                if seen.rows(message):
                    return message if message.seq > until else None
                left -= text_bytes(message) if message.seq > until else 0
                await asyncio.sleep(0)
            if left < 0:
                break
    return None


def _none(tags: Mapping[str, str], first: int, last: int) -> str:
    named = " ".join(f"{name}={value}" for name, value in tags.items())
    of = f" with {named}" if named else ""
    return (
        f"no point{of} of a time between {format_rfc3339(first)} and {format_rfc3339(last)} came to the task "
        "that was written within a minute of that"
    )
