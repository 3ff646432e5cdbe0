"""Lines that jobs have found, shown page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from services.bus.positions import EventsSeq
from services.gateway.clients.recorder import RecorderClient
from services.gateway.operations.streamed_list import Slices, StreamedList
from services.gateway.queries.listing import number

_LINES, _AT_ONCE = 1000, 100


async def results_page(recorder: RecorderClient, job: EventsSeq, key: str, given: Mapping[str, Any]) -> StreamedList:
    """A page of what a job has found as far as it has come: the lines as `key`, with `next`, `count` and `left-out`.

    job: the event that defined it. given: `offset` and `limit`, texts. Raises OperationError.
    """
    offset, limit = number("offset", given["offset"], 0), number("limit", given["limit"], _LINES)
    found = await recorder.results(job, offset, limit)
    before = {"next": found["next"], "count": found["count"], "left-out": found["left_out"]}
    return StreamedList(key, _slices(found["rows"]), before)


async def _slices(lines: Sequence[Any]) -> Slices:
    """Few at a time: to write long ones takes a while, in which others are to have their turn."""
    for first in range(0, len(lines), _AT_ONCE):
        yield lines[first : first + _AT_ONCE]
        await asyncio.sleep(0)
