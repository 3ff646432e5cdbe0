"""Lines of some tags out of messages of the log, by their bytes: far faster than all of them are decoded."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from services.bus.follow import StoredMessage
from services.columns.column import Rows
from services.lineprotocol.packing.layout import PACKED
from services.lineprotocol.packing.messages import stands_for
from services.lineprotocol.packing.some_lines import PackedText

RowArray = NDArray[np.int32]

_PLAIN = re.compile(r"[A-Za-z0-9_.:/-]+", re.ASCII)
# With any of these a line may not be what lies between two line ends, or not be a point.
_ODD = (b'"', b"#", b"\r")
_LINE_END = 10
_SPACE = 32  # nor if it begins with this, or is empty


def can_sift(tags: Mapping[str, str]) -> bool:
    """Whether lines that have these tags are known by their bytes."""
    return bool(tags) and all(_PLAIN.fullmatch(text) for pair in tags.items() for text in pair)


class Sift:
    """Takes the lines of some tags out of messages. A message of which that cannot be told is taken whole: its other
    lines are of other groups, and change nothing for these."""

    def __init__(self, tags: Mapping[str, str]) -> None:
        """tags: such as `can_sift`."""
        self._tags = [f",{key}={value}".encode() for key, value in tags.items()]

    def of(self, message: StoredMessage) -> tuple[StoredMessage, RowArray | None]:
        """The message with no other lines than those that have the tags, and the numbers of these: int32[k], as
        services.runtime.input.line_protocol_decoder counts the rows of a message. None: it is the message as it was.
        """
        if most := stands_for(message.headers):
            return self._of_packed(message, most)
        body = message.data
        # what a gateway has stored is line protocol: what is not is left out whole, for the sake of any line
        checked = message.headers is not None and "received" in message.headers
        if not checked or any(odd in body for odd in _ODD):
            return message, None
        text = np.frombuffer(body.rstrip(b"\n"), dtype=np.uint8)
        ends = np.append(np.flatnonzero(text == _LINE_END), len(text))
        starts = np.concatenate([[0], ends[:-1] + 1])
        if not len(text) or (text[starts] <= _SPACE).any():
            return message, None
        rows = functools.reduce(np.intersect1d, (_lines_with(body, tag, ends) for tag in self._tags))
        kept = [body[start:end] for start, end in zip(starts[rows].tolist(), ends[rows].tolist(), strict=True)]
        return message._replace(data=b"\n".join(kept)), rows.astype(np.int32)

    def _of_packed(self, message: StoredMessage, most: int) -> tuple[StoredMessage, RowArray | None]:
        try:
            packed = PackedText(message.data, most)
        except ValueError:
            return message, None
        rows = packed.rows_of([all(_has(key, tag) for tag in self._tags) for key in packed.keys])
        headers = {name: value for name, value in (message.headers or {}).items() if name != PACKED}
        return message._replace(data=b"\n".join(packed.lines(rows)), headers=headers), rows.astype(np.int32)


def _has(key: bytes, tag: bytes) -> bool:
    return key.endswith(tag) or tag + b"," in key


def _lines_with(body: bytes, tag: bytes, ends: Rows) -> Rows:
    """The numbers of the lines that have a tag, ascending. ends: of all lines."""
    found: list[int] = []
    for text in (tag + b",", tag + b" "):
        at = body.find(text)
        while at >= 0:
            found.append(at)
            at = body.find(text, at + len(text))
    return np.unique(np.searchsorted(ends, found))
