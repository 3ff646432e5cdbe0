"""From points that raise an event to the events: ids, messages and details rendered, data taken along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grammar.gotemplate import Duration, Time, parse, parse_html
from services.engine.alerts.info import LEVELS, DetailsInfo, IDInfo, MessageInfo, ServerInfo, group_name
from services.engine.alerts.levels import LevelArray
from services.engine.column import Column, IntArray
from services.engine.effects import Alerts
from services.engine.frame import Batches, Frame
from services.engine.node import Context
from services.engine.result import batch_row

DEFAULT_DETAILS = "{{ json . }}"
_PER_POINT = frozenset({"Fields", "Time", "Duration"})
_LEVEL_NAMES = np.array(LEVELS, dtype=np.object_)


@dataclass(frozen=True, slots=True)
class Raised:
    """The events of one step: level int8[n], duration int64[n] ns, ids and messages as distinct texts and indexes."""

    level: LevelArray
    duration: IntArray
    ids: list[str]
    id_of: NDArray[np.int32]
    messages: list[str]
    message_of: NDArray[np.int32]

    def level_names(self) -> NDArray[np.object_]:
        """OK, INFO, WARNING, CRITICAL: object[n]."""
        return _LEVEL_NAMES[self.level]

    def id_texts(self) -> NDArray[np.object_]:
        """The id of every event: object[n]."""
        return np.array(self.ids, dtype=np.object_)[self.id_of]

    def message_texts(self) -> NDArray[np.object_]:
        """The message of every event: object[n]."""
        return np.array(self.messages, dtype=np.object_)[self.message_of]


@dataclass(frozen=True, slots=True)
class _Origin:
    """What ids are rendered from: measurement, group id, tags; and the id."""

    name: str
    group: str
    tags: dict[str, str]
    id: str


class EventWriter:
    """Renders an alert node's templates and has its events published.

    A text that depends only on where a point comes from and on its level is rendered once for each of these.
    """

    def __init__(
        self, id_: str, message: str, details: str, recoverable: bool, topics: tuple[str, ...], context: Context
    ) -> None:
        """Raises TemplateError where a template does not parse."""
        self.topics = topics
        self._id = parse(id_, "id")
        self._message = parse(message, "message")
        self._details = None if details == DEFAULT_DETAILS else parse_html(details, "details")
        self._plain_details = details if self._details is not None and "{{" not in details else None
        uses = self._message.uses()
        self._message_by_level = uses is not None and not uses & _PER_POINT
        self._recoverable = recoverable
        self._context = context
        around = context.around
        self._server = ServerInfo(around.hostname, around.cluster_id, around.server_id)
        self._origins: dict[Any, _Origin] = {}
        self._texts: dict[tuple[str, str, str, int], str] = {}

    def id_of_point(self, frame: Frame, row: int) -> str:
        """The alert's id as a point gives it."""
        return self._of_series(int(frame.points.series[row]), int(frame.group[row])).id

    def id_of_batch(self, batches: Batches, i: int) -> str:
        """The alert's id as a batch gives it."""
        return self._of_group(batches.names[i], int(batches.group[i])).id

    def of_points(self, sent: Frame, level: LevelArray, duration: IntArray) -> Raised:
        """The events of points: `sent` holds just them. They are published if there is a topic to publish them to."""
        points = sent.points
        keys = [self._of_series(s, g) for s, g in zip(points.series.tolist(), sent.group.tolist(), strict=True)]
        columns = points.columns() if self.topics or not self._message_by_level or self._details else {}
        fields = _Fields(columns, None)
        return self._raise(keys, points.time, level, duration, fields, sent.cause, columns, None)

    def of_batches(self, batches: Batches, chosen: Sequence[tuple[int, int, int, int, int]]) -> Raised:
        """The events of batches: (batch, row of its worst point, level, time ns, duration ns) each."""
        which = [c[0] for c in chosen]
        rows = np.array([c[1] for c in chosen], dtype=np.intp)
        keys = [self._of_group(batches.names[i], int(batches.group[i])) for i in which]
        worst = batches.points.take(rows)
        columns = worst.columns()
        data = [batch_row(batches, i, self._context.table) for i in which] if self.topics else None
        return self._raise(
            keys,
            np.array([c[3] for c in chosen], dtype=np.int64),
            np.array([c[2] for c in chosen], dtype=np.int8),
            np.array([c[4] for c in chosen], dtype=np.int64),
            _Fields(columns, None),
            batches.cause[which],
            columns,
            data,
        )

    def _raise(
        self,
        keys: list[_Origin],
        time: IntArray,
        level: LevelArray,
        duration: IntArray,
        fields: _Fields,
        cause: IntArray,
        columns: dict[str, Column],
        data: list[dict[str, Any]] | None,
    ) -> Raised:
        ids, id_of = _distinct([k.id for k in keys])
        texts = self._messages(keys, time, level, duration, fields)
        messages, message_of = _distinct(texts)
        details = self._detailed(keys, texts, time, level, duration, fields)
        raised = Raised(level, duration, ids, id_of, messages, message_of)
        if self.topics:
            self._publish(raised, keys, details, time, cause, columns, data)
        return raised

    def _messages(
        self, keys: list[_Origin], time: IntArray, level: LevelArray, duration: IntArray, fields: _Fields
    ) -> list[str]:
        levels = level.tolist()
        if not self._message_by_level:
            rest = zip(keys, levels, time.tolist(), duration.tolist(), strict=True)
            return [self._message.execute(self._info(k, lv, t, d, fields[i])) for i, (k, lv, t, d) in enumerate(rest)]
        out = []
        for k, lv in zip(keys, levels, strict=True):
            key = (k.name, k.group, k.id, lv)
            text = self._texts.get(key)
            if text is None:
                text = self._message.execute(self._info(k, lv, 0, 0, {}))
                # tags that are no group tags may stand in a message: only those of the origin's own key are safe to keep
                if len(self._texts) > 100_000:
                    self._texts.clear()
                self._texts[key] = text
            out.append(text)
        return out

    def _detailed(
        self,
        keys: list[_Origin],
        messages: list[str],
        time: IntArray,
        level: LevelArray,
        duration: IntArray,
        fields: _Fields,
    ) -> list[str] | None:
        """The details of every event; None where they are the default, which the event's reader makes of its data."""
        if self._details is None:
            return None
        if self._plain_details is not None:
            return [self._plain_details] * len(keys)
        rest = zip(keys, messages, level.tolist(), time.tolist(), duration.tolist(), strict=True)
        return [
            self._details.execute(details_info(self._info(k, lv, t, d, fields[i]), text))
            for i, (k, text, lv, t, d) in enumerate(rest)
        ]

    def _publish(
        self,
        raised: Raised,
        keys: list[_Origin],
        details: list[str] | None,
        time: IntArray,
        cause: IntArray,
        columns: dict[str, Column],
        data: list[dict[str, Any]] | None,
    ) -> None:
        step = self._context.step
        places = {id(k): k for k in keys}
        number = {key: i for i, key in enumerate(places)}
        if step.tick:
            seq, row = np.full(len(cause), -step.tick, dtype=np.int64), np.zeros(len(cause), dtype=np.int64)
        else:
            seq, row = step.seq[cause], step.row[cause].astype(np.int64)
        self._context.effect(
            Alerts(
                task=self._context.task,
                node=self._context.node,
                topics=self.topics,
                ids=raised.ids,
                id_of=raised.id_of,
                messages=raised.messages,
                message_of=raised.message_of,
                details=details,
                level=raised.level,
                time=time,
                duration=raised.duration,
                seq=seq,
                row=row,
                ordinal=_ordinals(cause),
                recoverable=self._recoverable,
                series=[{"name": k.name, "tags": k.tags, "group": group_name(k.group)} for k in places.values()],
                series_of=np.array([number[id(k)] for k in keys], dtype=np.int32),
                columns=columns,
                data=data,
                server=(self._server.Hostname, self._server.ClusterID, self._server.ServerID),
            )
        )

    def _of_series(self, series: int, group: int) -> _Origin:
        origin = self._origins.get((series, group))
        if origin is None:
            s = self._context.table.series(series)
            origin = self._origin(s.name, self._context.table.group(group).id, dict(s.tags))
            self._origins[series, group] = origin
        return origin

    def _of_group(self, name: str, group: int) -> _Origin:
        origin = self._origins.get((name, group))
        if origin is None:
            g = self._context.table.group(group)
            origin = self._origins[name, group] = self._origin(name, g.id, dict(g.tags))
        return origin

    def _origin(self, name: str, group: str, tags: dict[str, str]) -> _Origin:
        info = IDInfo(name, self._context.task, group_name(group), tags, self._server)
        return _Origin(name, group, tags, self._id.execute(info))

    def _info(self, k: _Origin, level: int, time: int, duration: int, fields: dict[str, Any]) -> MessageInfo:
        return MessageInfo(
            k.name,
            self._context.task,
            group_name(k.group),
            k.tags,
            self._server,
            k.id,
            fields,
            LEVELS[level],
            Time(time),
            Duration(duration),
        )


class _Fields:
    """The fields of each event's point as templates see them, made when first asked for."""

    def __init__(self, columns: dict[str, Column], rows: list[dict[str, Any]] | None) -> None:
        self._columns = columns
        self._rows = rows

    def __getitem__(self, i: int) -> dict[str, Any]:
        if self._rows is None:
            values = {name: column.tolist() for name, column in self._columns.items()}
            n = max(map(len, values.values()), default=0)
            self._rows = [{k: v[j] for k, v in values.items() if v[j] is not None} for j in range(n)]
        return self._rows[i] if self._rows else {}


def details_info(info: MessageInfo, message: str) -> DetailsInfo:
    """What a details template sees: all that the message template saw, and the message."""
    return DetailsInfo(
        info.Name,
        info.TaskName,
        info.Group,
        info.Tags,
        info.ServerInfo,
        info.ID,
        info.Fields,
        info.Level,
        info.Time,
        info.Duration,
        message,
    )


def _distinct(texts: Sequence[str]) -> tuple[list[str], NDArray[np.int32]]:
    number: dict[str, int] = {}
    of = np.array([number.setdefault(t, len(number)) for t in texts], dtype=np.int32)
    return list(number), of


def _ordinals(cause: IntArray) -> IntArray:
    """The how-manieth event of its cause each one is: int64[n]. Causes do not fall."""
    n = len(cause)
    if n < 2 or (cause[1:] != cause[:-1]).all():
        return np.zeros(n, dtype=np.int64)
    head = np.concatenate([[True], cause[1:] != cause[:-1]])
    return np.arange(n) - np.maximum.accumulate(np.where(head, np.arange(n), 0))
