"""Messages of the log in parts that a task takes one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from services.bus.follow import StoredMessage
from services.runtime.input.sizes import text_bytes
from services.runtime.task import JUMP


def parts(messages: Sequence[StoredMessage], most_bytes: Callable[[], int]) -> Iterator[list[StoredMessage]]:
    """Messages in runs of one subject and of so many bytes of text at most, one message at least, in none of which the
    time at which they were stored goes back by much. most_bytes: asked anew for each message, as parts are taken one by
    one."""
    part: list[StoredMessage] = []
    size = 0
    for message in messages:
        its = text_bytes(message)
        other = bool(part) and part[0].subject != message.subject
        back = bool(part) and part[-1].time_ns - message.time_ns > JUMP
        if part and (other or back or size + its > most_bytes()):
            yield part
            part, size = [], 0
        part.append(message)
        size += its
    if part:
        yield part
