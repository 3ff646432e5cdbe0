"""Answering how far back the log goes, and the states that are kept of tasks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.requests.recorder import RECORDER_HISTORY
from services.bus.connection import Bus
from services.bus.positions import WritesSeq
from services.bus.streams import ALERTS, EVENTS, WRITES
from services.bus.subjects import request_subject
from services.dryrun.state_history import StateHistory
from services.engine.states.history.records import KeptPoint, Summary
from services.recorder.service import QUEUE


@contextlib.contextmanager
def answering_history(bus: Bus, history: StateHistory) -> Iterator[None]:
    """Answer meanwhile."""

    async def answer(data: bytes, headers: Mapping[str, str]) -> bytes:
        asked = RECORDER_HISTORY.decode_request(data)
        return RECORDER_HISTORY.encode_response(await _history(bus, history, asked["task"]))

    answering = bus.answer(request_subject(*RECORDER_HISTORY.tokens()), answer, QUEUE)
    try:
        yield
    finally:
        answering.stop()


async def _history(bus: Bus, history: StateHistory, task: str) -> dict[str, Any]:
    found = [summary for summary in await history.listed() if task in ("", summary.task)]
    tasks = [_task(summary) for summary in found]
    if task and tasks:
        tasks[0]["points"] = _points(await history.points(task))
    reach = {name.lower(): await _reach(bus, name) for name in (WRITES, ALERTS, EVENTS)}
    return {**reach, "bytes": await history.size(), "tasks": tasks}


async def _reach(bus: Bus, stream: str) -> dict[str, Any]:
    state = await bus.stream_state(stream)
    places = {"first": state.first_seq, "last": state.last_seq}
    found = {which: _place(seq, await _stored_at(bus, stream, seq)) for which, seq in places.items()}
    return {**found, "messages": state.messages, "bytes": state.bytes}


async def _stored_at(bus: Bus, stream: str, seq: int) -> int:
    message = await bus.get_message(stream, seq) if seq else None
    return 0 if message is None else message.time_ns


def _task(summary: Summary) -> dict[str, Any]:
    return {
        "task": summary.task,
        "states": summary.states,
        "runs": summary.runs,
        "bytes": summary.size,
        "oldest": _place(summary.oldest, summary.oldest_time),
        "newest": _place(summary.newest, summary.newest_time),
        "ended": summary.ended,
    }


def _points(points: Sequence[KeptPoint]) -> list[dict[str, Any]]:
    return [
        {
            "position": point.position,
            "until": point.until,
            "time": point.time,
            "kept": point.kept,
            "enabled": point.run.enabled,
            "began": point.run.began,
            "why": point.why,
            "bytes": point.size,
            "part": None if point.share is None else point.share.number,
            "parts": 1 if point.share is None else point.share.of,
        }
        for point in points
    ]


def _place(sequence: int | WritesSeq, time: int) -> dict[str, int]:
    return {"sequence": sequence, "time": time}
