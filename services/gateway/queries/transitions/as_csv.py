"""Changes of alerts' levels as comma-separated values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

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


def transitions_csv(found: Iterable[Mapping[str, Any]]) -> str:
    """Those as the API shows them (schemas.api.oncall.transition.TransitionSchema), below a line with the keys.

    Tags are one value, `cpu=0,host=a`. A value that a spreadsheet would take for a formula has an apostrophe before it.
    """
    return csv_text(KEYS, map(_row, found))


def _row(one: Mapping[str, Any]) -> Iterator[object]:
    tags = ",".join(f"{name}={value}" for name, value in sorted(one["tags"].items()))
    shown = {**one, "tags": tags}
    return (str(shown[key]).lower() if isinstance(shown[key], bool) else shown[key] for key in KEYS)
