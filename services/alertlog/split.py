"""What goes to ALERTS as messages that fit the bus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from services.alertlog.codec import encode, of_step
from services.bus.epochs import Epochs
from services.bus.positions import EventsSeq
from services.columns.column import Rows
from services.process import log as logs
from services.runtime.effects import Alerts

_log = logs.get("engine")


def messages_of(
    alerts: Alerts, topic: str, started: EventsSeq, limit: int, epochs: Epochs | None = None
) -> list[bytes]:
    """The events, encoded for one topic, in messages of at most `limit` bytes, in their order. epochs: of the log that
    caused them, if any.

    How they are cut does not matter to who reads them: each event has its own identity. One event that is over the
    limit by itself is dropped, with a line in the log.
    """
    data = encode(of_step(alerts, topic, started, epochs))
    if len(data) <= limit:
        return [data]
    n = len(alerts.level)
    if n == 1:
        _log.error(
            "an alert event is too large for the bus and is dropped",
            task=alerts.task,
            node=alerts.node,
            id=alerts.ids[int(alerts.id_of[0])],
            bytes=len(data),
        )
        return []
    middle = n // 2
    halves = (part(alerts, np.arange(middle)), part(alerts, np.arange(middle, n)))
    return [data for half in halves for data in messages_of(half, topic, started, limit, epochs)]


def cut(head: Mapping[str, Any], key: str, rows: list[Any], limit: int) -> Iterator[bytes]:
    """JSON of `head` with some rows under `key`, in messages of at most `limit` bytes unless one row is more."""
    data = orjson.dumps({**head, key: rows})
    if len(data) <= limit or len(rows) == 1:
        yield data
        return
    middle = len(rows) // 2
    yield from cut(head, key, rows[:middle], limit)
    yield from cut(head, key, rows[middle:], limit)


def part(alerts: Alerts, rows: Rows) -> Alerts:
    """Some of the events (indexes, ascending), with only those of the distinct values that they have."""
    ids, id_of = _used(alerts.ids, alerts.id_of[rows])
    messages, message_of = _used(alerts.messages, alerts.message_of[rows])
    series, series_of = _used(alerts.series, alerts.series_of[rows])
    return replace(
        alerts,
        ids=ids,
        id_of=id_of,
        messages=messages,
        message_of=message_of,
        series=series,
        series_of=series_of,
        details=None if alerts.details is None else [alerts.details[i] for i in rows.tolist()],
        level=alerts.level[rows],
        time=alerts.time[rows],
        duration=alerts.duration[rows],
        seq=alerts.seq[rows],
        row=alerts.row[rows],
        ordinal=alerts.ordinal[rows],
        fresh=None if alerts.fresh is None else alerts.fresh[rows],
        columns={name: column.take(rows) for name, column in alerts.columns.items()},
        data=None if alerts.data is None else [alerts.data[i] for i in rows.tolist()],
        processing_time=None if alerts.processing_time is None else alerts.processing_time[rows],
    )


def _used(values: list[Any], of: NDArray[np.int32]) -> tuple[list[Any], NDArray[np.int32]]:
    used, places = np.unique(of, return_inverse=True)
    return [values[i] for i in used.tolist()], places.astype(np.int32)
