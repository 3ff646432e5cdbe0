"""Line protocol against what was written, against the careful reader, and against garbage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.columns.column import Value
from services.lineprotocol import reference_parser
from services.lineprotocol.keytable import KeyTable
from services.lineprotocol.lines import Lines, Payload, WantedLines, decode
from services.lineprotocol.series_key import parse_key
from services.lineprotocol.validate import check, check_each_line
from services.lineprotocol.write import encode
from tests.support.examples import examples

INT64 = st.integers(-(2**63), 2**63 - 1)
TIMES = st.integers(-(2**63) + 2, 2**63 - 2)
# What cannot be written in a name: a line break, a backslash (which would escape what follows), NUL or tab in front.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\\"), min_size=1, max_size=12).filter(
    lambda name: name[0] not in "\0\t#"
)
FLOATS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(min_value=-(10**6), max_value=10**6, places=3).map(float),
)
VALUES = st.one_of(FLOATS, INT64, st.booleans(), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))


@dataclass(frozen=True)
class Point:
    name: str
    tags: dict[str, str]
    fields: dict[str, Value]
    time: int | None


POINTS = st.builds(
    Point,
    st.one_of(st.just("cpu"), NAMES),
    st.one_of(st.just({"host": "a"}), st.dictionaries(NAMES, NAMES, max_size=3)),
    st.dictionaries(st.one_of(st.sampled_from(["idle", "user", "x"]), NAMES), VALUES, min_size=1, max_size=4),
    st.one_of(st.none(), st.just(1_700_000_000_000_000_000), TIMES),
)
NOISE = st.sampled_from([b"", b" ", b"\t", b"# a comment, v=1", b"#", b"  # more"])
_ENDS = (b"\n", b"\r", b"\\ ", b'\\"', b"\\", b'"', b",", b"=", b" ", b"#", b"\t", b"\0", b" 17", b"m v=1 1\n")
_PARTS = (b"m", b"cpu,host=a", b"v=1", b'v="x y"', b"5i", b"1.5", b"-", b".", b"e5", b"t", b"true", b"nan", b",b=2i")
FRAGMENTS = st.sampled_from([*_ENDS, *_PARTS, b"\xff", b"\xc3\xa9"])
GARBAGE = st.one_of(st.binary(max_size=60), st.lists(FRAGMENTS, max_size=20).map(b"".join))
PRECISIONS = st.sampled_from(["n", "u", "ms", "s", "m", "h", "ns"])


def contents(lines: Lines) -> list[tuple[int, int, Any, Any, dict[str, Value]]]:
    """Payload, row, key, time and fields of each point, by way of whole columns."""
    found: list[dict[str, Value]] = [{} for _ in range(lines.n)]
    for name in lines.names(None):
        column = lines.column(name, None)
        if column is not None:
            for fields, value in zip(found, column.tolist(), strict=True):
                if value is not None:
                    fields[name] = value
    return [
        (int(lines.payload[i]), int(lines.row[i]), parse_key(key), int(lines.time[i]), found[i])
        for i, key in enumerate(lines.keys())
    ]


@examples(150)
@given(st.data())
def test_what_was_written_is_read_however_it_is_cut_into_payloads(data: st.DataObject) -> None:
    points = data.draw(st.lists(POINTS, max_size=12))
    copies = data.draw(st.sampled_from([1, 1, 8]))
    payloads: list[Payload] = []
    expected = []
    pending: list[bytes] = []
    row = 0
    for point in points * copies:
        pending.append(encode(point.name, point.tags.items(), point.fields, point.time))
        time = 77 if point.time is None else point.time
        key = (point.name, tuple(sorted(point.tags.items())))
        expected.append((len(payloads), row, key, time, point.fields))
        row += 1
        if data.draw(st.booleans()):
            pending.append(data.draw(NOISE))
        if data.draw(st.integers(0, 4)) == 0:
            payloads.append(Payload(b"\n".join(pending), "n", 77))
            pending, row = [], 0
    payloads.append(Payload(b"\n".join(pending), "n", 77))

    lines, rejected = decode(payloads)

    assert rejected == []
    assert [check(p.body, "n") for p in payloads] == [None] * len(payloads)
    assert repr(contents(lines)) == repr([(*e[:4], dict(sorted(e[4].items()))) for e in expected])


@examples(300)
@given(st.lists(st.tuples(GARBAGE, PRECISIONS), max_size=5))
def test_garbage_is_judged_as_by_the_careful_reader_and_harms_no_other_payload(bodies: list[tuple[bytes, str]]) -> None:
    good = b"cpu,host=a idle=1.5,user=3i 17"
    payloads = [Payload(good, "n", 5)]
    for body, precision in bodies:
        payloads += [Payload(body, precision, 5), Payload(good, "n", 5)]

    lines, rejected = decode(payloads)

    left_out = {r.index: r.error for r in rejected}
    found = contents(lines)
    for index, payload in enumerate(payloads):
        unit = reference_parser.multiplier(payload.precision)
        error = check_each_line(payload.body, unit)
        assert check(payload.body, payload.precision) == error
        if index in left_out:
            assert left_out[index] == error
        if error is None:
            got = [(key, time, fields) for p, _, key, time, fields in found if p == index]
            assert repr(got) == repr([read(line, unit) for line in reference_parser.lines(payload.body)])


def read(line: bytes, unit: int) -> Any:
    """One line by the careful reader."""
    key, fields, time = reference_parser.parse(line, unit)
    found = {k: v for k, v in reference_parser.field_values(fields).items() if v is not reference_parser.MALFORMED}
    return parse_key(key), 5 // unit * unit if time is None else time, dict(sorted(found.items()))


@examples(150)
@given(st.lists(st.tuples(GARBAGE, PRECISIONS), max_size=4), st.integers(0, 60), st.randoms(use_true_random=False))
def test_payloads_are_read_the_same_alone_and_together_and_by_rows(
    bodies: list[tuple[bytes, str]], more: int, random: Any
) -> None:
    payloads = [Payload(body, precision, 5) for body, precision in bodies]
    payloads += [Payload(b"cpu,host=a idle=%d,user=%di" % (i, i), "s", 5) for i in range(more)]

    lines, rejected = decode(payloads)
    together = contents(lines)

    alone = []
    for index, payload in enumerate(payloads):
        one, refused = decode([payload])
        alone += [(index, *rest[1:]) for rest in contents(one)]
        assert [r.error for r in refused] == [r.error for r in rejected if r.index == index]
    assert repr(together) == repr(alone)

    if lines.n:
        rows = np.array([random.randrange(lines.n) for _ in range(random.choice([1, 5, 40]))], dtype=np.intp)
        for name in lines.names(None):
            fresh, _ = decode(payloads)
            for column in (fresh.column(name, rows), lines.column(name, rows)):
                values = [None] * len(rows) if column is None else column.tolist()
                assert repr(values) == repr([together[row][4].get(name) for row in rows.tolist()])
        table = KeyTable()
        known: dict[bytes, int] = {}
        keys = lines.keys()
        for _ in range(3):
            numbers = lines.number_keys(table, lambda key: known.setdefault(key, len(known)))
            assert numbers.tolist() == [known[key] for key in keys]


_NUMBERS = st.one_of(
    st.from_regex(r"-?[0-9]{0,22}\.?[0-9]{0,22}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.from_regex(r"-?[0-9]{1,21}i", fullmatch=True),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**64), 2**64).map(lambda n: f"{n}i"),
    st.tuples(st.integers(0, 2**64), st.integers(-40, 70)).map(lambda parts: f"{parts[0]}e{parts[1]}"),
)
_WORDS = st.sampled_from(
    ["t", "T", "true", "True", "TRUE", "tRUE", "f", "F", "false", "False", "FALSE", "nan", "i", "+1"]
)
_STRINGS = st.text(st.sampled_from('ab\\" ,=\n\u00e9'), max_size=8).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)


@examples(300)
@given(st.lists(st.one_of(_NUMBERS, _WORDS, _STRINGS), min_size=1, max_size=6))
def test_values_are_what_the_careful_reader_makes_of_them(texts: list[str]) -> None:
    texts = [text for text in texts if text]
    body = "".join(f"m v={text},w={text} 1\n" for text in texts).encode()
    lines, rejected = decode([Payload(body, "n", 5)])
    expected = [reference_parser.value(text.encode()) for text in texts]
    if rejected:
        assert rejected[0].error == check_each_line(body, 1)
        return
    known = [None if value is reference_parser.MALFORMED else value for value in expected]
    for name, column in zip(("v", "w"), lines.columns(["v", "w"], None), strict=True):
        values = [None] * lines.n if column is None else column.tolist()
        assert repr(values) == repr(known), name


@examples(150)
@given(
    st.lists(st.tuples(GARBAGE, PRECISIONS), max_size=4),
    st.lists(st.sampled_from([b"cpu", b"m", b"mem", b"c\\ d", b"\xff"]), max_size=12),
    st.sets(st.integers(0, 3)),
)
def test_of_what_is_not_wanted_only_the_number_is_told(
    bodies: list[tuple[bytes, str]], names: list[bytes], wanted: set[int]
) -> None:
    payloads = [Payload(body, precision, 5) for body, precision in bodies]
    payloads += [Payload(b"".join(name + b",t=%d v=%d 7\n" % (i, i) for i, name in enumerate(names)), "n", 5)]
    numbers = {b"cpu": 0, b"m": 1, b"c d": 2, b"mem": 3}
    table = KeyTable()
    table.add(numbers)
    flags = np.array([number in wanted for number in range(4)], dtype=np.bool_)

    some, rejected = decode(payloads, WantedLines(table, flags))
    every, rejected_too = decode(payloads)

    assert rejected == rejected_too
    left = Counter({(int(p), int(m)): int(n) for p, m, n in some.skipped.T.tolist()})
    assert left.total() == every.n - some.n and not wanted & {number for _, number in left}
    kept = {entry[:2]: entry for entry in contents(some)}
    for entry in contents(every):
        key = entry[:2]
        if key in kept:
            assert repr(kept.pop(key)) == repr(entry)
        else:
            left[(entry[0], numbers[entry[2][0].encode()])] -= 1
    assert not kept and not left.total()


@examples(150)
@given(
    st.lists(st.tuples(st.lists(POINTS, min_size=1, max_size=4), NOISE), max_size=3),
    st.lists(st.booleans(), min_size=2, max_size=2),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_what_is_wanted_is_there_and_all_else_counted(
    bodies: list[tuple[list[Point], bytes]], wanted: list[bool], foreign: list[bool]
) -> None:
    payloads = []
    for points, noise in bodies:
        lines = [encode(p.name, p.tags.items(), p.fields, p.time) for p in points]
        payloads.append(Payload(b"\n".join([noise, *lines, b"m,t=1 v=1 5", b"m v=2"]), "n", 5))
    every, _ = decode(payloads)
    keys = list(dict.fromkeys(every.keys()))
    series, numbers = KeyTable(), KeyTable()
    series.add({key: number for number, key in enumerate(keys)})
    numbers.add({b"cpu": 0, b"m": 1, b"others": 2})
    far = np.array([2 if foreign[number % 3] else -1 for number in range(len(keys))], dtype=np.int32)
    asked = WantedLines(numbers, np.array([*wanted, True]), series, far)

    found, rejected = decode(payloads, asked)

    assert not rejected
    assert found.n + int(found.skipped[2].sum()) == every.n
    kept = {entry[:2]: repr(entry) for entry in contents(found)}
    for entry, key in zip(contents(every), every.keys(), strict=True):
        measurement = [b"cpu", b"m"].index(name) if (name := key.split(b",")[0]) in (b"cpu", b"m") else None
        if (measurement is None or wanted[measurement]) and far[keys.index(key)] < 0:
            assert kept[entry[:2]] == repr(entry)
        else:  # lines that are not plain may be there all the same
            assert kept.get(entry[:2], repr(entry)) == repr(entry)
