"""From points that raise an event to the events: ids, messages and details rendered, data taken along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grammar.gotemplate import Duration, Time, parse, parse_html
from services.alertlog.info import LEVELS, DetailsInfo, IDInfo, MessageInfo, ServerInfo, group_name, nil_as_none
from services.columns import column as field
from services.columns.column import Column, IntArray, Kind
from services.columns.frame import Batches, Frame
from services.columns.output_sequence import OutputSequence
from services.columns.result_json import batch_row
from services.columns.segments import distinct, grown
from services.expressions.text_limits import gathered
from services.nodes.raising.alert_sources import AlertSource, AlertSourceTable
from services.nodes.raising.levels import LevelArray
from services.runtime.context import Context
from services.runtime.effects import Alerts

DEFAULT_DETAILS = "{{ json . }}"
_PER_POINT = frozenset({"Fields", "Time", "Duration"})
_TIMED = (Kind.DURATION, Kind.TIME, Kind.MIXED)
_GO: dict[type, Callable[[Any], Any]] = {field.Duration: Duration, field.Time: Time}
_LEVEL_NAMES = np.array(LEVELS, dtype=np.object_)


class Raised:
    """The events of one step. Texts are put together only where something asks for them."""

    def __init__(
        self,
        level: LevelArray,
        duration: IntArray,
        source_of: NDArray[np.int32],
        sources: Sequence[AlertSource],
        messages: Sequence[str],
        message_of: NDArray[np.int32],
    ) -> None:
        """level: int8[n]. duration: int64[n] ns. source_of, message_of: int32[n], indexes into sources and messages."""
        self.level = level
        self.duration = duration
        self.source_of = source_of
        self.message_of = message_of
        self._sources = sources
        self._messages = messages

    def level_names(self) -> NDArray[np.object_]:
        """OK, INFO, WARNING, CRITICAL: object[n]."""
        return _LEVEL_NAMES[self.level]

    def id_texts(self) -> NDArray[np.object_]:
        """The id of every event: object[n]."""
        return np.array([self._sources[s].id for s in self.source_of.tolist()], dtype=np.object_)

    def message_texts(self) -> NDArray[np.object_]:
        """The message of every event: object[n]."""
        return np.array([self._messages[m] for m in self.message_of.tolist()], dtype=np.object_)


class EventWriter:
    """Renders an alert node's templates and has its events published.

    A message that depends only on where a point comes from and on its level is rendered once for each of these.
    """

    def __init__(
        self,
        texts: tuple[str, str, str],
        recoverable: bool,
        category: str,
        topics: tuple[str, ...],
        context: Context,
    ) -> None:
        """texts: templates of id, message and details. Raises TemplateError where one does not parse."""
        id_, message, details = texts
        self.topics = topics
        # a dry run is asked what there would be to tell, whether or not anybody would be told
        self._publishes = bool(topics) or context.environment.dry
        self._category = category
        self._id = parse(id_, "id")
        self._message = parse(message, "message")
        self._details = None if details == DEFAULT_DETAILS else parse_html(details, "details")
        self._plain_details = details if self._details is not None and "{{" not in details else None
        uses = self._message.uses()
        self._message_by_level = uses is not None and not uses & _PER_POINT
        self._recoverable = recoverable
        self._context = context
        environment = context.environment
        self._server = ServerInfo(environment.hostname, environment.cluster_id, environment.server_id)
        self._sources = AlertSourceTable(context.table, self._render_id, context.tagless)
        self._kept: list[str] = []
        self._sequence = OutputSequence()
        self._kept_at: NDArray[np.int32] = np.full(256, -1, dtype=np.int32)

    def id_of_point(self, frame: Frame, row: int) -> str:
        """The alert's id as a point gives it."""
        number = self._sources.of_points(frame.points.series[row : row + 1], frame.group[row : row + 1])
        return self._sources.known[int(number[0])].id

    def id_of_batch(self, batches: Batches, i: int) -> str:
        """The alert's id as a batch gives it."""
        return self._sources.known[self._sources.of_batch(batches.names[i], int(batches.group[i]))].id

    def of_points(self, sent: Frame, level: LevelArray, duration: IntArray, fresh: NDArray[np.bool_]) -> Raised:
        """The events of points: `sent` holds just them. They are published if there is a topic, and in a dry run.

        fresh: bool[n], which of them are the first of their groups.
        """
        points = sent.points
        source_of = self._sources.of_points(points.series, sent.group)
        needs_fields = self._publishes or not self._message_by_level or self._details is not None
        columns = points.columns() if needs_fields else {}
        return self._raise(source_of, points.time, level, duration, sent.origin, columns, None, fresh)

    def of_batches(self, batches: Batches, chosen: Sequence[tuple[int, int, int, int, int]], fresh: set[int]) -> Raised:
        """The events of batches: (batch, row of its worst point, level, time ns, duration ns) each.

        fresh: the batches that are the first of their groups.
        """
        which = [c[0] for c in chosen]
        source_of = [self._sources.of_batch(batches.names[i], int(batches.group[i])) for i in which]
        worst = batches.points.take(np.array([c[1] for c in chosen], dtype=np.intp))
        data = [batch_row(batches, i, self._context.table) for i in which] if self._publishes else None
        return self._raise(
            np.array(source_of, dtype=np.int32),
            np.array([c[3] for c in chosen], dtype=np.int64),
            np.array([c[2] for c in chosen], dtype=np.int8),
            np.array([c[4] for c in chosen], dtype=np.int64),
            batches.origin[which],
            worst.columns(),
            data,
            np.array([i in fresh for i in which], dtype=np.bool_),
        )

    def _raise(
        self,
        source_of: NDArray[np.int32],
        time: IntArray,
        level: LevelArray,
        duration: IntArray,
        origin: IntArray,
        columns: dict[str, Column],
        data: list[dict[str, Any]] | None,
        fresh: NDArray[np.bool_],
    ) -> Raised:
        texts = _Texts(self, source_of, time, level, duration, columns)
        if self._message_by_level:
            messages, message_of = self._kept, self._by_level(source_of, level)
        else:
            messages = gathered(self._message.execute(texts.info(i)) for i in range(len(level)))
            message_of = np.arange(len(level), dtype=np.int32)
        raised = Raised(level, duration, source_of, self._sources.known, messages, message_of)
        details: list[str] | None = None
        if self._plain_details is not None:
            details = [self._plain_details] * len(level)
        elif self._details is not None:
            of = message_of.tolist()
            execute = self._details.execute
            details = gathered(execute(details_info(texts.info(i), messages[of[i]])) for i in range(len(level)))
        if self._publishes:
            self._publish(raised, details, time, origin, columns, data, fresh)
        return raised

    def _by_level(self, source_of: NDArray[np.int32], level: LevelArray) -> NDArray[np.int32]:
        """For every event the place of its message among those kept, new ones rendered."""
        keys = source_of * len(LEVELS) + level
        if len(keys):
            self._kept_at = grown(self._kept_at, int(keys.max()) + 1, -1)
        at: NDArray[np.int32] = self._kept_at[keys]
        for row in (at < 0).nonzero()[0].tolist():
            key = int(keys[row])
            if self._kept_at[key] < 0:
                self._kept.append(self._message.execute(self.info(int(source_of[row]), int(level[row]), 0, 0, {})))
                self._kept_at[key] = len(self._kept) - 1
            at[row] = self._kept_at[key]
        return at

    def _publish(
        self,
        raised: Raised,
        details: list[str] | None,
        time: IntArray,
        origin: IntArray,
        columns: dict[str, Column],
        data: list[dict[str, Any]] | None,
        fresh: NDArray[np.bool_],
    ) -> None:
        event_ids = self._sequence.event_ids(self._context.step, origin)
        used, series_of = distinct(raised.source_of)
        sources = [self._sources.known[s] for s in used.tolist()]
        ids, id_of_source = _distinct([s.id for s in sources])
        messages, message_of = _distinct(raised.message_texts().tolist())
        self._context.effect(
            Alerts(
                task=self._context.task,
                node=self._context.node,
                topics=self.topics,
                ids=ids,
                id_of=id_of_source[series_of],
                messages=messages,
                message_of=message_of,
                details=details,
                level=raised.level,
                time=time,
                duration=raised.duration,
                seq=event_ids.seq,
                row=event_ids.row,
                ordinal=event_ids.ordinal,
                recoverable=self._recoverable,
                series=[{"name": s.name, "tags": nil_as_none(s.tags), "group": group_name(s.group)} for s in sources],
                series_of=series_of.astype(np.int32),
                columns=columns,
                data=data,
                server=(self._server.Hostname, self._server.ClusterID, self._server.ServerID),
                fresh=fresh if fresh.any() else None,
                category=self._category,
                processing_time=event_ids.processing_time if self._category else None,
            )
        )

    def info(self, source: int, level: int, time: int, duration: int, fields: dict[str, Any]) -> MessageInfo:
        """What the message template sees of one event."""
        of = self._sources.known[source]
        return MessageInfo(
            of.name,
            self._context.task,
            group_name(of.group),
            of.tags,
            self._server,
            of.id,
            fields,
            LEVELS[level],
            Time(time),
            Duration(duration),
        )

    def _render_id(self, name: str, group: str, tags: dict[str, str]) -> str:
        return self._id.execute(IDInfo(name, self._context.task, group_name(group), tags, self._server))


class _Texts:
    """The events of one step as templates see them, one by one."""

    def __init__(
        self,
        writer: EventWriter,
        source_of: NDArray[np.int32],
        time: IntArray,
        level: LevelArray,
        duration: IntArray,
        columns: dict[str, Column],
    ) -> None:
        self._writer = writer
        self._arrays = (source_of, level, time, duration)
        self._columns = columns
        self._lists: list[list[Any]] = []
        self._values: dict[str, list[Any]] = {}
        self._there: dict[str, list[bool]] = {}

    def info(self, i: int) -> MessageInfo:
        if not self._lists:
            self._lists = [a.tolist() for a in self._arrays]
            self._values = {name: _seen(column) for name, column in self._columns.items()}
            self._there = {name: column.mask().tolist() for name, column in self._columns.items()}
        source, level, time, duration = (values[i] for values in self._lists)
        fields = {name: values[i] for name, values in self._values.items() if self._there[name][i]}
        return self._writer.info(source, level, time, duration, fields)


def _seen(column: Column) -> list[Any]:
    """A field's values as templates see them: durations and times with their methods, as in Go."""
    values = column.tolist()
    if column.kind not in _TIMED:
        return values
    return [_GO[type(value)](value) if type(value) in _GO else value for value in values]


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
