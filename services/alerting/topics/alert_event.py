"""An alert event as handlers see it, and its JSON as Kapacitor 1.5.7 writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from grammar.golang.json_writer import to_json
from grammar.golang.times import format_rfc3339, parse_rfc3339
from grammar.gotemplate import Duration, Struct, Time, parse_html
from grammar.gotemplate import Level as EventLevel
from services.alertlog.info import LEVELS, DetailsInfo, ServerInfo


class Row(
    Struct,
    go="models.Row",
    pointer=True,
    json={
        "Name": "name,omitempty",
        "Tags": "tags,omitempty",
        "Columns": "columns,omitempty",
        "Values": "values,omitempty",
    },
):
    """One series of a result."""

    Name: str
    Tags: dict[str, str]
    Columns: list[str]
    Values: list[list[object]]


class Result(Struct, go="models.Result", json={"Series": "series", "Err": "error,omitempty"}):
    """The data of an event."""

    Series: Annotated[list[Row], "models.Rows"]
    Err: object


class AlertData(
    Struct,
    go="alert.Data",
    json={
        "ID": "id",
        "Message": "message",
        "Details": "details",
        "Time": "time",
        "Duration": "duration",
        "Level": "level",
        "Data": "data",
        "PreviousLevel": "previousLevel",
        "Recoverable": "recoverable",
    },
):
    """An event as its JSON shows it, in that order, and as an alert-template sees it."""

    ID: str
    Message: str
    Details: str
    Time: Time
    Duration: Duration
    Level: EventLevel
    Data: Result
    PreviousLevel: EventLevel
    Recoverable: bool


@dataclass(frozen=True)
class AlertEvent:
    """One alert event. Times and durations in ns, levels 0 (OK) to 3 (CRITICAL).

    given_details: None where the script gives no details of its own. fields: of the point that caused it (a batch's:
    of its worst point). rows: the result series of a batch (one) or of collected events (any number) as JSON, None for
    a point. place: where it stands in ALERTS: sequence of its message, number in it. path: the topics that it came
    through before its own. replay: `<replay id>:<task id>` where it comes from a replay, else "".
    """

    topic: str
    task: str
    id: str
    message: str
    given_details: str | None
    level: int
    previous: int
    time: int
    duration: int
    recoverable: bool
    name: str
    group: str
    tags: dict[str, str]
    fields: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]] | None
    server: tuple[str, str, str]
    place: tuple[int, int] = (0, 0)
    path: tuple[str, ...] = ()
    replay: str = ""

    @cached_property
    def details(self) -> str:
        """The details, rendered: of the default template where the script gives none."""
        return self.given_details if self.given_details is not None else _default_details(self)

    def data(self) -> AlertData:
        """The event as its JSON and templates show it."""
        return self._data

    def json(self) -> bytes:
        """One line of JSON with its line end. Raises TemplateError's kin CallError where a value has none (NaN)."""
        return self._json

    @cached_property
    def _data(self) -> AlertData:
        return AlertData(
            self.id,
            self.message,
            self.details,
            Time(self.time),
            Duration(self.duration),
            EventLevel(self.level),
            Result(_rows(self), None),
            EventLevel(self.previous),
            self.recoverable,
        )

    @cached_property
    def _json(self) -> bytes:
        return to_json(self._data).encode("utf-8", "replace") + b"\n"


def rows_of(event: AlertEvent) -> Sequence[Mapping[str, Any]]:
    """The event's data as result series in JSON."""
    if event.rows is not None:
        return event.rows
    names = sorted(event.fields)
    values = [format_rfc3339(event.time), *(_plain(event.fields[name]) for name in names)]
    row: dict[str, Any] = {"name": event.name, "columns": ["time", *names], "values": [values]}
    return [{**row, "tags": dict(event.tags)} if event.tags else row]


def _plain(value: Any) -> Any:
    return format_rfc3339(value.ns) if isinstance(value, Time) else value


_DEFAULT_DETAILS = parse_html("{{ json . }}", "details")


def _default_details(event: AlertEvent) -> str:
    info = DetailsInfo(
        event.name,
        event.task,
        event.group,
        event.tags,
        ServerInfo(*event.server),
        event.id,
        dict(event.fields),
        LEVELS[event.level],
        Time(event.time),
        Duration(event.duration),
        event.message,
    )
    return _DEFAULT_DETAILS.execute(info)


def _rows(event: AlertEvent) -> list[Row]:
    if event.rows is not None:
        return [_row(row) for row in event.rows]
    names = sorted(event.fields)
    # the time of a point's event is the point's
    values = [[Time(event.time), *(event.fields[name] for name in names)]]
    return [Row(event.name, dict(event.tags), ["time", *names], values)]


def _row(row: Mapping[str, Any]) -> Row:
    columns: list[str] = row.get("columns", [])
    at = columns.index("time") if "time" in columns else -1
    values = [[_time(v) if i == at else v for i, v in enumerate(cells)] for cells in row.get("values", [])]
    return Row(row["name"], row.get("tags", {}), columns, values)


def _time(value: Any) -> Any:
    return Time(parse_rfc3339(value)) if isinstance(value, str) else value
