"""A part of the log, read from one place to another."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing

from services.bus.connection import Bus
from services.bus.follow import StoredMessage
from services.bus.positions import WritesSeq
from services.bus.reading.stretches import read_subjects
from services.bus.streams import WRITES
from services.bus.subjects import write_subject

ReadLog = Callable[[Iterable[tuple[str, str]], WritesSeq, WritesSeq], AsyncGenerator[list[StoredMessage], None]]
"""`read`, of one log: which databases and retention policies, after which place, until which."""


async def read(
    bus: Bus, dbrps: Iterable[tuple[str, str]], after: WritesSeq, until: WritesSeq, created: str = ""
) -> AsyncGenerator[list[StoredMessage], None]:
    """All messages of some databases and retention policies behind one place in the log, up to and with another.

    created: when the stream was made that these are places in, see Bus.follow. Close it (contextlib.aclosing) where it
    is not read to its end. Raises BusError.
    """
    subjects = sorted({write_subject(*dbrp) for dbrp in dbrps})
    async with aclosing(read_subjects(bus, WRITES, subjects, after, until, created)) as reading:
        async for messages in reading:
            yield messages
