"""Lines that nobody wants: the others are read as ever, whatever stands beside them and whatever is said of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.columns.column import Value
from services.lineprotocol import reference_parser
from services.lineprotocol.keytable import KeyTable
from services.lineprotocol.lines import Lines, Payload, WantedLines, decode
from services.lineprotocol.validate import check_each_line
from tests.support.examples import examples

RECEIVED = 77
NAMES = [b"cpu", b"m", b"mem", b'c"u', b"a=b", b"c\\,d", b"c\\x", b"\xff", b"c\0", b"=", b'"', b" cpu", b"cpu\\", b""]
TAGS = [b"", b",h=a", b",h=b", b",a=1,b=2", b",b=2,a=1", b",h=a,h=b", b",h=a\\ b", b',h="a', b",h==", b",h=", b",h=\\"]
GAPS = [b" ", b"  ", b" \t", b"\t", b" \0", b"\\ ", b""]
FIELDS = [b"v=1", b"v=1i,w=t", b's="a b"', b's="a\nm v=2"', b's="\\""', b's="\\\\"', b's="x\\', b'v="', b"v", b"v\\==1"]
TIMES = [b"", b" 1", b" -5", b" 1 ", b" 9223372036854775807", b" 99999999999999999999", b" x", b"\r", b" 1\r"]
ENDS = [b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b"\n# a\n", b'\n # "\\\n', b"\n\t\0\n", b" ", b"\\\n", b"", b"\0"]


def line_of(number: int) -> bytes:
    """A line by the digits of a number: each part is the plain one half of the times."""
    parts = []
    for choices in (NAMES, TAGS, GAPS, FIELDS, TIMES, ENDS):
        number, chosen = divmod(number, 2 * len(choices))
        parts.append(choices[max(0, chosen - len(choices))])
    return b"".join(parts)


BODIES = st.lists(st.integers(0, 2**32).map(line_of), max_size=8).map(b"".join)


@dataclass(frozen=True)
class Line:
    key: bytes
    fields: dict[str, Value]
    time: int


def by_reference(body: bytes) -> list[Line]:
    found = []
    for text in reference_parser.lines(body):
        key, fields, time = reference_parser.parse(text, 1)
        values = reference_parser.field_values(fields)
        readable = {name: v for name, v in values.items() if isinstance(v, float | int | str)}
        found.append(Line(key, dict(sorted(readable.items())), RECEIVED if time is None else time))
    return found


def by_lines(lines: Lines) -> dict[tuple[int, int], Line]:
    """By payload and row."""
    names = lines.names(None)
    columns = [[None] * lines.n if c is None else c.tolist() for c in lines.columns(names, None)]
    found = {}
    for i, key in enumerate(lines.keys()):
        fields = {name: column[i] for name, column in zip(names, columns, strict=True) if column[i] is not None}
        found[int(lines.payload[i]), int(lines.row[i])] = Line(key, fields, int(lines.time[i]))
    return found


MEASUREMENTS = {b"cpu": 0, b"m": 1, b'c"u': 2, b"a=b": 3, b"others": 4}
OTHERS = MEASUREMENTS[b"others"]


@examples(100)
@given(
    st.lists(BODIES, max_size=4),
    st.one_of(st.just([]), st.lists(st.booleans(), min_size=5, max_size=5)),
    st.lists(st.booleans(), min_size=1, max_size=3),
)
def test_what_is_wanted_is_read_as_by_the_reference(
    bodies: list[bytes], wanted: list[bool], foreign: list[bool]
) -> None:
    payloads = [Payload(body, "n", RECEIVED) for body in bodies]
    known = {key: n for n, key in enumerate(sorted(set(decode(payloads)[0].keys()))[::2])}
    far = {key: n for key, n in known.items() if foreign[n % len(foreign)]}
    measurements, series = KeyTable(), KeyTable()
    measurements.add(MEASUREMENTS)
    series.add(known)
    flags = np.array([OTHERS if key in far else -1 for key in known], dtype=np.int32)

    asked = WantedLines(measurements, np.array(wanted, dtype=np.bool_), series, flags)

    lines, rejected = decode(payloads, asked)

    found = by_lines(lines)
    assert [r.index for r in rejected] == sorted({r.index for r in rejected} - {index for index, _ in found})
    left: Counter[tuple[int, int]] = Counter()
    for index, measurement, count in lines.skipped.T.tolist():
        left[index, measurement] += count
    for index, payload in enumerate(payloads):
        refused = [r.error for r in rejected if r.index == index]
        if (error := check_each_line(payload.body, 1)) is not None:
            # it is refused, or a value turns out not to be readable; or a line that is not valid was not looked at
            assert refused in ([error], [])
            continue
        assert not refused
        for row, point in enumerate(by_reference(payload.body)):
            if (got := found.get((index, row))) is not None:
                assert repr(got) == repr(point)
                continue
            number = MEASUREMENTS.get(point.key.partition(b",")[0])
            if number is not None and wanted and not wanted[number]:
                left[index, number] -= 1
            else:
                assert point.key in far
                left[index, OTHERS] -= 1
        assert not any(count for (at, _), count in left.items() if at == index)

    fresh: dict[bytes, int] = {}
    numbers = lines.number_keys(series, lambda key: fresh.setdefault(key, len(known) + len(fresh)))
    assert numbers.tolist() == [(known | fresh)[key] for key in lines.keys()]  # noqa: SIM118
    assert not known.keys() & fresh.keys()
