"""Asking the workers that run tasks."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson

from schemas.requests.engine import (
    ENGINE_FIGURES,
    ENGINE_RELOAD,
    ENGINE_SHARE,
    ENGINE_STATS,
    TASK_ENDPOINT,
    TASK_STATS,
)
from schemas.requests.request import Request
from schemas.requests.shape import MalformedMessage
from services.bus.connection import Bus
from services.bus.errors import BusError, NobodyThere
from services.bus.subjects import request_subject
from services.gateway.clients.answers import asking, readable
from services.gateway.clients.bulk_task_stats import BulkTaskStats
from services.gateway.clients.node_stats import Stats, public_stats
from services.gateway.clients.parts import merged_endpoint, merged_stats, running_units
from services.gateway.operations.operation_error import OperationError
from services.process import log as logs
from services.store.folds.tasks import RunRecord

_SECONDS = 2.0
_RELOAD_SECONDS = 25.0
_SHARE_SECONDS = 40.0
_UNKNOWN_SECONDS = 0.5
_TAKING_UP_SECONDS = 0.5
_log = logs.get("gateway")


class EngineClient:
    """The engine as the gateway sees it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def stats(self, id: str, run: RunRecord) -> Stats | None:
        """A running task's statistics as the API shows them, over all its parts; None where no worker runs it."""
        try:
            answers = [TASK_STATS.decode_response(one) for one in await self._ask_units(id, run, TASK_STATS)]
        except NobodyThere:
            return None
        except (BusError, ValueError) as error:
            _log.warn("no statistics of a task", task=id, err=error)
            return None
        return public_stats(merged_stats([one["stats"] for one in answers])) if answers[0]["executing"] else None

    def bulk_task_stats(self) -> BulkTaskStats:
        """For the statistics of many tasks in one answer."""
        return BulkTaskStats(self._bus)

    async def workers(self, expected: int) -> list[dict[str, Any]]:
        """What each worker says of itself and its tasks (schemas.requests.engine.EngineStatsSchema).

        expected: how many there are, 0 where that is not known.
        """
        return await self._told_by_all(ENGINE_STATS, expected)

    async def figures(self, expected: int) -> list[dict[str, Any]]:
        """The same in short (schemas.requests.engine.EngineFiguresSchema)."""
        return await self._told_by_all(ENGINE_FIGURES, expected)

    async def reload(self, expected: int) -> None:
        """Have all workers read anew what sideload nodes look up. Raises OperationError."""
        with asking("the engine"):
            done = await self._ask_all(ENGINE_RELOAD, expected, _RELOAD_SECONDS)
        for answer in readable(ENGINE_RELOAD, done):
            if problem := answer.get("error"):
                raise OperationError(500, problem)
        if len(done) < expected:
            raise OperationError(500, "a worker could not reload its sideload sources, see its log")

    async def share(self, expected: int) -> None:
        """Have all workers bring the states of their tasks to the bus; what fails with it is logged."""
        try:
            done = await self._ask_all(ENGINE_SHARE, expected, _SHARE_SECONDS)
        except BusError as error:
            _log.warn("the states of tasks may not be on the bus", err=error)
            return
        failed = sum(bool(answer.get("error")) for answer in readable(ENGINE_SHARE, done))
        if failed or len(done) < expected:
            _log.warn(
                "the states of some tasks are not on the bus", workers=expected, failed=failed, answered=len(done)
            )

    async def endpoint(self, id: str, run: RunRecord, endpoint: str) -> tuple[int, Any] | None:
        """Status and body of what a task's httpOut shows; None where no worker runs the task.

        A result (200) is JSON already, so that its numbers keep their form. Raises OperationError (503).
        """
        with asking("the engine"):
            try:
                found = await self._ask_units(id, run, TASK_ENDPOINT, endpoint=endpoint)
                answer = merged_endpoint([TASK_ENDPOINT.decode_response(one) for one in found])
            except NobodyThere:
                return None
            status, body = answer["status"], answer["body"]
            if status != 200:
                return status, body
            if not isinstance(body, str):
                raise MalformedMessage(f"{TASK_ENDPOINT.subject}: a result has to be JSON in a string")
            return status, orjson.Fragment(body)

    async def _ask_units(self, id: str, run: RunRecord, request: Request, **keys: Any) -> list[bytes]:
        """Ask the worker of a task, or those of its parts. Raises NobodyThere where one does not answer."""
        question = request.encode_request(**keys)
        return await asyncio.gather(*(self._ask(unit.id, request, question) for unit in running_units(id, run)))

    async def _ask(self, id: str, request: Request, question: bytes) -> bytes:
        """Ask the worker of a task. One that has just taken it up says so a moment before it answers."""
        subject = request_subject(*request.tokens(id))
        end = time.monotonic() + _TAKING_UP_SECONDS
        while True:
            try:
                return await self._bus.request(subject, question, _SECONDS)
            except NobodyThere:
                if time.monotonic() >= end:
                    raise
            await asyncio.sleep(_TAKING_UP_SECONDS / 25)

    async def _told_by_all(self, request: Request, expected: int) -> list[dict[str, Any]]:
        try:
            answers = await self._ask_all(request, expected, _SECONDS)
        except BusError as error:
            _log.limited("engine").warn("no statistics of the engine", err=error)
            return []
        found = []
        for answer in answers:
            try:
                found.append(await request.decode_long_response(answer))
            except MalformedMessage as error:
                _log.limited("stats").warn("the statistics of a worker cannot be read", err=error)
        return found

    async def _ask_all(self, request: Request, expected: int, timeout: float) -> list[bytes]:
        subject, seconds = request_subject(*request.tokens()), timeout if expected else _UNKNOWN_SECONDS
        return await self._bus.request_all(subject, request.encode_request(), expected or None, seconds)
