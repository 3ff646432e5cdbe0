"""The lines of packed bodies: one pass, without a look at the values of their fields.

A text is the address of packed bodies end to end, as services.lineprotocol.packing.layout has them.
Nothing is believed of a body: what is not in it is not read, whatever it says of itself.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.kernels.byte_strings import same_bytes
from services.kernels.compiled import compiled
from services.kernels.primitives import byte, word
from services.kernels.tables import TABLE, entry_of, number_of
from services.lineprotocol.packing.layout import FIXED, HEAP_AT, MOST_LINES, ROW_BYTES, TEXT
from services.lineprotocol.reference_parser import MAX_KEY_LENGTH
from services.lineprotocol.scanning import PAD

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

BODY: Final = 12
BEGIN, SIZE, UNIT, MOST, RECEIVED, LINES, KEYS, NAMES, TEXTS, SHAPES, FIELDS, HEAP = range(BODY)
"""What is told of a body: where it begins, its bytes, ns of one unit of its times, the largest time that there can be
in that unit, what time (ns) lines without one get; then what its head says."""
PLACES: Final = 6
PAYLOAD, ROW, KEY, SHAPE, PLACE, SERIES = range(PLACES)
KEY_PARTS: Final = 4
KEY_BEGIN, KEY_LENGTH, KEY_SERIES, KEY_SKIP = range(KEY_PARTS)
FIELD_PARTS: Final = 12
(
    FIELD_NAME,
    FIELD_KIND,
    FIELD_AT,
    FIELD_WIDTH,
    FIELD_MASK,
    FIELD_BASE,
    DECIMALS_AT,
    DECIMALS_WIDTH,
    DECIMALS_MASK,
    DECIMALS_BASE,
    FIRST_TEXT,
    LAST_TEXT,
) = range(FIELD_PARTS)
"""What is known of a field of a shape. Its name and its texts are numbered over all bodies. A value is what stands `at`
+ k * `width`, as far as `mask` goes, and `base`."""

_COMMA, _BACKSLASH = ord(","), ord("\\")
_AT, _COUNT, _WIDTH, _MASK, _BASE = range(5)
_PER_SHAPE, _NAME, _KIND, _KEY, _SHAPE, _TIME, _REPEATS = range(3, FIXED)
_int64: Any = np.int64

REASONS: Final = (
    "",
    "its directory is not in it",
    "its arrays are not as long as it says",
    "its texts are not as long as it says",
    "its fields are not as many as it says",
    "a line is of nothing that it has",
    "its times are not as many as its lines",
    "a time is out of range",
    "a field has not as many values as lines",
)
"""Why a body is none, by number."""
(_DIRECTORY, _ARRAYS, _LENGTHS, _COUNTS, _STRAY, _TIMES, _RANGE, _VALUES) = range(1, len(REASONS))


@compiled("int64(int64, int64, int64, int64, int64, int64)")
def value_at(text: int, at: int, width: int, mask: int, base: int, k: int) -> int:
    """A value of an array, told by where it begins, how wide a value is, what of it counts, and what is to be added."""
    value: int = base + (_int64(word(text, at + k * width)) & mask)
    return value


@compiled("boolean(int64, int64, int64, int64, int64[::1])")
def _array(text: int, begin: int, size: int, row: int, found: Longs) -> bool:
    """What a row of the directory of a body says, and whether that is in the body."""
    at = begin + HEAP_AT + row * ROW_BYTES
    where, count, width = _int64(word(text, at)), _int64(word(text, at + 8)), _int64(word(text, at + 16))
    mask = _int64(0)
    if width == 1:
        mask = _int64(0xFF)
    elif width == 2:
        mask = _int64(0xFFFF)
    elif width == 4:
        mask = _int64(0xFFFFFFFF)
    elif width == 8:
        mask = _int64(-1)
    elif width != 0:
        return False
    if count < 0 or count > MOST_LINES or (width and (where < 0 or where > size - PAD - count * width)):
        return False
    found[_AT] = begin + where if width else begin
    found[_COUNT], found[_WIDTH], found[_MASK], found[_BASE] = count, width, mask, _int64(word(text, at + 24))
    return True


@compiled("int64(int64, int64[::1], int64)")
def _of(text: int, array: Longs, k: int) -> int:
    """A value of an array as `_array` has found it."""
    return value_at(text, array[_AT], array[_WIDTH], array[_MASK], array[_BASE], k)


@compiled("int64(int64, int64[:, ::1], int64, int64, int64, int64[:, ::1])")
def _spans(text: int, arrays: Longs, which: int, at: int, end: int, found: Longs) -> int:
    """Where texts begin and how long they are that stand one behind the other; where the last ends, or -1."""
    for k in range(len(found)):
        length = _of(text, arrays[which], k)
        if length < 1 or length > end - at:
            return -1
        found[k, 0], found[k, 1] = at, length
        at += length
    return at


@compiled(
    "int64(int64, int64[::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1],"
    " int64[::1], int64[::1], int64, int64)"
)
def _parts(
    text: int,
    body: Longs,
    arrays: Longs,
    keys: Longs,
    names: Longs,
    texts: Longs,
    fields: Longs,
    field_counts: Longs,
    shapes: Longs,
    first_name: int,
    first_text: int,
) -> int:
    """What a body has beside its lines, to where it belongs: 0, or why it is none.

    shapes: int64[shapes], of each the index of the field behind its last, of the body's. field_counts: int64[fields],
    how many values each has.
    """
    begin, size = body[BEGIN], body[SIZE]
    heap = begin + HEAP_AT + (FIXED + 2 * body[FIELDS]) * ROW_BYTES
    if heap + body[HEAP] > begin + size - PAD:
        return _DIRECTORY
    for row in range(FIXED):
        if not _array(text, begin, size, row, arrays[row]):
            return _ARRAYS
    for row in range(_KEY):
        if arrays[row, _COUNT] != (len(keys), len(names), len(texts), len(shapes), len(fields), len(fields))[row]:
            return _ARRAYS
    if arrays[_KEY, _COUNT] != body[LINES] or arrays[_SHAPE, _COUNT] != body[LINES]:
        return _ARRAYS
    if arrays[_TIME, _COUNT] != arrays[_REPEATS, _COUNT]:
        return _ARRAYS
    end = heap + body[HEAP]
    at = _spans(text, arrays, 0, heap, end, keys)
    at = _spans(text, arrays, 1, at, end, names) if at >= 0 else at
    at = _spans(text, arrays, 2, at, end, texts) if at >= 0 else at
    if at != end:
        return _LENGTHS
    last = 0
    for shape in range(len(shapes)):
        count = _of(text, arrays[_PER_SHAPE], shape)
        if count < 1 or count > len(fields) - last:
            return _COUNTS
        last += count
        shapes[shape] = last
    if last != len(fields):
        return _COUNTS
    found = arrays[FIXED]
    for field in range(len(fields)):
        name, kind = _of(text, arrays[_NAME], field), _of(text, arrays[_KIND], field)
        if name < 0 or name >= len(names) or kind < 0 or kind > TEXT:
            return _COUNTS
        fields[field, FIELD_NAME], fields[field, FIELD_KIND] = first_name + name, kind
        fields[field, FIRST_TEXT], fields[field, LAST_TEXT] = first_text, first_text + len(texts)
        for k in range(2):
            if not _array(text, begin, size, FIXED + 2 * field + k, found):
                return _ARRAYS
            if k and found[_COUNT] != field_counts[field]:
                return _VALUES
            field_counts[field] = found[_COUNT]
            at = DECIMALS_AT if k else FIELD_AT
            fields[field, at], fields[field, at + 1] = found[_AT], found[_WIDTH]
            fields[field, at + 2], fields[field, at + 3] = found[_MASK], found[_BASE]
    return 0


_NUMBERING = f"{TABLE}, boolean[::1], {TABLE}, boolean, int32[::1]"


@compiled(f"void(int64, {_NUMBERING}, int64[:, ::1])")
def _number(
    text: int,
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
    keys: Longs,
) -> None:
    """The number of each key's series, -1 where that is not known, and that of the measurement where its lines are not
    wanted, else -1."""
    near = entry = number = _int64(-1)
    name, name_length = _int64(0), _int64(-1)  # of the last measurement that was looked for
    for k in range(len(keys)):
        begin, length = keys[k, KEY_BEGIN], keys[k, KEY_LENGTH]
        series = skip = _int64(-1)
        if numbered:
            near = entry_of(
                text, begin, length, near + 1, series_slots, series_last, series_entries, series_heap, series_seed
            )
            series = _int64(-1) if near < 0 else number_of(series_entries, near)
        if len(wanted):
            same = (
                0 < name_length <= length
                and (name_length == length or byte(text, begin + name_length) == _COMMA)
                and same_bytes(text, begin, text, name, name_length)
            )
            if not same:
                size = _int64(0)
                while size < length and byte(text, begin + size) not in (_COMMA, _BACKSLASH):
                    size += 1
                entry = number = _int64(-1)
                name, name_length = begin, size
                if size == length or byte(text, begin + size) == _COMMA:
                    entry = entry_of(text, begin, size, entry + 1, slots, last, entries, heap, seed)
                    number = _int64(-1) if entry < 0 else number_of(entries, entry)
                else:
                    name_length = _int64(-1)
            if 0 <= number < len(wanted) and not wanted[number]:
                skip = number
        if skip < 0 and 0 <= series < len(foreign):
            skip = _int64(foreign[series])
        keys[k, KEY_SERIES], keys[k, KEY_SKIP] = series, skip


@compiled(
    f"void(int64, int64[:, ::1], {_NUMBERING}, int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1],"
    " int64[::1], int64[:, ::1], int32[:, ::1], int64[::1], int32[:, ::1], int32[::1], int64[::1], int64[::1])"
)
def unpack(
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
    keys: Longs,
    names: Longs,
    texts: Longs,
    fields: Longs,
    field_counts: Longs,
    shapes: Longs,
    places: Ints,
    time: Longs,
    skipped: Ints,
    group: Ints,
    bad: Longs,
    counts: Longs,
) -> None:
    """The lines of packed bodies.

    bodies: int64[b, BODY]. The tables and what is wanted: as services.lineprotocol.scanning.scan has them.

    keys: int64[k, KEY_PARTS]; names, texts: int64[…, 2], where they begin and how long they are; fields:
    int64[f, FIELD_PARTS], field_counts: int64[f], zeros; shapes: int64[s, 2], zeros, of each the field behind its last
    one, and how many lines it has: each for all bodies, in their order, as many as their heads say. Those of a body
    that is none mean nothing.
    places: int32[PLACES, lines], of each line that is wanted the index of its body, its ordinal in it, its key, its
    shape, which of the lines of its shape it is, and the number of its series, -1 where that is not known. time:
    int64[lines]. skipped, group: as `scan` has them.
    bad: int64[b], 0, or why a body is none, of which nothing is then. counts: int64[4], how many there are of lines,
    skipped, keys of lines that are wanted whose series are not known, and bodies that are none.
    """
    n = skips = unknown = wrong = 0
    first_key = first_name = first_text = first_shape = first_field = 0
    arrays = np.empty((FIXED + 1, 5), dtype=np.int64)
    for body in range(len(bodies)):
        one = bodies[body]
        lines, unit, most = one[LINES], one[UNIT], one[MOST]
        its_keys = keys[first_key : first_key + one[KEYS]]
        its_shapes = shapes[first_shape : first_shape + one[SHAPES]]
        its_counts = field_counts[first_field : first_field + one[FIELDS]]
        its_fields = fields[first_field : first_field + one[FIELDS]]
        its_names = names[first_name : first_name + one[NAMES]]
        its_texts = texts[first_text : first_text + one[TEXTS]]
        ends = np.empty(len(its_shapes), dtype=np.int64)
        why = _parts(
            text, one, arrays, its_keys, its_names, its_texts, its_fields, its_counts, ends, first_name, first_text
        )
        begun, begun_skips = n, skips
        if why == 0:
            _number(
                text,
                slots,
                last,
                entries,
                heap,
                seed,
                wanted,
                series_slots,
                series_last,
                series_entries,
                series_heap,
                series_seed,
                numbered,
                foreign,
                its_keys,
            )
            for k in range(len(its_keys)):
                if its_keys[k, KEY_LENGTH] > MAX_KEY_LENGTH:
                    why = _LENGTHS
                unknown += its_keys[k, KEY_SERIES] < 0 and its_keys[k, KEY_SKIP] < 0
            for k in range(len(ends)):
                its_shapes[k, 0] = first_field + ends[k]
        key_at, key_width, key_mask, key_base = arrays[_KEY, 0], arrays[_KEY, 2], arrays[_KEY, 3], arrays[_KEY, 4]
        shape_at, shape_width, shape_mask, shape_base = (
            arrays[_SHAPE, 0],
            arrays[_SHAPE, 2],
            arrays[_SHAPE, 3],
            arrays[_SHAPE, 4],
        )
        stamp, runs, run, left = one[RECEIVED], arrays[_TIME, _COUNT], 0, _int64(0)
        for line in range(lines if why == 0 else 0):
            key = value_at(text, key_at, key_width, key_mask, key_base, line)
            shape = value_at(text, shape_at, shape_width, shape_mask, shape_base, line)
            if key < 0 or key >= len(its_keys) or shape < 0 or shape >= len(its_shapes):
                why = _STRAY
                break
            if runs and left == 0:
                if run == runs:
                    why = _TIMES
                    break
                stamp, left = _of(text, arrays[_TIME], run), _of(text, arrays[_REPEATS], run)
                if left < 1 or left > lines - line:
                    why = _TIMES
                    break
                if stamp < -most or stamp > most:
                    why = _RANGE
                    break
                stamp *= unit
                run += 1
            left -= 1
            place = its_shapes[shape, 1]
            its_shapes[shape, 1] = place + 1
            skip = its_keys[key, KEY_SKIP]
            if skip >= 0:
                at = group[skip]
                if at < 0 or skipped[0, at] != body or skipped[1, at] != skip:
                    at = group[skip] = skips
                    skipped[0, at], skipped[1, at], skipped[2, at] = body, skip, 0
                    skips += 1
                skipped[2, at] += 1
                continue
            places[PAYLOAD, n], places[ROW, n], places[KEY, n] = body, line, first_key + key
            places[SHAPE, n], places[PLACE, n] = first_shape + shape, place
            places[SERIES, n] = its_keys[key, KEY_SERIES]
            time[n] = stamp
            n += 1
        if why == 0 and runs and (run != runs or left):
            why = _TIMES
        if why == 0:
            field = 0
            for shape in range(len(ends)):
                while field < ends[shape]:
                    if its_counts[field] != its_shapes[shape, 1]:
                        why = _VALUES
                    field += 1
        if why:
            n, skips = begun, begun_skips
            wrong += 1
        bad[body] = why
        first_key += one[KEYS]
        first_name += one[NAMES]
        first_text += one[TEXTS]
        first_shape += one[SHAPES]
        first_field += one[FIELDS]
    counts[0], counts[1], counts[2], counts[3] = n, skips, unknown, wrong
