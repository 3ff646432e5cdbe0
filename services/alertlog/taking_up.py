"""On the bus: alerts that a topic takes up from another one (see services.nodes.raising), on its own subject.

{"takes-up": the other topic, task, node, started, of a task in parts part, and alerts: [id, level, time, duration, seq,
row, ordinal] each}. The words are those of services.alertlog.codec. The identities rise on their own, beside those of
the node's events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from services.alertlog.codec import part_of
from services.alertlog.info import LEVELS
from services.alertlog.split import cut
from services.bus.positions import EventsSeq, PartOf
from services.runtime.effects import TakeUp

_BEGINS = b'{"takes-up":'

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TakenUp:
    """What a message says. source: the topic that alerts are taken up from. level … ordinal: int64[n], times in ns."""

    source: str
    task: str
    node: str
    started: EventsSeq
    ids: list[str]
    level: Ints
    time: Ints
    duration: Ints
    seq: Ints
    row: Ints
    ordinal: Ints
    part: PartOf | None = None


def encode(effect: TakeUp, started: EventsSeq, limit: int) -> Iterator[bytes]:
    """Messages of at most `limit` bytes, unless one alert is more than that."""
    of = effect.event_ids
    event_ids = zip(of.seq.tolist(), of.row.tolist(), of.ordinal.tolist(), strict=True)
    alerts = [[id, *stood, *mine] for id, stood, mine in zip(effect.ids, effect.stood, event_ids, strict=True)]
    head = {"takes-up": effect.source, "task": effect.task, "node": effect.node, "started": started}
    head |= {} if effect.part is None else {"part": effect.part}
    yield from cut(head, "alerts", alerts, limit)


def decode(data: bytes) -> TakenUp | None:
    """What a message of ALERTS says a topic takes up, None where it is no such message. ValueError for a broken one."""
    if not data.startswith(_BEGINS):
        return None
    try:
        body = orjson.loads(data)
        columns = [list(column) for column in zip(*body["alerts"], strict=True)]
        numbers = [np.array(column, dtype=np.int64) for column in columns[1:]]
        texts = [body["takes-up"], body["task"], body["node"], *columns[0]]
        if set(map(type, texts)) != {str} or len(numbers) != 6 or type(body["started"]) is not int:
            raise TypeError("texts and six numbers for each alert expected")
        if numbers[0].min() < 0 or numbers[0].max() >= len(LEVELS):
            raise TypeError("no level")
        started = EventsSeq(body["started"])
        part = part_of(body.get("part"))
        level, at, duration, seq, row, ordinal = numbers
        source, task, node = body["takes-up"], body["task"], body["node"]
        return TakenUp(source, task, node, started, columns[0], level, at, duration, seq, row, ordinal, part)
    except (KeyError, TypeError, IndexError, ValueError, OverflowError) as error:
        raise ValueError(f"takes up nothing: {error!r}") from error
