"""What a run in which nothing is done outside would have done there, as plain data: a line for each thing.

schemas.api.effect.EffectSchema says which keys a line has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from grammar.golang.times import format_rfc3339
from services.alertlog.info import LEVELS
from services.columns.output_sequence import EventIds
from services.dryrun.rows import plain_data
from services.runtime.effects import Alerts, Effect, Failure, Inhibition, Withheld, Write

Line = dict[str, Any]


class Outcomes:
    """The lines of one run: alerts have the level before as `previousLevel`, OK before the first that it has raised."""

    def __init__(self) -> None:
        self._levels: dict[tuple[str, str], str] = {}

    def of(self, effects: Sequence[Effect]) -> Iterator[Line]:
        """Of what comes next, in order."""
        for effect in effects:
            lines = outcomes_of(effect)
            yield from self._with_previous(effect, lines) if isinstance(effect, Alerts) else lines

    def _with_previous(self, effect: Alerts, lines: Iterator[Line]) -> Iterator[Line]:
        # a topic that the script names may have the alerts of several nodes
        topic = effect.topics[-1] if effect.topics else effect.node
        for line in lines:
            key = topic, line["id"]
            line["previousLevel"] = self._levels.get(key, LEVELS[0])
            self._levels[key] = line["level"]
            yield line


def outcomes_of(effect: Effect) -> Iterator[Line]:
    """The lines of one effect, in order; none where nothing outside would tell. The `previousLevel` of alerts is OK."""
    maker: Callable[[Any], Iterator[Line]] | None = _MAKERS.get(type(effect))
    return iter(()) if maker is None else maker(effect)


def _alerts(alerts: Alerts) -> Iterator[Line]:
    columns = [
        (name, [plain_data(value) for value in column.tolist()], column.mask().tolist())
        for name, column in sorted(alerts.columns.items())
    ]
    numbers = (alerts.level, alerts.id_of, alerts.message_of, alerts.time, alerts.duration)
    for i, (level, id, message, time, duration) in enumerate(zip(*(a.tolist() for a in numbers), strict=True)):
        yield {
            "kind": "alert",
            "node": alerts.node,
            "time": format_rfc3339(time),
            "topics": list(alerts.topics),
            "id": alerts.ids[id],
            "level": LEVELS[level],
            "previousLevel": LEVELS[0],
            "duration": duration,
            "message": alerts.messages[message],
            "details": None if alerts.details is None else alerts.details[i],
            "recoverable": alerts.recoverable,
            "category": alerts.category,
            "data": {"series": [_series(alerts, columns, i)]},
            "origin": _origin(int(alerts.seq[i]), int(alerts.row[i]), int(alerts.ordinal[i])),
        }


def _series(alerts: Alerts, columns: Sequence[tuple[str, list[Any], list[bool]]], i: int) -> dict[str, Any]:
    """The event's data as a result has it. columns: by name the values, and which events have one."""
    if alerts.data is not None:
        series: dict[str, Any] = plain_data(alerts.data[i])
        return series
    named = alerts.series[alerts.series_of[i]]
    values = {name: column[i] for name, column, there in columns if there[i]}
    tags = {"tags": dict(named["tags"])} if named.get("tags") else {}
    row = [format_rfc3339(int(alerts.time[i])), *values.values()]
    return {"name": named["name"], **tags, "columns": ["time", *values], "values": [row]}


def _inhibitions(effect: Inhibition) -> Iterator[Line]:
    for i, (category, tags, on) in enumerate(zip(effect.categories, effect.tags, effect.on, strict=True)):
        ids: EventIds = effect.event_ids
        yield {
            "kind": "inhibition",
            "node": effect.node,
            "time": format_rfc3339(int(ids.processing_time[i])),
            "category": category,
            "tags": dict(tags),
            "on": on,
            "origin": _origin(int(ids.seq[i]), int(ids.row[i]), int(ids.ordinal[i])),
        }


def _origin(seq: int, row: int, ordinal: int) -> dict[str, Any]:
    """Which point caused it; what a timer has caused has a sequence below 0."""
    if seq < 0:
        return {"tick": format_rfc3339(-seq), "ordinal": ordinal}
    return {"seq": seq, "row": row, "ordinal": ordinal}


def _loopbacks(effect: Write) -> Iterator[Line]:
    lines = effect.lines.decode("utf-8", "replace").splitlines()
    yield {
        "kind": "loopback",
        "node": unquote(effect.writer.split("/")[1]) if "/" in effect.writer else "",
        "time": format_rfc3339(int(lines[0].rsplit(" ", 1)[1])),
        "database": effect.database,
        "retention-policy": effect.retention_policy,
        "lines": lines,
    }


def _withheld(effect: Withheld) -> Iterator[Line]:
    of = {"kind": effect.kind, "node": effect.node, "time": format_rfc3339(effect.time)}
    yield {**of, **plain_data(effect.what)}


def _failures(effect: Failure) -> Iterator[Line]:
    yield {"kind": "failure", "error": effect.reason}


_MAKERS: Mapping[type, Callable[[Any], Iterator[Line]]] = {
    Alerts: _alerts,
    Inhibition: _inhibitions,
    Write: _loopbacks,
    Withheld: _withheld,
    Failure: _failures,
}
