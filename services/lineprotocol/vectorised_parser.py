"""Where everything stands in many bodies at once: lines, keys, fields and times, without a loop over lines.

Four bytes make the structure of a line: comma, equals, space and line break. Their positions (escaped ones and
those within strings left out) follow each other in one of eight pairs, and never directly, in any line written in the
plain way. Lines for which that holds are *regular*; every other line is left to the reference parser, alone where it is
sure where the line ends, or with its whole payload.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.columns.column import BoolArray, IntArray
from services.lineprotocol.digits import PAD, Text, integers
from services.lineprotocol.reference_parser import MAX_KEY_LENGTH, MAX_TIME
from services.lineprotocol.series_key import tag_names

ByteArray = NDArray[np.uint8]

_NEWLINE, _SPACE, _COMMA, _EQUALS, _QUOTE, _BACKSLASH, _HASH = (ord(c) for c in '\n ,="\\#')
_MARGIN = bytes(PAD - 1)
# Two neighbours a, b are told by 3a + b in eight bits: that is different for all that are allowed and all that are not.
_ALLOWED = np.zeros(256, dtype=np.bool_)
for _a, _b in ("\n,", "\n ", ",=", "=,", "= ", "=\n", " =", " \n"):
    _ALLOWED[(3 * ord(_a) + ord(_b)) % 256] = True
_ODD_START = np.zeros(256, dtype=np.bool_)
_ODD_START[[0, ord("\t")]] = True


class ParsedBodies:
    """The lines of some bodies; positions are bytes of `text`.

    start, key_end, fields_end, end: int64[lines]; key_end and fields_end are right for regular lines only.
    time: int64[lines] as written; timed: whether written at all; both for regular lines only.
    regular: bool[lines]. skip: bool[lines], comments and blank lines. payload: int64[lines], index of the body.
    broken: bodies whose lines could not be told apart; none of their lines means anything.
    """

    __slots__ = (
        "_alike",
        "_first",
        "_marks",
        "broken",
        "counts",
        "end",
        "fields_end",
        "key_end",
        "payload",
        "regular",
        "skip",
        "start",
        "text",
        "time",
        "timed",
    )

    counts: IntArray

    def __init__(self, bodies: Sequence[bytes], units: IntArray) -> None:
        """`units`: int64[bodies], ns of one unit of each body's timestamps. At least one body."""
        # The line break that ends most bodies would be an empty line between this body and the next.
        parts = [memoryview(b)[:-1] if b.endswith(b"\n") else b for b in bodies]
        self.text = Text(b"\n".join([_MARGIN, *parts, _MARGIN]))
        starts = np.cumsum([PAD, *(len(part) + 1 for part in parts)])
        structure = _structure(self.text, starts)
        self.broken = structure.broken
        self._lines(structure, starts)
        self._times(units)
        # A line whose strings or escapes are not where a regular line has them ends where the reference parser says.
        if len(structure.pairs):
            self.regular[self._line_of(structure.pairs)] = False
        if len(structure.strings):
            line = self._line_of(structure.strings)
            wrong = ~self.regular[line] | (structure.strings < self.key_end[line])
            self.broken.update(self.payload[line[wrong]].tolist())
        self.counts *= self.regular

    def fields(self, lines: IntArray | slice) -> tuple[IntArray, IntArray, IntArray]:
        """Fields of lines, line by line: int64[fields] each of before name, `=`, and end of value."""
        marks = self._marks
        if isinstance(lines, slice) and self.grid:
            # Every line has the same marks, so that the fields' are a part of each row of a matrix.
            rows = marks[1:].reshape(len(self.start), -1)[lines]
            at = int(self._first[0]) - 1
            stop = at + 2 * int(self.counts[0]) - 1
            before, equals, ends = (rows[:, at + i : stop + i : 2].ravel() for i in (-1, 0, 1))
            return before, equals, ends
        which = _ranges(self._first[lines], self.counts[lines])
        return marks[which - 1], marks[which], marks[which + 1]

    @property
    def grid(self) -> bool:
        """Whether all lines are regular and have their marks, and so their fields, in the same places."""
        return self._alike and bool(self.regular.all())

    def line(self, line: int) -> bytes:
        """The text of one line."""
        return self.text.raw[self.start[line] : self.end[line]]

    def _line_of(self, positions: IntArray) -> IntArray:
        return np.searchsorted(self.start, positions, "right") - 1

    def _lines(self, structure: _Structure, starts: IntArray) -> None:
        data, marks = self.text.bytes, structure.marks
        kinds = data[marks]
        breaks = np.flatnonzero(kinds == _NEWLINE)
        first, last = breaks[:-1], breaks[1:]
        self.start = marks[first] + 1
        self.end = marks[last]
        if len(starts) == 2:
            self.payload = np.zeros(len(first), dtype=np.int64)
        else:
            self.payload = np.searchsorted(starts, self.start, "right") - 1
        key_mark, fields_mark, self.timed, regular = _sections(np.flatnonzero(kinds == _SPACE), first, last)
        self._alike = _alike(kinds)
        if structure.adjacent or not self._alike:
            allowed = marks[1:] - marks[:-1] > 1
            allowed &= _ALLOWED.take(kinds[:-1] * np.uint8(3) + kinds[1:])
            regular[np.searchsorted(breaks, np.flatnonzero(~allowed), "right") - 1] = False
        # The first space stands before the fields, the second before the time.
        regular &= kinds[key_mark + 1] == _EQUALS
        regular &= ~self.timed | (fields_mark + 1 == last)
        self.key_end = marks[key_mark]
        self.fields_end = marks[fields_mark]
        begin = data[self.start]
        self.skip = (self.start == self.end) | (begin == _HASH)
        regular &= ~(self.skip | _ODD_START[begin] | _ODD_START[data[self.key_end + 1]])
        if len(self.text.raw) > MAX_KEY_LENGTH:
            regular &= self.key_end - self.start <= MAX_KEY_LENGTH
        self.regular = regular
        self._marks = marks
        self._first = key_mark + 1
        self.counts = (fields_mark - key_mark) // 2
        self._tags(first + 1, np.where(regular, (key_mark - first) // 2, 0))

    def _times(self, units: IntArray) -> None:
        lengths = np.where(self.timed, self.end - self.fields_end - 1, 0)
        time, good = integers(self.text, self.end, lengths)
        limits = (MAX_TIME // units).astype(np.uint64)
        good &= time <= (limits[0] if len(units) == 1 else limits[self.payload])
        self.regular &= good | ~self.timed
        self.time = time.view(np.int64)
        self.time *= units[0] if len(units) == 1 else units[self.payload]

    def _tags(self, first: IntArray, counts: IntArray) -> None:
        """Lines with one tag twice are not regular. Keys that rise, by their first eight bytes, are all different."""
        at = _ranges(first, counts)
        if len(at) < 2:
            return
        begins = self._marks[at] + 1
        words = self.text.after(begins, self._marks[at + 1] - begins).byteswap()
        rise = np.empty(len(at), dtype=np.bool_)
        np.greater(words[1:], words[:-1], out=rise[1:])
        rise[(np.cumsum(counts) - counts)[counts > 0]] = True
        if rise.all():
            return
        known: dict[bytes, bool] = {}
        for line in np.unique(np.repeat(np.arange(len(counts)), counts)[~rise]).tolist():
            key = self.text.raw[self.start[line] : self.key_end[line]]
            twice = known.get(key)
            if twice is None:
                names = tag_names(key)
                twice = known[key] = len(set(names)) < len(names)
            if twice:
                self.regular[line] = False


@dataclass(frozen=True, slots=True)
class _Structure:
    """marks: positions of the structure's bytes. pairs: of second backslashes, strings: of opening quotes.

    adjacent: whether two marks may follow each other directly.
    """

    marks: IntArray
    adjacent: bool
    pairs: IntArray
    strings: IntArray
    broken: set[int]


def _structure(text: Text, starts: IntArray) -> _Structure:
    data = text.bytes
    mask = _mask(data)
    escaped = nothing = np.arange(0)
    broken: set[int] = set()
    if b"\\" in text.raw:
        slashes = np.flatnonzero(data == _BACKSLASH)
        order = np.arange(len(slashes))
        run = np.maximum.accumulate(np.where(np.diff(slashes, prepend=-2) > 1, order, 0))
        escaped = slashes[(order - run) % 2 == 0] + 1
        mask[escaped] = False
        mask[starts - 1] = True
        # A backslash takes a line break along: lines are not where they seem.
        over = escaped[data[escaped] == _NEWLINE] - 1
        broken.update((np.searchsorted(starts, over, "right") - 1).tolist())
    adjacent = bool(np.logical_and(mask[1:], mask[:-1], out=_scratch.one[: len(mask) - 1]).any())
    pairs = escaped[data[escaped] == _BACKSLASH]
    if b'"' not in text.raw:
        return _Structure(np.flatnonzero(mask), adjacent, pairs, nothing, broken)
    quote = data == _QUOTE
    quote[escaped] = False
    quotes = np.flatnonzero(quote)
    owner = np.searchsorted(starts, quotes, "right") - 1
    count = np.bincount(owner, minlength=len(starts))
    opens = (np.arange(len(quotes)) - (np.cumsum(count) - count)[owner]) % 2 == 0
    # A string begins right after `=` and ends right before what ends a value.
    fits = np.where(
        opens,
        mask[quotes - 1] & (data[quotes - 1] == _EQUALS),
        mask[quotes + 1] & (data[quotes + 1] != _EQUALS),
    )
    fits &= count[owner] % 2 == 0
    if not fits.all():
        wrong = np.unique(owner[~fits])
        broken.update(wrong.tolist())
        usable = ~np.isin(owner, wrong)
        quotes, opens = quotes[usable], opens[usable]
    marks = np.flatnonzero(mask)
    steps = np.bincount(np.searchsorted(marks, quotes[opens]), minlength=len(marks)) - np.bincount(
        np.searchsorted(marks, quotes[~opens]), minlength=len(marks)
    )
    marks = marks[np.cumsum(steps) == 0]
    pairs = pairs[np.searchsorted(quotes, pairs) % 2 == 0]
    return _Structure(marks, adjacent, pairs, quotes[opens], broken)


class _Scratch(threading.local):
    """Bytes to work in, kept because fresh memory costs more than what is done with it."""

    def __init__(self) -> None:
        self.mask: BoolArray = np.empty(0, dtype=np.bool_)
        self.one: BoolArray = np.empty(0, dtype=np.bool_)


_scratch = _Scratch()


def _mask(data: ByteArray) -> BoolArray:
    """Which bytes make structure. The result is overwritten by this thread's next call."""
    n = len(data)
    mask, one = _scratch.mask, _scratch.one
    if len(mask) < n:
        mask, one = np.empty(n, dtype=np.bool_), np.empty(n, dtype=np.bool_)
        _scratch.mask, _scratch.one = mask, one
    mask, one = mask[:n], one[:n]
    np.equal(data, _COMMA, out=mask)
    for byte in (_EQUALS, _SPACE, _NEWLINE):
        np.equal(data, byte, out=one)
        np.logical_or(mask, one, out=mask)
    return mask


def _sections(spaces: IntArray, first: IntArray, last: IntArray) -> tuple[IntArray, IntArray, BoolArray, BoolArray]:
    """Of lines between two marks: the marks that end key and fields, which have a time, and which make sense."""
    n = len(first)
    if len(spaces) == 2 * n:
        one, two = spaces[0::2], spaces[1::2]
        if (one > first).all() and (two < last).all():
            return one, two, np.ones(n, dtype=np.bool_), np.ones(n, dtype=np.bool_)
    at = np.searchsorted(spaces, first)
    counts = np.diff(at, append=len(spaces))
    regular = (counts == 1) | (counts == 2)
    timed = counts == 2
    spaces = np.append(spaces, [0, 0])
    key = np.where(regular, spaces[at], first)
    return key, np.where(timed, spaces[at + 1], np.where(regular, last, first)), timed, regular


def _alike(kinds: ByteArray) -> bool:
    """Whether all lines have the same marks in the same order, and a right one."""
    flat = kinds.tobytes()
    size = flat.find(b"\n", 1)
    line = kinds[: size + 1]
    if size < 0 or not _ALLOWED[line[:-1] * np.uint8(3) + line[1:]].all():
        return False
    return flat[1:] == flat[1 : size + 1] * ((len(flat) - 1) // size)


def _ranges(first: IntArray, counts: IntArray) -> IntArray:
    """first, first + 2, … (counts of them) for each, end to end."""
    if not len(counts):
        return np.arange(0)
    if (counts == counts[0]).all():
        same: IntArray = (first[:, None] + 2 * np.arange(counts[0])).ravel()
        return same
    before = np.cumsum(counts) - counts
    result: IntArray = np.repeat(first - 2 * before, counts) + 2 * np.arange(counts.sum())
    return result
