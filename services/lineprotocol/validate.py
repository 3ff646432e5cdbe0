"""Whether a whole body is valid line protocol, and if not, what the reference says of it."""

from __future__ import annotations

from services.lineprotocol import reference_parser
from services.lineprotocol.fast_path import MOST, plain_until
from services.lineprotocol.text import decode

_LEAST = 512
"""Bytes that are looked at at once behind a line that was not plain: where many are not, few are read twice."""


def check(body: bytes, precision: str) -> str | None:
    """None if every line is valid, else one line of text per bad line, joined by newlines, as the reference answers.

    precision: n, u, ms, s, m or h; any other counts as n. Bytes that are not UTF-8 are U+FFFD in the text.
    """
    unit = reference_parser.multiplier(precision)
    errors = []
    at, size, most = 0, len(body), MOST
    while at < size:
        if (end := plain_until(body, at, most, unit)) > at:
            most = min(2 * most, MOST)
        else:
            most = _LEAST
            end = min(reference_parser.line_end(body, at) + 1, size)
            if (error := check_each_line(body[at:end], unit)) is not None:
                errors.append(error)
        at = end
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
