"""Comma-separated values that a spreadsheet shows as they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


def csv_text(header: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """All lines, the header first."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_inert(str(value)) for value in row] for row in rows)
    return out.getvalue()


def _inert(text: str) -> str:
    """The text as a spreadsheet shows it, and does not reckon it."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
