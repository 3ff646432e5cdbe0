"""A message of ALERTS as alerting has it: the events of one alert node in one step, for one topic, or one event that a
handler or alerting itself has put there. What stands in it says services.alertlog.codec.
"""

from __future__ import annotations

from typing import Any

from services.alerting.topics.alert_event import AlertEvent
from services.alertlog import codec, fields
from services.alertlog.info import LEVELS, none_as_nil
from services.alertlog.inhibition import owner_of
from services.alertlog.matchers import Labels

_SIZE, _SIZE_BY_BYTE = 2500, 7  # measured


class ReceivedMessage:
    """What the fold needs of it is at hand; an event is made of the rest only when it is asked for.

    owner: whose it is: the task's id, or `<replay id>:<task id>` of one that runs in a replay, or a handler's key.
    replay: `<replay id>:<task id>` where it comes from a replay, be it by handlers, else "".
    part: which part of the task it is of, None where that runs whole.
    ids: distinct ids; id: int64[n] into them. level, time, duration, seq, row, ordinal: int64[n], as in Alerts, and so
    are category and, in one, processing_time. fresh: the numbers of events that the first point of its group raised.
    """

    __slots__ = (
        "_read",
        "category",
        "duration",
        "ends",
        "flaps",
        "fresh",
        "id",
        "ids",
        "level",
        "node",
        "ordinal",
        "owner",
        "part",
        "processing_time",
        "raw",
        "reminds",
        "replay",
        "row",
        "scope",
        "seq",
        "started",
        "task",
        "time",
        "topic",
        "via",
    )

    def __init__(self, raw: bytes, topic: str) -> None:
        """topic: what the subject says. ValueError where this is no message for that topic."""
        read = self._read = codec.decode(raw, topic)
        self.raw = raw
        self.task, self.node, self.topic, self.started = read.task, read.node, read.topic, read.started
        self.via, self.ends, self.part, self.reminds = read.via, read.ends, read.part, read.reminds
        self.scope, self.flaps = read.scope, read.flaps
        self.replay = read.replay if read.via or not read.replay else owner_of(read.task, read.replay)
        self.owner = read.via.handler if read.via else self.replay or read.task
        self.ids, self.id = read.ids, read.id
        self.level, self.time, self.duration = read.level, read.time, read.duration
        self.seq, self.row, self.ordinal = read.seq, read.row, read.ordinal
        self.category, self.processing_time = read.category, read.processing_time
        self.fresh: frozenset[int] = frozenset() if read.fresh is None else frozenset(read.fresh.tolist())

    def __len__(self) -> int:
        return len(self.id)

    @property
    def size(self) -> int:
        """Bytes of memory that it takes, about: as text it is small."""
        return _SIZE + _SIZE_BY_BYTE * len(self.raw)

    def tags(self, i: int) -> dict[str, str]:
        """The tags of event number i. Whoever published it may have put values of any kind there."""
        return none_as_nil(self._read.series[int(self._read.of[i])]["tags"])

    def labels(self, i: int) -> Labels:
        """What matchers may ask of event number i, without the event being made. Raises what `event` may."""
        read = self._read
        series = read.series[int(read.of[i])]
        tags = {name: value for name, value in none_as_nil(series["tags"]).items() if isinstance(value, str)}
        name = series["name"] if isinstance(series["name"], str) else ""
        return Labels(read.topic, read.ids[int(read.id[i])], read.task, LEVELS[int(read.level[i])], name, tags)

    def text(self, i: int) -> str:
        """The message of event number i."""
        return self._read.messages[int(self._read.message[i])]

    def event(self, i: int, previous: int, seq: int = 0, duration: int | None = None) -> AlertEvent:
        """Event number i; `previous` is the level that its id had before, `seq` the message's sequence in ALERTS.

        duration: ns, where it is another than the message says (see Topic).
        """
        read = self._read
        series = read.series[int(read.of[i])]
        return AlertEvent(
            topic=read.topic,
            task=read.task,
            id=read.ids[int(read.id[i])],
            message=read.messages[int(read.message[i])],
            given_details=None if read.details is None else read.details[i],
            level=int(read.level[i]),
            previous=previous,
            time=int(read.time[i]),
            duration=int(read.duration[i]) if duration is None else duration,
            recoverable=read.recoverable,
            name=series["name"],
            group=series["group"],
            tags=none_as_nil(series["tags"]),
            fields=fields.at(read.columns, i),
            rows=None if read.data is None else _rows(read.data[i]),
            server=read.server,
            place=(seq, i),
            path=self.via.path if self.via else (),
            replay=self.replay,
        )


def _rows(data: Any) -> list[Any]:
    return data if isinstance(data, list) else [data]
