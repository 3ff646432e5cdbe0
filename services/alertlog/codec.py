"""Alert events on the bus: one JSON message for all events of a node in a step, as columns. Whoever writes or reads one
does so here.

Its keys, in this order:
    task, node, topic, started      started: sequence of the run.started or replay.started that names its handlers
    ids + id, messages + message    distinct values, and for each event which of them
    details                         null where all are the default
    level, time, duration           0 (OK) to 3 (CRITICAL), ns, ns
    seq, row, ordinal               what identifies each event; what the log has caused has as its seq the epoch of the
                                    sequence plus the sequence (services.bus.epochs)
    recoverable, series + of
    columns                         see services.alertlog.fields
    data, server
    via, ends, reminds              of one event that alerting itself has put there, see Via and AlertStatus
    scope, flaps                    with `reminds`: see AlertMessage
    replay                          of a replay's task; with `via`, where all that it was made of is of one replay,
                                    `<replay id>:<task id>`
    fresh                           the numbers of events that the first point of their group has raised
    category, moment                of alerts in a category
    part                            layout and number of the part of a task that has raised them, where that has parts
Those from `via` on may be missing. Words as in services.runtime.effects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from services.alertlog import fields
from services.alertlog.fields import Fields
from services.alertlog.info import LEVELS
from services.bus.epochs import Epochs
from services.bus.positions import EventsSeq, PartOf
from services.runtime.effects import Alerts

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS

_NUMBERS = ("id", "message", "of", "level", "time", "duration", "seq", "row", "ordinal")
"""What a message has as many numbers of as events."""

Ints = NDArray[Any]
"""int[n]; int64 where it was read."""

AlertStatus = tuple[int, int, int]
"""How an alert stands: level, time (ns) of its last event, duration (ns). `ends`: as the alert stands that the event
ends, whose task was deleted; it counts only where the alert still stands so. `reminds`: as the alert stands that was
held back, and that is told now; it counts only where that is still so."""


@dataclass(frozen=True, slots=True)
class Via:
    """How an event came to its topic by a handler of another (publish, aggregate).

    handler: its key (services.alerting.topics.runs.BoundHandler). first: place in ALERTS of the first event that it was
    made of, sequence and number; that of the last stands in the event's seq and row. previous: the level that the id
    had where it comes from, which counts where its topic has none of its own. path: the topics that it came through.
    collected: whether it was made of all events from `first` on that were for the handler.
    """

    handler: str
    first: tuple[int, int]
    previous: int
    path: tuple[str, ...]
    collected: bool


@dataclass(frozen=True, slots=True, eq=False)
class AlertMessage:
    """n events for one topic. id, message, of: int[n] into ids, messages, series; level … ordinal: int[n].

    details: a text for each, or None where it is the default. data: a batch's result series for each, None for points.
    fresh: numbers of events. processing_time: int64[n] ns, where there is a category. scope: of the handlers that are
    told, see services.alerting.silencing; "" for all. flaps: it is told that the alert flaps.
    """

    task: str
    node: str
    topic: str
    started: EventsSeq
    ids: list[str]
    id: Ints
    messages: list[str]
    message: Ints
    details: list[str] | None
    level: Ints
    time: Ints
    duration: Ints
    seq: Ints
    row: Ints
    ordinal: Ints
    recoverable: bool
    series: list[dict[str, Any]]
    of: Ints
    columns: Fields
    data: list[Any] | None
    server: tuple[str, str, str]
    via: Via | None = None
    ends: AlertStatus | None = None
    reminds: AlertStatus | None = None
    scope: str = ""
    flaps: bool = False
    replay: str = ""
    fresh: Ints | None = None
    category: str = ""
    processing_time: Ints | None = None
    part: PartOf | None = None

    def __len__(self) -> int:
        return len(self.id)


def of_step(alerts: Alerts, topic: str, started: EventsSeq, epochs: Epochs | None = None) -> AlertMessage:
    """What a node's events of a step are for one topic. epochs: of the log that caused them, if any."""
    return AlertMessage(
        task=alerts.task,
        node=alerts.node,
        topic=topic,
        started=started,
        ids=alerts.ids,
        id=alerts.id_of,
        messages=alerts.messages,
        message=alerts.message_of,
        details=alerts.details,
        level=alerts.level,
        time=alerts.time,
        duration=alerts.duration,
        seq=alerts.seq if epochs is None else epochs.numbered(alerts.seq),
        row=alerts.row,
        ordinal=alerts.ordinal,
        recoverable=alerts.recoverable,
        series=alerts.series,
        of=alerts.series_of,
        columns=fields.of_columns(alerts.columns),
        data=alerts.data,
        server=alerts.server,
        replay=alerts.replay,
        fresh=None if alerts.fresh is None else np.flatnonzero(alerts.fresh),
        category=alerts.category,
        processing_time=alerts.processing_time,
        part=alerts.part,
    )


def encode(message: AlertMessage) -> bytes:
    """As it goes on the bus."""
    body = {
        "task": message.task,
        "node": message.node,
        "topic": message.topic,
        "started": message.started,
        "ids": message.ids,
        "id": message.id,
        "messages": message.messages,
        "message": message.message,
        "details": message.details,
        "level": message.level,
        "time": message.time,
        "duration": message.duration,
        "seq": message.seq,
        "row": message.row,
        "ordinal": message.ordinal,
        "recoverable": message.recoverable,
        "series": message.series,
        "of": message.of,
        "columns": message.columns,
        "data": message.data,
        "server": message.server,
    }
    if message.via is not None:
        body["via"] = {
            "handler": message.via.handler,
            "first": message.via.first,
            "previous": message.via.previous,
            "path": message.via.path,
            "collected": message.via.collected,
        }
    if message.ends is not None:
        body["ends"] = message.ends
    if message.reminds is not None:
        body["reminds"] = message.reminds
        body |= ({"scope": message.scope} if message.scope else {}) | ({"flaps": True} if message.flaps else {})
    if message.replay:
        body["replay"] = message.replay
    if message.fresh is not None and len(message.fresh):
        body["fresh"] = message.fresh
    if message.category:
        body |= {"category": message.category, "moment": message.processing_time}
    if message.part is not None:
        body["part"] = message.part
    return orjson.dumps(body, default=_plain, option=_OPTIONS)


def decode(data: bytes, topic: str) -> AlertMessage:
    """What came on the subject of a topic, whoever put it there: it fits throughout. ValueError for anything else."""
    try:
        body = orjson.loads(data)
        message = _read(body)
        _check(message, topic)
    except (KeyError, TypeError, ArithmeticError, AttributeError) as error:
        raise ValueError(f"not an alert message: {error!r}") from error
    return message


def _read(body: dict[str, Any]) -> AlertMessage:
    n = len(body["id"])
    numbers = _ints([body[key] for key in _NUMBERS], (len(_NUMBERS), n))
    id_, message, of, level, time, duration, seq, row, ordinal = numbers
    _check_within(id_, len(body["ids"]))
    _check_within(message, len(body["messages"]))
    _check_within(of, len(body["series"]))
    _check_within(level, len(LEVELS))
    fresh = _ints(body.get("fresh", ()), (len(body.get("fresh", ())),))
    _check_within(fresh, n)
    return AlertMessage(
        task=body["task"],
        node=body["node"],
        topic=body["topic"],
        started=body["started"],
        ids=body["ids"],
        id=id_,
        messages=body["messages"],
        message=message,
        details=body["details"],
        level=level,
        time=time,
        duration=duration,
        seq=seq,
        row=row,
        ordinal=ordinal,
        recoverable=body["recoverable"],
        series=body["series"],
        of=of,
        columns=body["columns"],
        data=body["data"],
        server=tuple(body["server"]),
        via=_via(body.get("via")),
        ends=_stands(body.get("ends")),
        reminds=_stands(body.get("reminds")),
        scope=body.get("scope", ""),
        flaps=body.get("flaps", False),
        replay=body.get("replay", ""),
        fresh=fresh,
        category=body.get("category", ""),
        processing_time=_ints(body["moment"], (n,)) if "moment" in body else None,
        part=part_of(body.get("part")),
    )


def part_of(plain: Any) -> PartOf | None:
    """What is said of the part that has sent a message. TypeError or ValueError where that is not a part."""
    if plain is None:
        return None
    layout, number = plain
    if type(layout) is not int or type(number) is not int:
        raise TypeError("part")
    return layout, number


def _via(body: Any) -> Via | None:
    if body is None:
        return None
    first, number = _ints(body["first"], (2,)).tolist()
    handler, path, previous, collected = body["handler"], tuple(body["path"]), body["previous"], body["collected"]
    if not _are_texts((handler, *path)) or type(previous) is not int or type(collected) is not bool:
        raise TypeError("via")
    if not 0 <= previous < len(LEVELS):
        raise ValueError(f"not an alert message: a level {previous}")
    return Via(handler, (first, number), previous, path, collected)


def _stands(body: Any) -> AlertStatus | None:
    if body is None:
        return None
    level, time, duration = body
    if {type(level), type(time), type(duration)} != {int}:
        raise TypeError("no alert that stands so")
    return level, time, duration


def _ints(values: Any, shape: tuple[int, ...]) -> NDArray[np.int64]:
    array = np.array(values, dtype=np.int64)
    if array.shape != shape:
        raise ValueError(f"not an alert message: {shape} numbers expected, not {array.shape}")
    return array


def _check_within(numbers: NDArray[np.int64], below: int) -> None:
    if len(numbers) == 1:  # as in most messages
        within = 0 <= int(numbers[0]) < below
    else:
        within = not len(numbers) or bool(numbers.min() >= 0 and numbers.max() < below)
    if not within:
        raise ValueError(f"not an alert message: a number outside 0 to {below - 1}")


def _check(message: AlertMessage, topic: str) -> None:
    """What is not read at once must fit, too: nothing may go wrong later."""
    n, series = len(message), message.series
    texts = [message.task, message.replay, message.category, message.node, message.topic, message.scope]
    texts += [*message.ids, *message.messages, *message.server]
    texts += [one["name"] for one in series] + [one["group"] for one in series]
    if not _are_texts(texts) or len(message.server) != 3:
        raise TypeError("texts expected")
    if not {type(one["tags"]) for one in series} <= {dict, type(None)}:
        raise TypeError("tags expected")
    if n != 1 and not (message.via is None and message.ends is None and message.reminds is None):
        raise ValueError("not an alert message: one event expected")
    if message.topic != topic:
        raise ValueError(f"not an alert message: it is for the topic {message.topic!r} and came to {topic!r}")
    if type(message.started) is not int or {type(message.recoverable), type(message.flaps)} != {bool}:
        raise TypeError("started, recoverable or flaps")
    if not {column["kind"] for column in message.columns.values()} <= fields.KINDS:
        raise ValueError("not an alert message: a field of an unknown kind")
    columns = [c[k] for c in message.columns.values() for k in ("values", "valid") if c.get(k) is not None]
    per_event = [values for values in (message.details, message.data) if values is not None]
    if any(len(values) != n for values in [*columns, *per_event]):
        raise ValueError("not an alert message: not one value for each event")


def _are_texts(values: Iterable[Any]) -> bool:
    return set(map(type, values)) <= {str}


def _plain(value: Any) -> Any:
    """Subclasses as what they are of: kinds of texts and numbers, tags."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"no JSON for {type(value).__name__}")
