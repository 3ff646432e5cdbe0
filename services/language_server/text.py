"""A script's text, with the places in it as editors count them."""

from __future__ import annotations

import re
from bisect import bisect_right

_LINE_END = re.compile("\r\n|\r|\n")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_UNITS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
"""By LSP's name of the encoding: Python's, and bytes in a unit."""


Place = tuple[int, int]
"""A place as LSP has it: line from 0, and units of the encoding before it in that line."""


class Text:
    """A text and its places. Offsets count characters, from 0; places count units of `encoding`.

    encoding: utf-16, LSP's own, or utf-8 or utf-32 where the client has asked for it. Lines end as LSP has it: with
    a line feed, a carriage return, or both. Halves of a character that came alone are U+FFFD in `value`.
    """

    def __init__(self, text: str, encoding: str = "utf-16") -> None:
        self.value = _LONE_SURROGATE.sub("\ufffd", text)
        self._codec, self._size = _UNITS[encoding]
        self._ends = [match.start() for match in _LINE_END.finditer(self.value)]
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(self.value))]
        self._ends.append(len(self.value))

    def offset(self, place: Place) -> int:
        """The offset of a place; of one that is not in the text, the nearest before it."""
        number, character = place
        if number >= len(self._starts):
            return len(self.value)
        line = self.value[self._starts[number] : self._ends[number]]
        before = line.encode(self._codec)[: character * self._size]
        return self._starts[number] + len(before.decode(self._codec, "ignore"))

    def place(self, offset: int) -> Place:
        """The place of an offset; one between the two characters of a line's end is where the line ends."""
        line = bisect_right(self._starts, offset) - 1
        before = self.value[self._starts[line] : min(offset, self._ends[line])]
        return line, len(before.encode(self._codec)) // self._size
