"""A process's own answers on the bus. Shapes: schemas.events.processes."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

import orjson
from marshmallow import Schema

from schemas.config import Config
from schemas.events import processes as shapes
from services import log
from services.bus.connection import Bus
from services.bus.link import Credentials
from services.bus.subjects import ask_subject
from services.cli.process import stacks
from services.cli.process.figures import figures
from services.cli.process.forward import Forwarder
from services.cli.process.memory import heap
from services.cli.process.sampling import sample
from services.cli.process.waits import waits

Answer = dict[str, Any]


class Agent:
    """Answers while it is entered, over a connection of its own, so that it does not wait behind the service's data.

    Entering raises BusUnavailable where NATS cannot be reached.
    """

    def __init__(self, service: str, config: Config) -> None:
        self._service = service
        self._config = config
        self._started = time.time()
        self._me: Answer = {
            "id": f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
            "service": service,
            "host": socket.gethostname(),
            "pid": os.getpid(),
        }

    async def __aenter__(self) -> Agent:
        nats = self._config.nats
        credentials = Credentials(nats.username or None, nats.password or None)
        self._bus = await Bus.connect(nats.url, f"{self._service}-process", credentials)
        self._forwarder = Forwarder(self._bus, self._service)
        answers: dict[str, tuple[type[Schema], Callable[[Answer], Awaitable[Answer]]]] = {
            "here": (Schema, self._here),
            "level": (shapes.LevelQuestionSchema, self._level),
            "listen": (shapes.ListenQuestionSchema, self._listen),
            "figures": (Schema, self._figures),
            "profile": (shapes.ProfileQuestionSchema, self._profile),
            "heap": (Schema, self._heap),
            "stacks": (Schema, self._stacks),
            "threads": (Schema, self._threads),
            "waits": (shapes.WaitsQuestionSchema, self._waits),
        }
        self._answering = [
            self._bus.answer(ask_subject("process", what), self._handler(schema(), answer))
            for what, (schema, answer) in answers.items()
        ]
        self._bus.tell(shapes.HERE, orjson.dumps(self._me))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for answering in self._answering:
            answering.stop()
        self._forwarder.stop()
        await self._bus.close()

    def _handler(self, schema: Schema, answer: Callable[[Answer], Awaitable[Answer]]) -> Any:
        async def handle(data: bytes, headers: Any) -> bytes:
            return orjson.dumps(await answer(schema.load(orjson.loads(data) if data else {})))

        return handle

    async def _here(self, question: Answer) -> Answer:
        return self._me

    async def _level(self, question: Answer) -> Answer:
        log.set_level(question["level"])
        return {}

    async def _listen(self, question: Answer) -> Answer:
        self._forwarder.listen(question["level"], question["seconds"])
        return {}

    async def _figures(self, question: Answer) -> Answer:
        return {**self._me, "started": self._started, **figures()}

    async def _profile(self, question: Answer) -> Answer:
        return {**self._me, "samples": await asyncio.to_thread(sample, question["seconds"])}

    async def _heap(self, question: Answer) -> Answer:
        return {**self._me, "samples": await asyncio.to_thread(heap)}

    async def _stacks(self, question: Answer) -> Answer:
        return {**self._me, "text": stacks.text(), "samples": stacks.samples()}

    async def _threads(self, question: Answer) -> Answer:
        return {**self._me, "samples": stacks.created()}

    async def _waits(self, question: Answer) -> Answer:
        return {**self._me, "samples": await waits(question["seconds"], locks=question["locks"])}
