"""Messages of the log, whether their bodies are packed or text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from services.lineprotocol import reference_parser
from services.lineprotocol.packing.layout import HEAD, MOST_TEXT, PACKED
from services.lineprotocol.packing.some_lines import PackedText
from services.lineprotocol.packing.text import text_of

Headers = Mapping[str, str] | None

_MOST_DIGITS = len(str(MOST_TEXT))
_SPACE = b" \t\0"


def stands_for(headers: Headers) -> int:
    """For how many bytes of text a message's body stands, 0 where it is text itself, or says that it stands for
    more than any does."""
    if headers is None or (text := headers.get(PACKED)) is None:
        return 0
    size = int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else 0
    return size if size <= MOST_TEXT else 0


def text_bytes(data: bytes, headers: Headers) -> int:
    """How many bytes of text a message has: what there is to do about it goes by that."""
    return stands_for(headers) or len(data)


def line_count(data: bytes, headers: Headers) -> int:
    """How many lines a message has, roughly."""
    if stands_for(headers):
        return int.from_bytes(data[HEAD : HEAD + 8], "little")
    return data.count(b"\n", 0, -1) + 1


def text(data: bytes, headers: Headers) -> bytes:
    """The text of a message. What says that it is packed and is not is given as it is."""
    if not (most := stands_for(headers)):
        return data
    try:
        return text_of(data, most)
    except ValueError:
        return data


def some_lines(data: bytes, headers: Headers, rows: Sequence[int]) -> list[bytes]:
    """Some lines of a message, by the numbers of its points (ascending); of those only that it has."""
    if most := stands_for(headers):
        try:
            packed = PackedText(data, most)
        except ValueError:
            return []
        return packed.lines(np.array([row for row in rows if row < packed.n], dtype=np.int64))
    found: list[bytes] = []
    wanted = iter(rows)
    next_row = next(wanted, None)
    for number, line in enumerate(_lines(data) if next_row is not None else ()):
        if number == next_row:
            found.append(line)
            if (next_row := next(wanted, None)) is None:
                break
    return found


def _lines(body: bytes) -> Iterable[bytes]:
    if b'"' in body or b"\\" in body:
        return reference_parser.lines(body)
    # no line break is within a text: a tenth of the time
    return (line for one in body.split(b"\n") if (line := one.lstrip(_SPACE)) and not line.startswith(b"#"))
