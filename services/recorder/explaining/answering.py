"""What a recorder is asked about the past, and its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any

from schemas.requests.recorder import EXPLAIN_SECONDS, RECORDER_WHY, RECORDER_WHY_NOT
from services.bus.requests import Responder
from services.bus.subjects import request_subject
from services.recorder.explaining.unexplained import Unexplained
from services.recorder.explaining.why import why
from services.recorder.explaining.why_not import why_not
from services.recorder.past import Past
from services.recorder.service import QUEUE

_AT_ONCE = 2  # a question takes a core for a while, and memory for the task's state
_TOO_LONG = f"it could not be told within {EXPLAIN_SECONDS:g} s"


class Explaining:
    """Answers while it is entered. Any number of recorders may: each question goes to one."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._responders: list[Responder] = []

    async def __aenter__(self) -> Explaining:
        bus = self._past.bus
        self._responders = [
            bus.answer(request_subject(*RECORDER_WHY.tokens()), self._why, QUEUE),
            bus.answer(request_subject(*RECORDER_WHY_NOT.tokens()), self._why_not, QUEUE),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._responders:
            one.stop()

    async def _why(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        asked = RECORDER_WHY.decode_request(data)
        return RECORDER_WHY.encode_response(await self._told(why(self._past, asked["topic"], asked["id"], asked["at"])))

    async def _why_not(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        asked = RECORDER_WHY_NOT.decode_request(data)
        telling = why_not(self._past, asked["task"], asked["tags"], asked["at"], asked["within"])
        return RECORDER_WHY_NOT.encode_response(await self._told(telling))

    async def _told(self, telling: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
        try:
            # whoever has asked waits no longer
            async with asyncio.timeout(EXPLAIN_SECONDS), self._turns:
                return {"status": 200, "error": "", "explanation": await telling}
        except Unexplained as error:
            return {"status": error.status, "error": str(error), "explanation": {}}
        except TimeoutError:
            return {"status": 503, "error": _TOO_LONG, "explanation": {}}
        finally:
            telling.close()
