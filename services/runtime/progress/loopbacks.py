"""What a run has written back before it was left: told by the messages themselves, for as long as the log lasts.

A worker that goes back to a snapshot causes again what came of the log behind it. Each message that is written back
says by headers whose it is (task, node, and when the run was begun) and how far the node had come with it; the last one
of them in the log tells what is a repetition. All that has been caused behind a snapshot lies behind its position.
"""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from services.bus.connection import Bus
from services.bus.follow import StoredMessage
from services.bus.positions import WritesSeq
from services.bus.streams import WRITES
from services.columns.places import LastPlaces, Place
from services.runtime.node import Node

WRITER, REACHED = "tickbus-origin", "tickbus-reached"

_QUIET_SECONDS = 1.0


def writer_header(task: str, node: str, began: int | None) -> str:
    """The header that says whose a message is. began: when the run was begun, ns."""
    return "/".join(quote(name, safe="") for name in (task, node, str(began or 0)))


def reached_header(reached: LastPlaces) -> str:
    """The header that says how far a node had come."""
    return " ".join("/".join(map(str, place[:2])) for place in (reached.point, reached.tick))


class WritesBack(Node):
    """A node that writes to WRITES.

    writer: what its messages have as the header WRITER. subject: of its messages. stored: how far the log holds those
    of its run.
    """

    writer: str
    subject: str
    stored: LastPlaces


async def learn(bus: Bus, nodes: list[WritesBack], after: WritesSeq) -> None:
    """Have the nodes of a run know what the log holds of theirs behind a position. Raises BusError."""
    for subject in {node.subject for node in nodes}:
        last = await bus.last_message(subject)
        if last is None or last.seq <= after:
            continue
        known = {node.writer: node for node in nodes if node.subject == subject}
        if len(known) == 1 and _take(known, last):
            continue
        await _read(bus, subject, known, after, last.seq)


async def _read(bus: Bus, subject: str, known: dict[str, WritesBack], after: int, last: int) -> None:
    """Look at all messages of a subject, which others write to as well."""
    while after < last:
        async with bus.follow(WRITES, [subject], after, headers_only=True) as follower:
            if not await follower.lag():
                return
            try:
                while follower.position < last and follower.pending:
                    async with asyncio.timeout(_QUIET_SECONDS):
                        for message in await follower.batch():
                            _take(known, message)
            except TimeoutError:
                # what was still counted may have been dropped from the log meanwhile
                pass
            after = max(after, follower.position)
            if not follower.pending:
                return


def _take(known: dict[str, WritesBack], message: StoredMessage) -> bool:
    """Whether a message is of one of the nodes, which then knows how far it says to have come."""
    headers = message.headers or {}
    node = known.get(headers.get(WRITER, ""))
    if node is None:
        return False
    point, tick = (_place(text) for text in headers.get(REACHED, "").split(" ", 1))
    node.stored.merge(LastPlaces(point, tick))
    return True


def _place(text: str) -> Place:
    number, _, part = text.partition("/")
    return int(number), int(part), 0
