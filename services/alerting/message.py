"""A message of ALERTS: the events of one alert node in one step, for one topic. See services.engine.alerts.codec.

What a handler puts there itself (publish, aggregate) is one event with `via` beside the rest, an object with
    handler    the key of the handler (services.alerting.runs.HandlerOf)
    first      place in ALERTS of the first event that it was made of; that of the last stands in seq and row
    previous   the level that the id had where it comes from, which counts where its topic has none of its own
    path       the topics that it came through
    collected  whether it was made of all events from `first` on that were for the handler
and, where all that it was made of comes from one replay, `<replay id>:<task id>` as its `replay`.

What alerting puts there itself where a task was deleted and its alerts are to end is one event with `ends`: [level,
time, duration] as the alert stands that it ends. It counts only where the alert still stands so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from grammar.gotemplate import Time
from services.alerting.event import Event
from services.engine.alerts.info import LEVELS, none_as_nil
from services.engine.column import Kind

IntArray = NDArray[np.int64]

Stood = tuple[int, int, int]
"""How an alert stands: level, time (ns) of its last event, duration (ns)."""

_DELETES = b'{"deleted":true'


def encode_deletion(after: int) -> bytes:
    """What stands in ALERTS where a topic is to be forgotten: its place there says which of its events are.

    after: the last event of EVENTS known then. A task that starts later has its own topic there again.
    """
    return b'%b,"after":%d}' % (_DELETES, after)


def deletion(data: bytes) -> int | None:
    """The `after` of a message that deletes a topic, 0 where it has none; None for any other. ValueError: broken."""
    if not data.startswith(_DELETES):
        return None
    after = orjson.loads(data).get("after", 0)
    if type(after) is not int:
        raise ValueError(f"not a deletion: {data[:100]!r}")
    return after


@dataclass(frozen=True, slots=True)
class Via:
    """How an event came to its topic by a handler of another; see above."""

    handler: str
    first: tuple[int, int]
    previous: int
    path: tuple[str, ...]
    collected: bool


class Message:
    """What the fold needs of it is at hand; an event is made of the rest only when it is asked for.

    owner: whose it is: the task's id, or `<replay id>:<task id>` of one that runs in a replay, or a handler's key.
    replay: `<replay id>:<task id>` where it comes from a replay, be it by handlers, else "".
    ids: distinct ids; id: int64[n] into them. level, time, duration, seq, row, ordinal: int64[n], as in Alerts, and so
    are category and, in one, moment. fresh: the numbers of events that the first point of its group raised.
    """

    __slots__ = (
        "_body",
        "category",
        "duration",
        "ends",
        "fresh",
        "id",
        "ids",
        "level",
        "moment",
        "node",
        "ordinal",
        "owner",
        "raw",
        "replay",
        "row",
        "seq",
        "started",
        "task",
        "time",
        "topic",
        "via",
    )

    def __init__(self, raw: bytes, topic: str) -> None:
        """topic: what the subject says. ValueError where this is no message for that topic."""
        try:
            body = self._body = orjson.loads(raw)
            self.raw = raw
            self.task: str = body["task"]
            self.via = _via(body.get("via"))
            replay: str = body.get("replay", "")
            self.replay = replay if self.via or not replay else f"{replay}:{self.task}"
            self.owner = self.via.handler if self.via else self.replay or self.task
            self.node: str = body["node"]
            self.topic: str = body["topic"]
            self.started: int = body["started"]
            self.ids: list[str] = body["ids"]
            n = len(body["id"])
            self.id = _ints(body["id"], n, len(self.ids))
            self.level = _ints(body["level"], n, len(LEVELS))
            self.time = _ints(body["time"], n)
            self.duration = _ints(body["duration"], n)
            self.seq = _ints(body["seq"], n)
            self.row = _ints(body["row"], n)
            self.ordinal = _ints(body["ordinal"], n)
            self.ends = _ends(body.get("ends"))
            self.category: str = body.get("category", "")
            self.moment = _ints(body["moment"], n) if "moment" in body else None
            self.fresh = frozenset(_ints(body.get("fresh", ()), len(body.get("fresh", ())), n).tolist())
            _check(body, n, topic)
        except (KeyError, TypeError, ArithmeticError, AttributeError) as error:
            raise ValueError(f"not an alert message: {error!r}") from error

    def __len__(self) -> int:
        return len(self.id)

    def tags(self, i: int) -> dict[str, str]:
        """The tags of event number i. Whoever published it may have put values of any kind there."""
        return none_as_nil(self._body["series"][self._body["of"][i]]["tags"])

    def event(self, i: int, previous: int, seq: int = 0, duration: int | None = None) -> Event:
        """Event number i; `previous` is the level that its id had before, `seq` the message's sequence in ALERTS.

        duration: ns, where it is another than the message says (see Topic).
        """
        body = self._body
        series, details, data = body["series"][body["of"][i]], body["details"], body["data"]
        return Event(
            topic=self.topic,
            task=self.task,
            id=self.ids[body["id"][i]],
            message=body["messages"][body["message"][i]],
            given_details=None if details is None else details[i],
            level=body["level"][i],
            previous=previous,
            time=body["time"][i],
            duration=body["duration"][i] if duration is None else duration,
            recoverable=body["recoverable"],
            name=series["name"],
            group=series["group"],
            tags=none_as_nil(series["tags"]),
            fields=self._fields(i),
            rows=None if data is None else _rows(data[i]),
            server=tuple(body["server"]),
            place=(seq, i),
            path=self.via.path if self.via else (),
            replay=self.replay,
        )

    def _fields(self, i: int) -> dict[str, Any]:
        found = {}
        for name, column in self._body["columns"].items():
            valid = column.get("valid")
            if valid is None or valid[i]:
                found[name] = _value(column["kind"], column["values"][i])
        return found


def _ends(body: Any) -> Stood | None:
    if body is None:
        return None
    level, time, duration = body
    if {type(level), type(time), type(duration)} != {int}:
        raise TypeError("no alert that it ends")
    return level, time, duration


def _rows(data: Any) -> list[Any]:
    return data if isinstance(data, list) else [data]


def _value(kind: str, value: Any) -> Any:
    if kind == Kind.FLOAT.value:
        return float(value)
    return Time(value) if kind == Kind.TIME.value else value


def _via(body: Any) -> Via | None:
    if body is None:
        return None
    first, number = _ints(body["first"], 2).tolist()
    handler, path, previous, collected = body["handler"], tuple(body["path"]), body["previous"], body["collected"]
    if set(map(type, (handler, *path))) != {str} or type(previous) is not int or type(collected) is not bool:
        raise TypeError("via")
    if not 0 <= previous < len(LEVELS):
        raise ValueError(f"not an alert message: a level {previous}")
    return Via(handler, (first, number), previous, path, collected)


def _ints(values: Any, n: int, below: int | None = None) -> IntArray:
    array = np.array(values, dtype=np.int64)
    if array.shape != (n,):
        raise ValueError(f"not an alert message: {n} numbers expected, not {array.shape}")
    if below is not None and n and (array.min() < 0 or array.max() >= below):
        raise ValueError(f"not an alert message: a number outside 0 to {below - 1}")
    return array


def _check(body: dict[str, Any], n: int, topic: str) -> None:
    """What is not read at once must fit, too: nothing may go wrong later."""
    series = body["series"]
    texts = [
        body["task"],
        body.get("replay", ""),
        body.get("category", ""),
        body["node"],
        body["topic"],
        *body["ids"],
        *body["messages"],
        *body["server"],
    ]
    texts += [one["name"] for one in series] + [one["group"] for one in series]
    if set(map(type, texts)) != {str} or len(body["server"]) != 3:
        raise TypeError("texts expected")
    if not {type(one["tags"]) for one in series} <= {dict, type(None)}:
        raise TypeError("tags expected")
    if n != 1 and not (body.get("via") is None and body.get("ends") is None):
        raise ValueError("not an alert message: one event expected")
    if body["topic"] != topic:
        raise ValueError(f"not an alert message: it is for the topic {body['topic']!r} and came to {topic!r}")
    if type(body["started"]) is not int or type(body["recoverable"]) is not bool:
        raise TypeError("started or recoverable")
    _ints(body["message"], n, len(body["messages"]))
    _ints(body["of"], n, len(series))
    columns = [c[k] for c in body["columns"].values() for k in ("values", "valid") if c.get(k) is not None]
    per_event = [body[key] for key in ("details", "data") if body[key] is not None]
    if any(len(values) != n for values in [*columns, *per_event]):
        raise ValueError("not an alert message: not one value for each event")
