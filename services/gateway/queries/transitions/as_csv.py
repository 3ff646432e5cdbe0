"""Changes of alerts' levels as comma-separated values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

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
    "message",
)


def transitions_csv(found: Iterable[Mapping[str, Any]]) -> str:
    """Those as the API shows them (schemas.api.oncall.transition.TransitionSchema), below a line with the keys.

    Tags are one value, `cpu=0,host=a`. A value that a spreadsheet would take for a formula has an apostrophe before it.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(KEYS)
    for one in found:
        tags = ",".join(f"{name}={value}" for name, value in sorted(one["tags"].items()))
        shown = {**one, "tags": tags, "silenced": str(one["silenced"]).lower()}
        writer.writerow([_inert(str(shown[key])) for key in KEYS])
    return out.getvalue()


def _inert(text: str) -> str:
    """The text as a spreadsheet shows it, and does not reckon it."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
