"""Tapping tasks: the worker of a task, or those of its parts, tell what leaves its nodes for as long as they are asked
again and again."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import orjson

from schemas.requests.engine import TASK_TAP
from schemas.requests.shape import MalformedMessage
from services.bus.connection import Bus
from services.bus.errors import BusError, NobodyThere
from services.bus.subjects import request_subject, tap_subject
from services.gateway.clients.answers import asking
from services.gateway.clients.parts import running_units
from services.gateway.operations.operation_error import OperationError
from services.store.folds.tasks import RunRecord

MOST_TAPS = 64
"""At one gateway at once."""
LEASE_SECONDS = 6.0
"""After which a worker ends a tap that nobody asks for any more."""
_SECONDS = 2.0
_MOST_BYTES = 1 << 20  # of lines that wait for the client
_TAKING_UP_SECONDS, _PAUSE = 2.0, 0.05


class TapClient:
    """The taps of one gateway."""

    def __init__(self, bus: Bus, over: Callable[[str], str], run: Callable[[str], RunRecord | None]) -> None:
        """over(task): why a task is not to run any more, "" where it is. run(task): its run, None where it has none."""
        self._bus, self._over, self._run = bus, over, run
        self._open = 0

    async def lines(self, task: str, node: str, tags: Mapping[str, str], rate: int) -> AsyncIterator[bytes]:
        """Lines of JSON as they come, whole ones; the first item is empty, and says that the tap has begun.

        It goes on while the task moves to another worker, or to others in parts, each of which tells its share of the
        rate; where it is not to run any more, the last line says so.
        Raises OperationError: 404 where there is no such node, 503 where no worker answers for the task or there are
        too many taps.
        """
        if self._open >= MOST_TAPS:
            raise OperationError(503, f"{MOST_TAPS} taps are being read: no more at once")
        tap, waiting = secrets.token_hex(8), _Waiting()
        wanted = {"tap": tap, "node": node, "tags": dict(tags), "rate": rate}
        self._open += 1
        hearing = self._bus.listen(tap_subject(tap), waiting.put)
        renewing: asyncio.Task[None] | None = None
        try:
            await self._begin(task, wanted)
            renewing = asyncio.create_task(self._renew(task, wanted, waiting))
            yield b""
            while (lines := await waiting.next()) is not None:
                yield lines
        finally:
            self._open -= 1
            hearing.stop()
            if renewing is not None:
                renewing.cancel()
                self._end(task, wanted)

    async def _begin(self, task: str, wanted: Mapping[str, Any]) -> None:
        """Ask the workers of a task. One that has just taken it up says so a moment before it answers."""
        with asking("the engine"):
            try:
                async with asyncio.timeout(_TAKING_UP_SECONDS):
                    while (refused := await self._ask(task, wanted)) is None:
                        await asyncio.sleep(_PAUSE)
            except TimeoutError as error:
                raise OperationError(503, f"no worker runs the task {task} at present") from error
        if refused != (200, ""):
            raise OperationError(*refused)

    async def _renew(self, task: str, wanted: Mapping[str, Any], waiting: _Waiting) -> None:
        """Ask again before the lease ends; while somebody does not answer, soon again: another may have the task."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            refused = None
            with contextlib.suppress(BusError, MalformedMessage):
                refused = await self._ask(task, wanted)
            while refused is None:
                if why := self._over(task):
                    refused = 409, why
                    break
                await asyncio.sleep(LEASE_SECONDS / 12)
                with contextlib.suppress(BusError, MalformedMessage):
                    refused = await self._ask(task, wanted)
            if refused != (200, ""):
                waiting.end(orjson.dumps({"error": refused[1]}) + b"\n")
                return

    async def _ask(self, task: str, wanted: Mapping[str, Any]) -> tuple[int, str] | None:
        """Status and error, None where no worker runs the task or a part of it. Raises BusError, MalformedMessage."""
        units = self._units(task)
        question = TASK_TAP.encode_request(**_shared(wanted, len(units)), seconds=LEASE_SECONDS)
        asked = [self._bus.request(request_subject(*TASK_TAP.tokens(unit)), question, _SECONDS) for unit in units]
        try:
            answers = [TASK_TAP.decode_response(data) for data in await asyncio.gather(*asked)]
        except NobodyThere:
            return None
        answer = next((one for one in answers if one["status"] != 200), answers[0])
        return answer["status"], answer.get("error", "")

    def _end(self, task: str, wanted: Mapping[str, Any]) -> None:
        """Say that nobody reads any more; where that does not arrive, the lease ends."""
        with contextlib.suppress(BusError):
            for unit in self._units(task):
                subject = request_subject(*TASK_TAP.tokens(unit))
                self._bus.broadcast(subject, TASK_TAP.encode_request(**wanted, seconds=0))

    def _units(self, task: str) -> list[str]:
        """By which ids the workers of a task are asked now, one for each part."""
        run = self._run(task)
        return [task] if run is None else [unit.id for unit in running_units(task, run)]


def _shared(wanted: Mapping[str, Any], units: int) -> dict[str, Any]:
    """What each of so many workers is asked, for all of them to tell no more rows together than are wanted."""
    return {**wanted, "rate": max(wanted["rate"] // units, 1)}


class _Waiting:
    """Lines that wait for a client. Where they come faster than it takes them, the oldest are left out and counted."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = self._left_out = 0
        self._ended = False
        self._arrived = asyncio.Event()

    def put(self, lines: bytes) -> None:
        """Lines have come."""
        self._pieces.append(lines)
        self._size += len(lines)
        while self._size > _MOST_BYTES and len(self._pieces) > 1:
            oldest = self._pieces.popleft()
            self._size -= len(oldest)
            self._left_out += oldest.count(b"\n")
        self._arrived.set()

    def end(self, line: bytes) -> None:
        """Nothing comes behind this line."""
        self.put(line)
        self._ended = True

    async def next(self) -> bytes | None:
        """The next lines, with how many were left out before them; None behind the last."""
        while not self._pieces:
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        lines, left_out = self._pieces.popleft(), self._left_out
        self._size -= len(lines)
        self._left_out = 0
        return (orjson.dumps({"left-out": left_out}) + b"\n" if left_out else b"") + lines
