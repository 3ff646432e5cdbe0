"""Where the lines of bodies, their keys and fields stand, and the numbers of keys: one pass each over the text.

Lines that are written in a plain way are *regular*: what ends their parts is found by these kernels, as the reference
parser would find it. Of every other line they find the end only, and it is left to the reference parser. What a field's
value looks like does not matter here, unless it begins with a quote.

Text is uint8[n] with PAD bytes behind what is of interest. A table of keys (see services.lineprotocol.keytable) is
slots: int32[2^k], the number of an entry and one, or 0, by the key's hash; entries: int64[m, 4], the key's hash, where
it begins in the heap, its length, and its number; heap: uint8[...], the keys, with PAD bytes behind them; and a seed.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.kernels.byte_strings import hash_of, same_bytes
from services.kernels.compiled import compiled, inlined
from services.kernels.primitives import any_of, trailing_zeros
from services.lineprotocol.reference_parser import MAX_KEY_LENGTH

Bytes = NDArray[np.uint8]
Longs = NDArray[np.int64]
Ints = NDArray[np.int32]

PAD: Final = 64
PLACES: Final = 5
PAYLOAD, ROW, KEY, KEY_END, FIELDS_END = range(PLACES)

_NEWLINE, _SPACE, _COMMA, _EQUALS, _QUOTE, _BACKSLASH, _HASH, _TAB, _MINUS, _ZERO = (ord(c) for c in '\n ,="\\#\t-0')
_NAME, _TAG, _TAG_VALUE, _FIELD, _VALUE, _STRING = range(6)
MOST_TAGS: Final = 64
_DIGITS = 19
_ONE, _ALL, _TEN = np.uint64(1), np.uint64(2**64 - 1), np.uint64(10)

_int64: Any = np.int64
_marks: Any = any_of(b',= \n"\\')

_TEXT = "Array(uint8, 1, 'C', True)"
_TABLE = "int32[::1], int64[:, ::1], uint8[::1], uint64"


@compiled(f"int64({_TEXT}, int64, int64)")
def _line_end(data: Bytes, at: int, end: int) -> int:
    """Where a line that begins at `at` ends: at the line break that is neither escaped nor quoted, or at `end`."""
    fields = quoted = False
    depth = 0  # `=` less `,` outside quotes, since the line's first space
    while at < end:
        byte = data[at]
        if byte == _BACKSLASH:
            at += 2
            continue
        if byte == _NEWLINE:
            if not quoted:
                return at
        elif byte == _SPACE:
            fields = True
        elif fields:
            if byte == _QUOTE:
                quoted = quoted != (depth > 0)
            elif not quoted:
                depth += (byte == _EQUALS) - (byte == _COMMA)
        at += 1
    return end


@inlined
def _number(data: Bytes, begin: int, length: int, slots: Ints, entries: Longs, heap: Bytes, seed: Any) -> int:
    """The number of a key; -1 where the table lacks it."""
    found = _int64(hash_of(data, begin, length, seed))
    last = len(slots) - 1
    slot = found & last
    while slots[slot]:
        entry = slots[slot] - 1
        if (
            entries[entry, 0] == found
            and entries[entry, 2] == length
            and same_bytes(data, begin, heap, entries[entry, 1], length)
        ):
            return int(entries[entry, 3])
        slot = (slot + 1) & last
    return -1


@compiled(f"int64({_TEXT}, int32[::1], int32[::1], {_TABLE}, int32[::1])")
def find(
    data: Bytes, begins: Ints, ends: Ints, slots: Ints, entries: Longs, heap: Bytes, seed: Any, numbers: Ints
) -> int:
    """The number of each key, -1 for one that the table lacks, to `numbers`; gives how many it lacks."""
    lacks = 0
    for row in range(len(begins)):
        begin = begins[row]
        number = _number(data, begin, ends[row] - begin, slots, entries, heap, seed)
        numbers[row] = number
        lacks += number < 0
    return lacks


@compiled(f"void({_TEXT}, int32[::1], int32[::1], int64[::1], {_TABLE}, int64, int64)")
def enter(
    data: Bytes,
    begins: Ints,
    ends: Ints,
    numbers: Longs,
    slots: Ints,
    entries: Longs,
    heap: Bytes,
    seed: Any,
    used: int,
    heap_used: int,
) -> None:
    """Put keys in that the table lacks, with their numbers; there is room for them. used, heap_used: what is in it."""
    last = len(slots) - 1
    for row in range(len(begins)):
        begin, length = begins[row], ends[row] - begins[row]
        found = _int64(hash_of(data, begin, length, seed))
        slot = found & last
        while slots[slot]:
            slot = (slot + 1) & last
        entries[used, 0], entries[used, 1], entries[used, 2], entries[used, 3] = found, heap_used, length, numbers[row]
        for i in range(length):
            heap[heap_used + i] = data[begin + i]
        used += 1
        heap_used += length
        slots[slot] = used


@compiled("void(int32[::1], int64[:, ::1], int64)")
def lay(slots: Ints, entries: Longs, used: int) -> None:
    """Fill empty slots with the first entries."""
    last = len(slots) - 1
    for entry in range(used):
        slot = entries[entry, 0] & last
        while slots[slot]:
            slot = (slot + 1) & last
        slots[slot] = entry + 1


@inlined
def _twice(data: Bytes, tags: Longs, count: int) -> bool:
    """Whether two of the first tags, each told by where its name begins and how long it is, have one name."""
    for i in range(1, count):
        for j in range(i):
            if (
                tags[i, 1] == tags[j, 1]
                and data[tags[i, 0]] == data[tags[j, 0]]
                and same_bytes(data, tags[i, 0], data, tags[j, 0], tags[i, 1])
            ):
                return True
    return False


@compiled(
    f"void({_TEXT}, int64[:, ::1], {_TABLE}, boolean[::1], int32[:, ::1], int64[::1], int32[::1],"
    " int32[:, ::1], int32[::1], int64[:, ::1], int64[::1])"
)
def scan(
    data: Bytes,
    bodies: Longs,
    slots: Ints,
    entries: Longs,
    heap: Bytes,
    seed: Any,
    wanted: NDArray[np.bool_],
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
    A table of measurements' names and wanted: bool[m]: lines of those that it has, and that are not wanted, are only
    counted. Nothing is where m is 0.

    places: int32[PLACES, lines], for each the index of its body, its ordinal in it, and positions. time: int64[lines].
    odd: int32[lines], the indexes of the lines that are not regular: of those KEY and FIELDS_END are the whole line's,
    and the time is received.
    skipped: int32[3, …], body, number of a measurement, how many of its lines were only counted.
    counts: int64[3], how many there are of lines, odd and skipped.
    """
    n = odds = skips = 0
    name, name_length, number = 0, -1, -1  # of the last line whose measurement was looked for
    for body in range(len(bodies)):
        at, end = bodies[body, 0], bodies[body, 1]
        ordinal = 0
        while at < end:
            start = at
            while at < end and (data[at] == _SPACE or data[at] == _TAB or data[at] == 0):
                at += 1
            if at >= end or data[at] == _NEWLINE:
                at += 1
                continue
            if data[at] == _HASH:
                at = _line_end(data, start, end) + 1
                continue
            regular = at == start and data[at] != _COMMA
            skip = escaped = False
            state = _NAME
            tag_count = 0
            stop = begin = key_end = fields_end = start
            stamp = bodies[body, 4]
            block = start & -64
            bits = _marks(data, block) & (_ALL << np.uint64(start - block))
            ignored = -1  # a mark that is escaped, or stands for something else
            while regular:
                while bits == 0:
                    block += 64
                    bits = _marks(data, block)
                at = block + trailing_zeros(bits)
                bits &= bits - _ONE
                if at == ignored:
                    continue
                byte = data[at]
                if byte == _BACKSLASH:
                    ignored = at + 1
                    follows = data[ignored]
                    escaped = True
                    regular = ignored < end and (state == _STRING or (follows != _BACKSLASH and follows != _NEWLINE))
                    regular = regular and state != _VALUE
                elif state == _VALUE:
                    regular = at > begin
                    if byte == _COMMA:
                        begin = at + 1
                        state = _FIELD
                    elif byte == _NEWLINE:
                        stop = fields_end = at
                        break
                    elif byte == _SPACE:
                        fields_end = at
                        at += 1
                        negative = data[at] == _MINUS
                        at += negative
                        first = at
                        stamp = 0
                        digits = np.uint64(0)
                        while at - first < _DIGITS and data[at] - _ZERO <= 9 and data[at] >= _ZERO:
                            digits = digits * _TEN + np.uint64(data[at] - _ZERO)
                            at += 1
                        regular = (
                            regular and at > first and data[at] == _NEWLINE and digits <= np.uint64(bodies[body, 3])
                        )
                        stamp = _int64(digits) * bodies[body, 2]
                        if negative:
                            stamp = -stamp
                        stop = at
                        break
                    else:
                        regular = False
                elif state == _FIELD:
                    regular = byte == _EQUALS and at > begin
                    begin = at + 1
                    state = _VALUE
                    if data[begin] == _QUOTE:
                        ignored = begin
                        state = _STRING
                elif state == _STRING:
                    if byte == _QUOTE:
                        follows = data[at + 1]
                        regular = follows in (_COMMA, _SPACE, _NEWLINE)
                        state = _VALUE
                    else:
                        regular = at < end
                elif byte == _QUOTE:
                    continue
                elif state == _TAG:
                    regular = byte == _EQUALS and at > begin and tag_count < MOST_TAGS
                    if regular:
                        tags[tag_count, 0], tags[tag_count, 1] = begin, at - begin
                        tag_count += 1
                    begin = at + 1
                    state = _TAG_VALUE
                elif state == _NAME and byte == _EQUALS:
                    continue
                else:
                    regular = at > begin and byte in (_COMMA, _SPACE)
                    if state == _NAME and len(wanted) and not escaped:
                        length = at - start
                        if length != name_length or not same_bytes(data, start, data, name, length):
                            number = _number(data, start, length, slots, entries, heap, seed)
                        name, name_length = start, length
                        skip = number >= 0 and not wanted[number]
                    begin = at + 1
                    state = _TAG
                    if byte == _SPACE:
                        key_end = at
                        state = _FIELD
                        regular = regular and at - start <= MAX_KEY_LENGTH and data[begin] != _TAB and data[begin] != 0
                        regular = regular and not (tag_count > 1 and _twice(data, tags, tag_count))
            if regular and skip:
                last = group[number]
                if last < 0 or skipped[0, last] != body:
                    last = group[number] = skips
                    skipped[0, last], skipped[1, last], skipped[2, last] = body, number, 0
                    skips += 1
                skipped[2, last] += 1
            else:
                if not regular:
                    stop = fields_end = key_end = _line_end(data, start, end)
                    stamp = bodies[body, 4]
                    odd[odds] = n
                    odds += 1
                places[PAYLOAD, n], places[ROW, n] = body, ordinal
                places[KEY, n], places[KEY_END, n], places[FIELDS_END, n] = start, key_end, fields_end
                time[n] = stamp
                n += 1
            ordinal += 1
            at = stop + 1
    counts[0], counts[1], counts[2] = n, odds, skips
