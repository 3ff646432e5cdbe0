"""Whether a whole body is valid line protocol, and if not, what the reference says of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np

from services.lineprotocol import reference_parser
from services.lineprotocol.fast_path import fits_fast_path
from services.lineprotocol.text import decode
from services.lineprotocol.values import are_valid
from services.lineprotocol.vectorised_parser import ParsedBodies

_TINY = 2000
_PART = 16000
_LARGE = 4 << 20  # bytes: the arrays of a body of short lines take twenty times as many
_one_large = threading.Lock()


def check(body: bytes, precision: str) -> str | None:
    """None if every line is valid, else one line of text per bad line, joined by newlines, as the reference answers.

    precision: n, u, ms, s, m or h; any other counts as n. Bytes that are not UTF-8 are U+FFFD in the text.
    """
    unit = reference_parser.multiplier(precision)
    if len(body) <= _LARGE:
        return _checked(body, unit)
    if b'"' in body or b"\\" in body:
        # where its lines end only a look at all of it tells
        with _one_large:
            return _checked(body, unit)
    errors = [error for part in _parts(body) if (error := _checked(part, unit)) is not None]
    return "\n".join(errors) if errors else None


def _parts(body: bytes) -> Iterator[bytes]:
    """Parts that end where lines do."""
    start = 0
    while start < len(body):
        end = body.find(b"\n", start + _LARGE) + 1 or len(body)
        yield body[start:end]
        start = end


def _checked(body: bytes, unit: int) -> str | None:
    if fits_fast_path(body, unit):
        return None
    if len(body) < _TINY:
        return check_each_line(body, unit)
    parsed = ParsedBodies([body], np.array([unit], dtype=np.int64))
    if parsed.broken:
        return check_each_line(body, unit)
    doubtful = ~(parsed.regular | parsed.skip)
    # In parts whose arrays are small enough to stay in the processor's and the allocator's caches.
    size = max(1, _PART * len(doubtful) // max(1, int(parsed.counts.sum())))
    for first in range(0, len(doubtful), size):
        part = slice(first, first + size)
        _, equals, ends = parsed.fields(part)
        good = are_valid(parsed.text, equals + 1, ends)
        if not good.all():
            owner = np.repeat(np.arange(first, first + len(parsed.counts[part])), parsed.counts[part])
            doubtful[owner[~good]] = True
    errors = []
    for line in np.flatnonzero(doubtful).tolist():
        error = check_each_line(parsed.line(line), unit)
        if error is not None:
            errors.append(error)
    return "\n".join(errors) if errors else None


def check_each_line(body: bytes, unit: int) -> str | None:
    """The same, a line at a time. `unit`: ns of one unit of the timestamps."""
    errors = []
    for line in reference_parser.lines(body):
        try:
            reference_parser.parse(line, unit)
        except reference_parser.LineError as error:
            errors.append(f"unable to parse '{decode(line)}': {error}")
    return "\n".join(errors) if errors else None
