"""The processes of tickbus, as the gateway sees them. Shapes: schemas.events.processes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

import orjson

from schemas.events.processes import HERE, LOGS
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.subjects import ask_subject
from services.bus.tell import Hearing
from services.gateway.commands.refusal import Refusal

Answer = dict[str, Any]

_SECONDS = 1.0
_LISTEN_SECONDS = 6.0
_MOST_LINES = 10_000


class Session:
    """Lines as they come. Where they come faster than they are taken, the oldest are left out."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str] = asyncio.Queue()

    def put(self, lines: list[str]) -> None:
        """Lines have come."""
        for line in lines:
            if self._lines.qsize() >= _MOST_LINES:
                self._lines.get_nowait()
            self._lines.put_nowait(line)

    async def next(self) -> str:
        """The next line."""
        return await self._lines.get()


class Processes:
    """Use as an async context manager. It learns of processes as they begin, and forgets those that do not answer."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._known: dict[str, str] = {}
        self._sessions: set[Session] = set()
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Processes:
        self._hearing = self._bus.hear(HERE, self._appeared)
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
        """How many processes of a service there are, as far as is known."""
        return sum(known == service for known in self._known.values())

    async def ask(self, what: str, question: Mapping[str, Any] | None = None, seconds: float = 0.0) -> list[Answer]:
        """What all processes answer; waits a second at most, and so many seconds more. Raises Refusal (503)."""
        await self._finding
        expected = len(self._known) or None
        try:
            answers = await self._bus.ask_all(
                ask_subject("process", what), orjson.dumps(question or {}), expected, _SECONDS + seconds
            )
        except BusError as error:
            raise Refusal(503, f"the bus cannot be reached: {error}") from error
        if expected is not None and len(answers) < expected:
            self._finding = asyncio.create_task(self._find())
        return [orjson.loads(answer) for answer in answers]

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """The log lines of all processes from now on, of every level, for as long as it is entered."""
        session = Session()
        self._sessions.add(session)
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        try:
            yield session
        finally:
            self._sessions.discard(session)

    async def _find(self) -> None:
        """Ask who is there. Who begins later says so."""
        try:
            answers = await self._bus.ask_all(ask_subject("process", "here"), b"{}", None, _SECONDS / 4)
        except BusError:
            return
        self._known = {process["id"]: process["service"] for process in map(orjson.loads, answers)}

    def _appeared(self, data: bytes) -> None:
        process = orjson.loads(data)
        self._known[process["id"]] = process["service"]

    async def _listen(self) -> None:
        """Have log lines told for as long as somebody takes them."""
        hearing: Hearing = self._bus.hear(LOGS, self._heard)
        try:
            while self._sessions:
                await self.ask("listen", {"level": "DEBUG", "seconds": _LISTEN_SECONDS})
                await asyncio.sleep(_LISTEN_SECONDS / 3)
            await self.ask("listen", {"level": "DEBUG", "seconds": 0.0})
        finally:
            hearing.stop()
            self._listening = None

    def _heard(self, data: bytes) -> None:
        lines = data.decode("utf-8", "replace").split("\n")
        for session in self._sessions:
            session.put(lines)
