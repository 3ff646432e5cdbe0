"""Where the lines of bodies, their keys and fields stand, and the numbers of keys: one pass each over the text.

Lines that are written in a plain way are *regular*: what ends their parts is found by these kernels, as the reference
parser would find it. Of every other line they find the end only, and it is left to the reference parser. What a field's
value looks like does not matter here, unless it begins with a quote.

A text is the address of bytes with PAD others behind what is of interest. Tables of keys are as services.kernels.tables
has them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.kernels.byte_strings import same_bytes
from services.kernels.compiled import compiled
from services.kernels.primitives import any_of, byte, ones, trailing_zeros
from services.kernels.tables import TABLE, Ints, Longs, entry_of, number_of
from services.lineprotocol.reference_parser import MAX_KEY_LENGTH

PAD: Final = 64
MOST_BYTES: Final = 2**31 - 1 - PAD
"""Of a text without PAD: positions are int32."""
PLACES: Final = 6
PAYLOAD, ROW, KEY, KEY_END, FIELDS_END, SERIES = range(PLACES)

_NEWLINE, _SPACE, _COMMA, _EQUALS, _QUOTE, _BACKSLASH, _HASH, _TAB, _MINUS, _ZERO = (ord(c) for c in '\n ,="\\#\t-0')
_NAME, _TAG, _TAG_VALUE, _FIELD, _VALUE, _STRING = range(6)
MOST_TAGS: Final = 64
_DIGITS = 19
_ONE, _ALL, _TEN = np.uint64(1), np.uint64(2**64 - 1), np.uint64(10)

_int64: Any = np.int64
_marks: Any = any_of(b',= \n"\\')
_breaks: Any = any_of(b"\n")


@compiled("int64(int64, int64, int64)")
def _line_end(text: int, at: int, end: int) -> int:
    """Where a line that begins at `at` ends: at the line break that is neither escaped nor quoted, or at `end`."""
    fields = quoted = False
    depth = 0  # `=` less `,` outside quotes, since the line's first space
    while at < end:
        mark = byte(text, at)
        if mark == _BACKSLASH:
            at += 2
            continue
        if mark == _NEWLINE:
            if not quoted:
                return at
        elif mark == _SPACE:
            fields = True
        elif fields:
            if mark == _QUOTE:
                quoted = quoted != (depth > 0)
            elif not quoted:
                depth += (mark == _EQUALS) - (mark == _COMMA)
        at += 1
    return end


@compiled("int64(int64, int64)")
def line_breaks(text: int, size: int) -> int:
    """How many line breaks there are in so many bytes, or up to 63 further ones."""
    found = 0
    for at in range(0, size, 64):
        found += ones(_breaks(text, at))
    return found


@compiled("Tuple((int64, uint64, boolean))(int64, int64)")
def _time(text: int, at: int) -> tuple[int, Any, bool]:
    """Where the digits of a time end, what they are without their sign (a uint64), and whether a line ends there."""
    at += byte(text, at) == _MINUS
    first = at
    digits = np.uint64(0)
    while at - first < _DIGITS and byte(text, at) - _ZERO <= 9 and byte(text, at) >= _ZERO:
        digits = digits * _TEN + np.uint64(byte(text, at) - _ZERO)
        at += 1
    return at, digits, at > first and byte(text, at) == _NEWLINE


@compiled("boolean(int64, int64[:, ::1], int64)")
def _twice(text: int, tags: Longs, count: int) -> bool:
    """Whether two of the first tags, each told by where its name begins and how long it is, have one name."""
    for i in range(1, count):
        for j in range(i):
            if (
                tags[i, 1] == tags[j, 1]
                and byte(text, tags[i, 0]) == byte(text, tags[j, 0])
                and same_bytes(text, tags[i, 0], text, tags[j, 0], tags[i, 1])
            ):
                return True
    return False


@compiled(
    f"void(int64, int64[:, ::1], {TABLE}, boolean[::1], {TABLE}, boolean, int32[::1],"
    " int32[:, ::1], int64[::1], int32[::1], int32[:, ::1], int32[::1], int64[:, ::1], int64[::1])"
)
def scan(
    text: int,
    bodies: Longs,
    slots: int,
    last: int,
    entries: int,
    heap: int,
    seed: Any,
    wanted: NDArray[np.bool_],
    series_slots: int,
    series_last: int,
    series_entries: int,
    series_heap: int,
    series_seed: Any,
    numbered: bool,
    foreign: Ints,
    places: Ints,
    time: Longs,
    odd: Ints,
    skipped: Ints,
    group: Ints,
    tags: Longs,
    counts: Longs,
) -> None:
    """The lines of bodies, without comments and blank lines.

    bodies: int64[b, 5], for each where it begins and ends, ns of one unit of its times, the largest time that there can
    be in that unit, and what time (ns) lines without one get. There is a line break behind each.
    A table of measurements' names and wanted: bool[m]: lines of those that it has, whose numbers are below m and that
    are not wanted, are only counted.
    A table of series' keys, whether it is to be asked for numbers, and foreign: int32[k]: lines of those that it has,
    whose numbers are below k and for which there is the number of their measurement, not -1, are only counted as well.

    places: int32[PLACES, lines], for each the index of its body, its ordinal in it, positions, and the number of its
    series, -1 where that is not known. time: int64[lines].
    odd: int32[lines], the indexes of the lines that are not regular: of those KEY and FIELDS_END are the whole line's,
    and the time is received.
    skipped: int32[3, …], body, number of a measurement, how many of its lines were only counted.
    counts: int64[3], how many there are of lines, odd and skipped.
    """
    n = odds = skips = 0
    name, name_length, number, entry = 0, -1, -1, -1  # of the last line whose measurement was looked for
    near = -1  # the entry of the last series
    for body in range(len(bodies)):
        at, end = bodies[body, 0], bodies[body, 1]
        ordinal = 0
        while at < end:
            start = at
            while at < end and (byte(text, at) == _SPACE or byte(text, at) == _TAB or byte(text, at) == 0):
                at += 1
            if at >= end or byte(text, at) == _NEWLINE:
                at += 1
                continue
            if byte(text, at) == _HASH:
                at = _line_end(text, start, end) + 1
                continue
            regular = at == start and byte(text, at) != _COMMA
            escaped = False
            series = skip = -1  # its number; and that of the measurement that the line is only counted of
            state = _NAME
            tag_count = 0
            stop = begin = key_end = fields_end = start
            stamp = bodies[body, 4]
            block = start & -64
            bits = _marks(text, block) & (_ALL << np.uint64(start - block))
            ignored = -1  # a mark that is escaped, or stands for something else
            while regular:
                while bits == 0:
                    block += 64
                    bits = _marks(text, block)
                at = block + trailing_zeros(bits)
                bits &= bits - _ONE
                if at == ignored:
                    continue
                mark = byte(text, at)
                if mark == _BACKSLASH:
                    ignored = at + 1
                    follows = byte(text, ignored)
                    escaped = True
                    regular = ignored < end and (state == _STRING or (follows != _BACKSLASH and follows != _NEWLINE))
                    regular = regular and state != _VALUE
                elif state == _VALUE:
                    regular = at > begin
                    if mark == _COMMA:
                        begin = at + 1
                        state = _FIELD
                    elif mark == _NEWLINE:
                        stop = fields_end = at
                        break
                    elif mark == _SPACE:
                        fields_end = at
                        at, digits, regular = _time(text, fields_end + 1)
                        regular = regular and digits <= np.uint64(bodies[body, 3])
                        stamp = _int64(digits) * bodies[body, 2]
                        if byte(text, fields_end + 1) == _MINUS:
                            stamp = -stamp
                        stop = at
                        break
                    else:
                        regular = False
                elif state == _FIELD:
                    regular = mark == _EQUALS and at > begin
                    begin = at + 1
                    state = _VALUE
                    if byte(text, begin) == _QUOTE:
                        ignored = begin
                        state = _STRING
                elif state == _STRING:
                    if mark == _QUOTE:
                        follows = byte(text, at + 1)
                        regular = follows in (_COMMA, _SPACE, _NEWLINE)
                        state = _VALUE
                    else:
                        regular = at < end
                elif mark == _QUOTE:
                    continue
                elif state == _TAG:
                    regular = mark == _EQUALS and at > begin and tag_count < MOST_TAGS
                    if regular:
                        tags[tag_count, 0], tags[tag_count, 1] = begin, at - begin
                        tag_count += 1
                    begin = at + 1
                    state = _TAG_VALUE
                elif state == _NAME and mark == _EQUALS:
                    continue
                else:
                    regular = at > begin and mark in (_COMMA, _SPACE)
                    if state == _NAME and len(wanted) and not escaped:
                        length = at - start
                        if length != name_length or not same_bytes(text, start, text, name, length):
                            entry = entry_of(text, start, length, entry + 1, slots, last, entries, heap, seed)
                            number = -1 if entry < 0 else number_of(entries, entry)
                        name, name_length = start, length
                        if 0 <= number < len(wanted) and not wanted[number]:
                            skip = number
                    begin = at + 1
                    state = _TAG
                    if mark == _SPACE:
                        key_end = at
                        state = _FIELD
                        follows = byte(text, begin)
                        regular = regular and at - start <= MAX_KEY_LENGTH and follows != _TAB and follows != 0
                        if numbered and skip < 0:
                            near = entry_of(
                                text,
                                start,
                                key_end - start,
                                near + 1,
                                series_slots,
                                series_last,
                                series_entries,
                                series_heap,
                                series_seed,
                            )
                            series = -1 if near < 0 else number_of(series_entries, near)
                            if 0 <= series < len(foreign) and foreign[series] >= 0:
                                skip = _int64(foreign[series])
                        regular = regular and not (tag_count > 1 and _twice(text, tags, tag_count))
            if regular and skip >= 0:
                one = group[skip]
                if one < 0 or skipped[0, one] != body:
                    one = group[skip] = skips
                    skipped[0, one], skipped[1, one], skipped[2, one] = body, skip, 0
                    skips += 1
                skipped[2, one] += 1
            else:
                if not regular:
                    series = -1
                    stop = fields_end = key_end = _line_end(text, start, end)
                    stamp = bodies[body, 4]
                    odd[odds] = n
                    odds += 1
                places[PAYLOAD, n], places[ROW, n] = body, ordinal
                places[KEY, n], places[KEY_END, n], places[FIELDS_END, n] = start, key_end, fields_end
                places[SERIES, n] = series
                time[n] = stamp
                n += 1
            ordinal += 1
            at = stop + 1
    counts[0], counts[1], counts[2] = n, odds, skips
