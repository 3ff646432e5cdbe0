"""A process's own answers on the bus. Shapes: schemas.requests.process."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

from schemas.config import Config
from schemas.requests import process as shapes
from schemas.requests.request import Request
from services.bus.connection import Bus
from services.bus.subjects import request_subject
from services.cli.diagnostics import stacks
from services.cli.diagnostics.forward import LogForwarder
from services.cli.diagnostics.memory import heap
from services.cli.diagnostics.sampling import sample
from services.cli.diagnostics.usage import usage
from services.cli.diagnostics.waits import waits
from services.process import log
from services.process.pools import Pool
from services.process.vitals import Vitals

Answer = dict[str, Any]


class DiagnosticsAgent:
    """Answers while it is entered, over a connection of its own, so that it does not wait behind the service's data.

    Entering raises BusUnavailable where NATS cannot be reached.
    """

    def __init__(self, service: str, config: Config, vitals: Vitals | None = None) -> None:
        self._service = service
        self._vitals = vitals or Vitals(service)
        self._config = config
        self._started = time.time()
        # a few askers at most, of which none waits for long: each gateway has one profile of a kind taken at a time
        self._profiles, self._heaps = Pool("profile", 1, most_waiting=2), Pool("heap", 1, most_waiting=2)
        self._me: Answer = {
            "id": f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
            "service": service,
            "host": socket.gethostname(),
            "pid": os.getpid(),
        }

    async def __aenter__(self) -> DiagnosticsAgent:
        self.bus = await Bus.of(self._config.nats, f"{self._service}-process")
        self._forwarder = LogForwarder(self.bus, self._service)
        answers: dict[Request, Callable[[Answer], Awaitable[Answer]]] = {
            shapes.PROCESS_HERE: self._here,
            shapes.PROCESS_LEVEL: self._level,
            shapes.PROCESS_LISTEN: self._listen,
            shapes.PROCESS_FIGURES: self._figures,
            shapes.PROCESS_READY: self._ready,
            shapes.PROCESS_PROFILE: self._profile,
            shapes.PROCESS_HEAP: self._heap,
            shapes.PROCESS_STACKS: self._stacks,
            shapes.PROCESS_THREADS: self._threads,
            shapes.PROCESS_WAITS: self._waits,
        }
        self._answering = [
            self.bus.answer(request_subject(*request.tokens()), self._handler(request, answer))
            for request, answer in answers.items()
        ]
        self.bus.broadcast(shapes.HERE, shapes.PROCESS_HERE.encode_response(self._me))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for answering in self._answering:
            answering.stop()
        self._forwarder.stop()
        await self.bus.close()

    def _handler(self, request: Request, answer: Callable[[Answer], Awaitable[Answer]]) -> Any:
        async def handle(data: bytes, headers: Any) -> bytes:
            return request.encode_response(await answer(request.decode_request(data)))

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
        return {**self._me, "started": self._started, **usage()}

    async def _ready(self, question: Answer) -> Answer:
        return {**self._me, "lacks": await self._vitals.lacks()}

    async def _profile(self, question: Answer) -> Answer:
        return {**self._me, "samples": await self._profiles.run(sample, question["seconds"])}

    async def _heap(self, question: Answer) -> Answer:
        return {**self._me, "samples": await self._heaps.run(heap)}

    async def _stacks(self, question: Answer) -> Answer:
        return {**self._me, "text": stacks.text(), "samples": stacks.samples()}

    async def _threads(self, question: Answer) -> Answer:
        return {**self._me, "samples": stacks.created()}

    async def _waits(self, question: Answer) -> Answer:
        return {**self._me, "samples": await waits(question["seconds"], locks=question["locks"])}
