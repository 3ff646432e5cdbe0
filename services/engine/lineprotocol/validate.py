"""Whether a whole body is valid line protocol, and if not, what the reference says of it."""

from __future__ import annotations

import numpy as np

from services.engine.lineprotocol import careful
from services.engine.lineprotocol.scan import Scan
from services.engine.lineprotocol.text import decode
from services.engine.lineprotocol.usual import is_usual
from services.engine.lineprotocol.values import are_valid

_TINY = 2000
_PART = 16000


def check(body: bytes, precision: str) -> str | None:
    """None if every line is valid, else one line of text per bad line, joined by newlines, as the reference answers.

    precision: n, u, ms, s, m or h; any other counts as n. Bytes that are not UTF-8 are U+FFFD in the text.
    """
    unit = careful.multiplier(precision)
    if is_usual(body, unit):
        return None
    if len(body) < _TINY:
        return carefully(body, unit)
    scan = Scan([body], np.array([unit], dtype=np.int64))
    if scan.broken:
        return carefully(body, unit)
    doubtful = ~(scan.regular | scan.skip)
    # In parts whose arrays are small enough to stay in the processor's and the allocator's caches.
    size = max(1, _PART * len(doubtful) // max(1, int(scan.counts.sum())))
    for first in range(0, len(doubtful), size):
        part = slice(first, first + size)
        _, equals, ends = scan.fields(part)
        good = are_valid(scan.text, equals + 1, ends)
        if not good.all():
            owner = np.repeat(np.arange(first, first + len(scan.counts[part])), scan.counts[part])
            doubtful[owner[~good]] = True
    errors = []
    for line in np.flatnonzero(doubtful).tolist():
        error = carefully(scan.line(line), unit)
        if error is not None:
            errors.append(error)
    return "\n".join(errors) if errors else None


def carefully(body: bytes, unit: int) -> str | None:
    """The same, a line at a time. `unit`: ns of one unit of the timestamps."""
    errors = []
    for line in careful.lines(body):
        try:
            careful.parse(line, unit)
        except careful.LineError as error:
            errors.append(f"unable to parse '{decode(line)}': {error}")
    return "\n".join(errors) if errors else None
