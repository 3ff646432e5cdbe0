"""Changes of alerts' levels, and reports of them, as comma-separated values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from grammar.golang.durations import parse_go_duration
from schemas.requests.alerting import LEVELS
from services.gateway.queries.transitions.csv_text import csv_text

CONTENT_TYPE = "text/csv; charset=utf-8; header=present"
KEYS = (
    "stored",
    "time",
    "topic",
    "id",
    "task",
    "name",
    "tags",
    "level",
    "previousLevel",
    "duration",
    "silenced",
    "muted",
    "flapping",
    "message",
)
_REPORT_KEYS = (
    *("topic", "of", "alerts"),
    *(f"changes_{level}" for level in LEVELS),
    *(f"seconds_{level}" for level in LEVELS[1:]),
    "held",
)


def transitions_csv(found: Iterable[Mapping[str, Any]]) -> str:
    """Those as the API shows them (schemas.api.oncall.transition.TransitionSchema), below a line with the keys.

    Tags are one value, `cpu=0,host=a`. A value that a spreadsheet would take for a formula has an apostrophe before it.
    """
    return csv_text(KEYS, map(_row, found))


def report_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows of a report as the API shows them (schemas.api.oncall.report.ReportRowSchema); times are in seconds."""
    return csv_text(_REPORT_KEYS, map(_report_row, rows))


def _report_row(one: Mapping[str, Any]) -> Iterator[object]:
    yield from (one.get("topic", ""), one["of"], one["alerts"])
    yield from (one["changes"][level] for level in LEVELS)
    yield from (parse_go_duration(one["time"][level]) / 1e9 for level in LEVELS[1:])
    yield one["held"]


def _row(one: Mapping[str, Any]) -> Iterator[object]:
    tags = ",".join(f"{name}={value}" for name, value in sorted(one["tags"].items()))
    shown = {**one, "tags": tags}
    return (str(shown[key]).lower() if isinstance(shown[key], bool) else shown[key] for key in KEYS)
