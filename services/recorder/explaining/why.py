"""Why an alert was raised."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import Any

from grammar.golang.times import format_rfc3339
from services.alertlog.info import LEVELS
from services.bus.positions import WritesSeq
from services.bus.reading.places_by_time import position_at
from services.bus.streams import WRITES
from services.dryrun.explaining.explanation import Cause, Explanation, explain
from services.dryrun.explaining.lines import Places, written
from services.dryrun.explaining.path import took_part
from services.dryrun.log_reader import read
from services.dryrun.past_tasks import run_started_by
from services.recorder.explaining.alert_events import FoundEvent, find_event, source_of
from services.recorder.explaining.begun import Begun, begin
from services.recorder.explaining.unexplained import Unexplained
from services.recorder.past import Past
from services.runtime.errors import TaskFailed
from services.runtime.input.sizes import text_bytes
from services.store.folds.task_records import RunRecord

_MOST_OTHERS = 100  # other points whose lines are shown
_FIRST_PART, _GROWS, _MOST_PART = 16, 4, 1024  # messages in which points are looked for at once
_MOST_BYTES = 128 << 20  # of the log that are looked through for them


async def why(past: Past, topic: str, id: str, at: int | None) -> dict[str, Any]:
    """Why the level of an alert changed, the last time or the last one at or before a time (ns).

    As schemas.api.inspections.why has it. Raises Unexplained, BusError.
    """
    await past.writes.look()
    event = await find_event(past.bus, topic, id, at)
    source = await source_of(past.bus, event)
    found: dict[str, Any] = {
        "topic": topic,
        "id": id,
        "event": {**source.to_plain(), "previous": event.previous or source.previous},
        "via": list(source.via),
        "notes": [],
        "path": [],
        "others": [],
    }
    message = source.message
    if message.via is not None and message.via.collected:
        found["notes"].append("the event was made of several by an aggregation: this is the last of them")
    if message.ends is not None:
        return found | {"cause": {"kind": "deletion"}, "notes": ["the task was deleted, which ends its alerts"]}
    if message.replay:
        raise Unexplained(409, f"the event was raised by the replay {message.replay!r}, not by what the log holds")
    cause = _cause(past, source)
    run = await run_started_by(past.bus, past.writes.epochs, message.task, message.started)
    if run is not None and run.definition.type == "batch":
        when = format_rfc3339(cause.tick)
        note = "what a batch task asks InfluxDB for is not in the log: only what its alert saw is known"
        return found | {"cause": {"kind": "query", "time": when, "node": message.node}, "notes": [note]}
    return await _told(past, found, source, cause, run)


def _cause(past: Past, event: FoundEvent) -> Cause:
    m, i = event.message, event.number
    number, row, ordinal = int(m.seq[i]), int(m.row[i]), int(m.ordinal[i])
    if number < 0:
        id = None if m.part is None else m.ids[int(m.id[i])]
        return Cause(m.node, m.topic, event.group_tags, 0, row, ordinal, -number, id)
    seq = past.writes.epochs.place(number)
    if seq is None:
        raise Unexplained(410, "the write that caused it was in a log that is no more: the log of writes went back")
    return Cause(m.node, m.topic, event.group_tags, seq, row, ordinal)


async def _told(
    past: Past, found: dict[str, Any], event: FoundEvent, cause: Cause, run: RunRecord | None
) -> dict[str, Any]:
    state = await past.bus.stream_state(WRITES)
    if not cause.tick and cause.seq < state.first_seq:
        raise Unexplained(410, f"the write that caused it is not in the log any more, which {await _begins(past)}")
    if cause.tick:
        before = until = await position_at(past.bus, cause.tick - 1)
    else:
        before, until = WritesSeq(cause.seq - 1), WritesSeq(cause.seq)
    begun = await begin(past, run, "why", event.message.task, before, cause.tick or None)
    dbrps = begun.log.run.dbrps
    try:
        async with aclosing(read(past.bus, dbrps, begun.position, until, past.writes.created)) as reading:
            explanation = await explain(begun.log, reading, cause)
    except TaskFailed as error:
        raise Unexplained(409, f"the task as it was ends before that: {error}") from error
    found["path"] = explanation.path
    if not cause.tick and explanation.message is None:
        raise Unexplained(410, "the write that caused it is not in the log any more")
    await _placed(past, explanation, begun, dbrps)
    found["others"] = await _others(past, explanation.path, cause)
    found["cause"] = (
        {"kind": "clock", "time": format_rfc3339(cause.tick)}
        if explanation.message is None
        else {"kind": "point", **written(explanation.message, cause.row)}
    )
    found["from"] = begun.to_plain()
    found["notes"] += [begun.note] if begun.note else []
    raising = [entry for entry in explanation.path if entry["node"] == cause.node]
    if explanation.level == event.level and not found["event"]["previous"] and raising:
        found["event"]["previous"] = next((g["before"].get("level", LEVELS[0]) for g in raising[-1]["groups"]), "")
    if explanation.level != event.level:
        told = "raises none" if explanation.level is None else f"has the level {explanation.level}"
        found["notes"].append(f"the task gone through again {told} here: what it knew then is not known as a whole")
    found["agrees"] = explanation.level == event.level
    return found


async def _placed(past: Past, explanation: Explanation, begun: Begun, dbrps: Iterable[tuple[str, str]]) -> None:
    """Find where in the log points lie that were held already when the run began: backwards, since they are young."""
    places, end, size, left = Places(explanation.unplaced), int(begun.position), _FIRST_PART, _MOST_BYTES
    while places.missing and end > 0 and left > 0:
        begin = max(end - size, 0)
        async with aclosing(read(past.bus, dbrps, WritesSeq(begin), WritesSeq(end), past.writes.created)) as reading:
            async for messages in reading:
                for message in messages:
                    places.look(message)
                    left -= text_bytes(message)
                    await asyncio.sleep(0)
        places.settle()
        end, size = begin, min(size * _GROWS, _MOST_PART)


async def _others(past: Past, path: list[dict[str, Any]], cause: Cause) -> list[dict[str, Any]]:
    """The points beside the cause that took part, as they were written, in the order of the log."""
    wanted = sorted(took_part(path) - {(cause.seq, cause.row)})
    ticks = [{"tick": format_rfc3339(-seq)} for seq, _ in wanted if seq < 0]
    points = [one for one in wanted if one[0] > 0]
    found: list[Mapping[str, Any]] = []
    for seq, row in points[-_MOST_OTHERS:]:
        message = await past.bus.get_message(WRITES, seq)
        found.append({"seq": seq, "row": row} if message is None else written(message, row))
    left = len(points) - len(found)
    return [*ticks, *([{"left-out": left}] if left > 0 else []), *map(dict, found)]


async def _begins(past: Past) -> str:
    """When the first message of the log was stored, for a sentence."""
    state = await past.bus.stream_state(WRITES)
    message = await past.bus.first_message(WRITES, state.first_seq)
    return "holds nothing" if message is None else f"begins at {format_rfc3339(message.time_ns)}"
