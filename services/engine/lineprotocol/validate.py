"""Whether a whole body is valid line protocol, and if not, what the reference says of it."""

from __future__ import annotations

from services.engine.lineprotocol import careful
from services.engine.lineprotocol.text import decode


def check(body: bytes, precision: str) -> str | None:
    """None if every line is valid, else one line of text per bad line, joined by newlines, as the reference answers.

    precision: n, u, ms, s, m or h; any other counts as n. Bytes that are not UTF-8 are U+FFFD in the text.
    """
    unit = careful.multiplier(precision)
    errors = []
    for line in careful.lines(body):
        try:
            careful.parse(line, unit)
        except careful.LineError as error:
            errors.append(f"unable to parse '{decode(line)}': {error}")
    return "\n".join(errors) if errors else None
