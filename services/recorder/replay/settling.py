"""What a replay waits for before it says that it is over: that all it has sent is done outside, or given up.

How long that takes is up to others, so it is bounded: by how long nothing of it gets on, and by all in all a quarter of
an hour. What is behind that goes on by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from schemas.requests.alerting import ALERTING_UNHANDLED
from schemas.requests.shape import MalformedMessage
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.subjects import request_subject
from services.process import log as logs

_log = logs.get("recorder")

_LONGEST = 900.0  # seconds
_ASK_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25

Left = Callable[[], Awaitable[Any]]
"""What is left to be done: something false once there is nothing, else something that changes as it gets on."""


async def settle(left: Left, patience: float) -> bool:
    """Wait until nothing is left, or nothing has changed for so many seconds; whether nothing is."""
    began = since = time.monotonic()
    before: Any = None
    pause = _FIRST_PAUSE
    while now := await left():
        at = time.monotonic()
        if now != before:
            before, since = now, at
        if at - since >= patience or at - began >= _LONGEST:
            return False
        await asyncio.sleep(min(pause, max(since + patience - at, _FIRST_PAUSE)))
        pause = min(2 * pause, _LONGEST_PAUSE)
    return True


async def handled(bus: Bus, replay: str, patience: float) -> None:
    """Wait until alerting has handled the events of a replay (`<replay id>:<task id>`) that are on the bus, if patience
    lasts. An alerting that restarts is asked again."""

    async def left() -> Any:
        try:
            subject, question = (
                request_subject(*ALERTING_UNHANDLED.tokens()),
                ALERTING_UNHANDLED.encode_request(replay=replay),
            )
            response = ALERTING_UNHANDLED.decode_response(await bus.request(subject, question, _ASK_SECONDS))
            return (response["waiting"], response["done"]) if response["waiting"] else None
        except (BusError, MalformedMessage) as error:
            _log.limited("unhandled").warn("alerting does not say what waits of a replay", replay=replay, err=error)
            return "unknown"

    if patience and not await settle(left, patience):
        _log.warn("a replay ends before its alerts are handled: they do not get on", replay=replay)
