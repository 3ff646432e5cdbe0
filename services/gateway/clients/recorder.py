"""Requests to the recorders."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.requests.recorder import (
    EXPLAIN_SECONDS,
    PROGRESS,
    RECORDER_EXPORT,
    RECORDER_HISTORY,
    RECORDER_LIST,
    RECORDER_RESULTS,
    RECORDER_WHY,
    RECORDER_WHY_NOT,
)
from schemas.requests.request import Request
from services.bus.connection import Bus
from services.bus.errors import BusError, NobodyThere
from services.bus.subjects import request_subject
from services.gateway.clients.answers import asking
from services.gateway.operations.operation_error import OperationError
from services.process import log as logs

_SECONDS, _EXPORT_SECONDS = 2.0, 30.0

_log = logs.get("gateway")


class RecorderClient:
    """The recorders as the gateway sees them: whichever is at it, or has it, answers."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def progress(self, kind: str, id: str) -> dict[str, Any]:
        """What a recorder says of what it is at: progress, and size or stats; empty where none is at it."""
        try:
            request = PROGRESS[kind]
            subject = request_subject(*request.tokens(id))
            answer: dict[str, Any] = request.decode_response(
                await self._bus.request(subject, request.encode_request(), _SECONDS)
            )
        except NobodyThere:
            return {}
        except (BusError, ValueError) as error:
            _log.warn("no word of the progress", kind=kind, id=id, err=error)
            return {}
        return answer

    async def all_progress(self, kind: str, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What `progress` gives, by id."""
        asked = list(ids)
        return dict(zip(asked, await asyncio.gather(*(self.progress(kind, id) for id in asked)), strict=True))

    async def why(self, topic: str, id: str, at: int | None) -> dict[str, Any]:
        """Why an alert's level changed, as schemas.api.inspections.why has it. at: ns.

        OperationError where it cannot be told.
        """
        return await self._explanation(RECORDER_WHY, topic=topic, id=id, at=at)

    async def why_not(self, task: str, tags: Mapping[str, str], at: int, within: int) -> dict[str, Any]:
        """How far points got, as schemas.api.inspections.why has it. at, within: ns.

        OperationError where it cannot be told.
        """
        return await self._explanation(RECORDER_WHY_NOT, task=task, tags=dict(tags), at=at, within=within)

    async def _explanation(self, request: Request, **question: Any) -> dict[str, Any]:
        with asking("the recorder"):
            subject = request_subject(*request.tokens())
            data = await self._bus.request(subject, request.encode_request(**question), EXPLAIN_SECONDS)
            answer = request.decode_response(data)
        if answer["error"]:
            raise OperationError(answer["status"], answer["error"])
        found: dict[str, Any] = answer["explanation"]
        return found

    async def chunks(self, sequence: int) -> tuple[int, list[int]]:
        """Of how many query nodes a recording of batches is, and of which each chunk is. OperationError (503)."""
        question = RECORDER_LIST.encode_request(sequence=sequence)
        with asking("the recorder"):
            data = await self._bus.request(request_subject(*RECORDER_LIST.tokens()), question, _EXPORT_SECONDS)
            answer = RECORDER_LIST.decode_response(data)
        return answer["streams"], answer["chunks"]

    async def exported(self, sequence: int, chunk: int) -> bytes:
        """A part of a recording's file, empty behind its last one. Raises OperationError (503)."""
        question = RECORDER_EXPORT.encode_request(sequence=sequence, chunk=chunk)
        with asking("the recorder"):
            data = await self._bus.request(request_subject(*RECORDER_EXPORT.tokens()), question, _EXPORT_SECONDS)
            part: bytes = RECORDER_EXPORT.decode_response(data)
        return part

    async def results(self, sequence: int, offset: int, limit: int) -> dict[str, Any]:
        """Lines of what a job has found, as schemas.requests.recorder.ResultsSchema has them. OperationError (503)."""
        question = RECORDER_RESULTS.encode_request(sequence=sequence, offset=offset, limit=limit)
        with asking("the recorder"):
            data = await self._bus.request(request_subject(*RECORDER_RESULTS.tokens()), question, _EXPORT_SECONDS)
            answer: dict[str, Any] = RECORDER_RESULTS.decode_response(data)
        return answer

    async def history(self, task: str = "") -> dict[str, Any]:
        """How far back everything goes, and the states that are kept of all tasks or of one. OperationError (503)."""
        question = RECORDER_HISTORY.encode_request(task=task)
        with asking("the recorder"):
            data = await self._bus.request(request_subject(*RECORDER_HISTORY.tokens()), question, _EXPORT_SECONDS)
            answer: dict[str, Any] = RECORDER_HISTORY.decode_response(data)
        return answer
