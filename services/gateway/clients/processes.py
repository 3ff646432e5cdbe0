"""The processes of tickbus, as the gateway sees them (see schemas.requests.process)."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections import deque
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from schemas.requests.process import HERE, LOGS, PROCESS_HERE, PROCESS_LISTEN
from schemas.requests.request import Request
from schemas.requests.shape import MalformedMessage
from services.bus.broadcast import Subscription
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.subjects import request_subject
from services.gateway.clients.answers import ServiceAnswer, readable
from services.gateway.clients.session_lines import session_object
from services.gateway.operations.operation_error import OperationError
from services.process import log as logs
from services.process.log_lines import parse

_SECONDS = 1.0
_LISTEN_SECONDS = 6.0
MOST_SESSIONS = 64
_log = logs.get("gateway")
_MOST_BYTES = 1 << 20  # of lines that wait for one of them
_MISSED = 3  # looks that a process may miss before it is forgotten: one that is busy is slow to answer


class LogLines:
    """Some lines that have come together. All sessions share them, and what is made of them."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self.texts = data.decode("utf-8", "replace").split("\n")

    @functools.cached_property
    def pairs(self) -> list[dict[str, str]]:
        """The keys and values of each line."""
        return [parse(text) for text in self.texts]

    @functools.cached_property
    def objects(self) -> list[Mapping[str, Any]]:
        """What the JSON of each line holds."""
        return [session_object(text, pairs) for text, pairs in zip(self.texts, self.pairs, strict=True)]


class Session:
    """Lines as they come. Where they come faster than they are taken, the oldest are left out."""

    def __init__(self) -> None:
        self._waiting: deque[LogLines] = deque()
        self._size = 0
        self._left_out = 0
        self._arrived = asyncio.Event()

    def put(self, lines: LogLines) -> None:
        """Lines have come."""
        self._waiting.append(lines)
        self._size += lines.size
        while self._size > _MOST_BYTES and len(self._waiting) > 1:
            oldest = self._waiting.popleft()
            self._size -= oldest.size
            self._left_out += len(oldest.texts)
        self._arrived.set()

    async def next(self) -> tuple[LogLines, int]:
        """The next lines, and how many were left out before them."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        lines, left_out = self._waiting.popleft(), self._left_out
        self._size -= lines.size
        self._left_out = 0
        return lines, left_out


class Processes:
    """Use as an async context manager. It learns of processes as they begin, and forgets those that do not answer."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._known: dict[str, str] = {}
        self._missed: dict[str, int] = {}
        self._sessions: set[Session] = set()
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Processes:
        self._hearing = self._bus.listen(HERE, self._appeared)
        self._finding = asyncio.create_task(self._find())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hearing.stop()
        self._finding.cancel()
        if self._listening is not None:
            self._listening.cancel()

    def count(self, service: str) -> int:
        """How many processes of a service there are, as far as is known; without those that did not answer lately."""
        return sum(known == service for id, known in self._known.items() if id not in self._missed)

    async def look(self, service: str) -> None:
        """Learn which processes of a service are there still, before all are waited for: nobody tells that one was
        killed.

        One that is busy has three seconds to answer.
        """
        await self._finding
        for _ in range(_MISSED):
            await self._find(_SECONDS, len(self._known) or None)
            if not any(self._known.get(id) == service for id in self._missed):
                return

    def known(self, id: str) -> bool:
        """Whether a process is there, be it that it is slow to answer."""
        return id in self._known

    async def request_all(
        self, request: Request, question: Mapping[str, Any] | None = None, seconds: float = 0.0
    ) -> list[ServiceAnswer]:
        """What all processes answer; waits a second at most, and so many seconds more. Raises OperationError (503)."""
        await self._finding
        expected = len(self._known.keys() - self._missed.keys()) or None
        try:
            answers = await self._bus.request_all(
                request_subject(*request.tokens()),
                request.encode_request(**(question or {})),
                expected,
                _SECONDS + seconds,
            )
        except BusError as error:
            raise OperationError(503, f"the bus cannot be reached: {error}") from error
        if self._missed or (expected is not None and len(answers) < expected):
            self._finding = asyncio.create_task(self._find())
        return readable(request, answers)

    def check_room(self) -> None:
        """Raises OperationError, 503, where there are as many sessions as there may be."""
        if len(self._sessions) >= MOST_SESSIONS:
            raise OperationError(503, f"{MOST_SESSIONS} streams of logs are being read: no more at once")

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """The log lines of all processes from now on, of every level, for as long as it is entered.

        Raises OperationError, 503, where there are too many.
        """
        self.check_room()
        session = Session()
        self._sessions.add(session)
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        try:
            yield session
        finally:
            self._sessions.discard(session)

    async def _find(self, seconds: float = _SECONDS / 4, expected: int | None = None) -> None:
        """Ask who is there, for so many seconds, or until so many have answered. Who begins later says so."""
        try:
            subject, question = request_subject(*PROCESS_HERE.tokens()), PROCESS_HERE.encode_request()
            answers = await self._bus.request_all(subject, question, expected, seconds)
        except BusError:
            return
        found = {process["id"]: process["service"] for process in readable(PROCESS_HERE, answers)}
        self._missed = {id: self._missed.get(id, 0) + 1 for id in self._known if id not in found}
        self._known = {id: service for id, service in self._known.items() if self._missed.get(id, 0) < _MISSED} | found

    def _appeared(self, data: bytes) -> None:
        try:
            process = PROCESS_HERE.decode_response(data)
        except MalformedMessage as error:
            _log.limited("here").warn("what a process says of itself cannot be read", err=error)
            return
        self._known[process["id"]] = process["service"]

    async def _listen(self) -> None:
        """Have log lines told for as long as somebody takes them."""
        hearing: Subscription = self._bus.listen(LOGS, self._heard)
        try:
            seconds = _LISTEN_SECONDS
            while seconds or self._sessions:  # one may begin while processes are told that there is none any more
                seconds = _LISTEN_SECONDS if self._sessions else 0.0
                # while the bus is away nobody hears it, and sessions go on once it is back
                with contextlib.suppress(OperationError):
                    await self.request_all(PROCESS_LISTEN, {"level": "DEBUG", "seconds": seconds})
                await asyncio.sleep(seconds / 3)
        finally:
            hearing.stop()
            self._listening = None

    def _heard(self, data: bytes) -> None:
        lines = LogLines(data)
        for session in self._sessions:
            session.put(lines)
