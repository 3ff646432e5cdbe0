"""The resource /history: how far back the log goes, and the states of the past."""

from __future__ import annotations

from typing import Any

from grammar.golang.times import format_rfc3339
from schemas.api.inspections.history import HistoryParametersSchema, HistorySchema
from services.gateway.clients.recorder import RecorderClient
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.queries.parameters import text

_STREAMS = ("writes", "alerts", "events")
_TIMES = ("time", "kept", "began")


def resource(recorder: RecorderClient) -> Resource:
    """Asking for it."""
    return Resource("history", _operations(recorder))


def _operations(recorder: RecorderClient) -> list[Operation]:
    async def get(request: OperationRequest) -> Reply:
        found = await recorder.history(text(request, "task"))
        streams = {name: _stream(found[name]) for name in _STREAMS}
        tasks = [_task(task) for task in found["tasks"]]
        link = {"rel": "self", "href": request.link}
        return 200, {"link": link, **streams, "bytes": found["bytes"], "tasks": tasks}

    return [
        Operation(
            kind="history",
            verb="get",
            method="GET",
            path="/history",
            about="How far back writes, alerts and events go, and of each task the states that are kept of it: what "
            "looks into the past begins from them. A recorder answers.",
            parameters=HistoryParametersSchema,
            answers={200: HistorySchema},
            run=get,
        )
    ]


def _stream(stream: dict[str, Any]) -> dict[str, Any]:
    return {**stream, "first": _place(stream["first"]), "last": _place(stream["last"])}


def _place(place: dict[str, int]) -> dict[str, Any]:
    return {"sequence": place["sequence"], "time": format_rfc3339(place["time"]) if place["time"] else None}


def _task(task: dict[str, Any]) -> dict[str, Any]:
    shown = {"id": task["task"], **{key: task[key] for key in ("states", "runs", "bytes", "ended")}}
    shown |= {key: _place(task[key]) for key in ("oldest", "newest")}
    if "points" in task:
        shown["points"] = [point | {key: format_rfc3339(point[key]) for key in _TIMES} for point in task["points"]]
    return shown
