"""Asking the workers that run tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import orjson

from services import log as logs
from services.bus.connection import Bus
from services.bus.errors import BusError, NobodyThere
from services.bus.subjects import ask_subject
from services.gateway.commands.refusal import Refusal
from services.gateway.node_stats import Stats, shown

_SECONDS = 2.0
_RELOAD_SECONDS = 10.0
_SHARE_SECONDS = 40.0
_UNKNOWN_SECONDS = 0.5
_TAKING_UP_SECONDS = 0.5
_log = logs.get("gateway")


class Engine:
    """The engine as the gateway sees it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def stats(self, id: str) -> Stats | None:
        """A running task's statistics as the API shows them; None where no worker runs it."""
        try:
            answer = orjson.loads(await self._ask(id, "stats", b"{}"))
        except NobodyThere:
            return None
        except (BusError, ValueError) as error:
            _log.warn("no statistics of a task", task=id, err=error)
            return None
        stats: Stats | None = answer.get("stats") if answer.get("executing") else None
        return None if stats is None else shown(stats)

    async def all_stats(self, ids: Iterable[str]) -> dict[str, Stats]:
        """The statistics of those tasks that run."""
        asked = list(ids)
        answers = await asyncio.gather(*map(self.stats, asked))
        return {id: stats for id, stats in zip(asked, answers, strict=True) if stats is not None}

    async def workers(self, expected: int) -> list[dict[str, Any]]:
        """What each worker says of itself and its tasks (schemas.events.asks.EngineStatsAnswerSchema).

        expected: how many there are, 0 where that is not known.
        """
        try:
            answers = await self._ask_all("stats", expected, _SECONDS)
        except BusError as error:
            _log.warn("no statistics of the engine", err=error)
            return []
        return [orjson.loads(answer) for answer in answers]

    async def reload(self, expected: int) -> None:
        """Have all workers read anew what sideload nodes look up. Raises Refusal."""
        try:
            done = await self._ask_all("reload", expected, _RELOAD_SECONDS)
        except BusError as error:
            raise Refusal(503, f"the engine does not answer: {error}") from error
        for answer in done:
            if problem := orjson.loads(answer).get("error"):
                raise Refusal(500, problem)
        if len(done) < expected:
            raise Refusal(500, "a worker could not reload its sideload sources, see its log")

    async def share(self, expected: int) -> None:
        """Have all workers bring the states of their tasks to the bus; what fails with it is logged."""
        try:
            done = await self._ask_all("share", expected, _SHARE_SECONDS)
        except BusError as error:
            _log.warn("the states of tasks may not be on the bus", err=error)
            return
        failed = sum(bool(orjson.loads(answer).get("error")) for answer in done)
        if failed or len(done) < expected:
            _log.warn(
                "the states of some tasks are not on the bus", workers=expected, failed=failed, answered=len(done)
            )

    async def endpoint(self, id: str, endpoint: str) -> tuple[int, Any] | None:
        """Status and body of what a task's httpOut shows; None where no worker runs the task.

        A result (200) is JSON already, so that its numbers keep their form.
        """
        question = orjson.dumps({"endpoint": endpoint})
        try:
            answer = orjson.loads(await self._ask(id, "endpoint", question))
        except NobodyThere:
            return None
        status, body = answer["status"], answer["body"]
        return status, orjson.Fragment(body) if status == 200 else body

    async def _ask(self, id: str, what: str, question: bytes) -> bytes:
        """Ask the worker of a task. One that has just taken it up says so a moment before it answers."""
        subject = ask_subject("task", id, what)
        end = time.monotonic() + _TAKING_UP_SECONDS
        while True:
            try:
                return await self._bus.ask(subject, question, _SECONDS)
            except NobodyThere:
                if time.monotonic() >= end:
                    raise
            await asyncio.sleep(_TAKING_UP_SECONDS / 25)

    async def _ask_all(self, what: str, expected: int, timeout: float) -> list[bytes]:
        subject = ask_subject("engine", what)
        return await self._bus.ask_all(subject, b"{}", expected or None, timeout if expected else _UNKNOWN_SECONDS)
