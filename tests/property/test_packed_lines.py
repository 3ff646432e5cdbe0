"""Packed bodies are read as the text that they stand for, in every respect; and lies harm nobody."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.bus.follow import StoredMessage
from services.bus.positions import WritesSeq
from services.columns.groups.series import SeriesTable
from services.lineprotocol.keytable import KeyTable
from services.lineprotocol.lines import Lines, Payload, WantedLines, decode
from services.lineprotocol.packing.lines import PackedLines, decode_packed
from services.lineprotocol.reference_parser import multiplier
from services.lineprotocol.write import encode
from services.runtime.input.line_protocol_decoder import EVERYTHING, LineProtocolDecoder, Wanted
from tests.property.test_lineprotocol import GARBAGE, POINTS, TIMES
from tests.property.test_packing import _packed as packed_by_kernel
from tests.support.examples import examples
from tests.support.packing import pack

RECEIVED = 77
KEYS = [b"cpu", b"cpu,host=a", b"cpu,host=b,x=1", b"m,host=a\\ b", b"m", b'c"u,a=b', b"c\\,d,e=f", b"\xff,a=1"]
NAMES = [b"v", b"w", b"v\\ w", b"a\\,b", b"\xff", b'"']
VALUES = [b"1", b"-1.50", b"0.001", b"0", b"0.0", b"123456789012345678", b"0.12345678901234567", b"9007199254740993"]
VALUES += [
    b"-999999999999.999999",
    b"5i",
    b"-7i",
    b"0i",
    b"999999999999999999i",
    b"9223372036854775807i",
    b"00i",
    b"-0",
]
VALUES += [b"1e3", b".5", b"5.", b"t", b"false", b'"a b"', b'"a\\"b"', b'""', b'"\xff"', b"1234567890123456789.5"]
PRECISIONS = ["n", "u", "ms", "s", "m", "h"]


def line_of(number: int, timed: bool) -> bytes:
    """A line by the digits of a number."""
    number, key = divmod(number, len(KEYS))
    number, fields = divmod(number, 3)
    parts = []
    for _ in range(fields + 1):
        number, name = divmod(number, len(NAMES))
        number, value = divmod(number, 2 * len(VALUES))
        parts.append(NAMES[name] + b"=" + VALUES[value % len(VALUES) if value % 2 else value % 4])
    return KEYS[key] + b" " + b",".join(parts) + (b" %d" % (number % 3 * 17 - 17) if timed else b"")


PLAIN = st.tuples(st.lists(st.integers(0, 2**40), min_size=1, max_size=12), st.booleans()).map(
    lambda drawn: b"\n".join(line_of(number, drawn[1]) for number in drawn[0])
)
WRITTEN = st.tuples(st.lists(POINTS, min_size=1, max_size=8), st.one_of(st.none(), TIMES)).map(
    lambda drawn: b"\n".join(encode(p.name, p.tags.items(), p.fields, drawn[1]) for p in drawn[0])
)
BODIES = st.one_of(PLAIN, PLAIN, WRITTEN, GARBAGE)


def packed(body: bytes, precision: str = "n") -> Payload | None:
    """By the kernel where that packs it, else slowly, so that there are more kinds of them."""
    made = packed_by_kernel(body, precision) or pack(body, multiplier(precision))
    return None if made is None else Payload(made, precision, RECEIVED, text_bytes=len(body))


def of(lines: Lines | PackedLines, rows: Any = None) -> dict[str, Any]:
    """All that lines say, of some rows or of all."""
    names = lines.names(rows)
    columns = lines.columns(names, rows)
    return {
        "names": names,
        "columns": [(c.kind, c.mask().tolist(), list(map(repr, shown(c)))) for c in columns if c is not None],
        "missing": [name for name, column in zip(names, columns, strict=True) if column is None],
    }


def shown(column: Any) -> list[Any]:
    return [value if there else None for value, there in zip(column.tolist(), column.mask().tolist(), strict=True)]


def places(lines: Lines | PackedLines) -> list[Any]:
    return [lines.time.tolist(), lines.payload.tolist(), lines.row.tolist(), lines.keys()]


@examples(100)
@given(st.lists(st.tuples(BODIES, st.sampled_from(PRECISIONS)), max_size=5), st.integers(0, 2**32))
def test_packed_is_read_as_its_text(bodies: list[tuple[bytes, str]], seed: int) -> None:
    payloads = [(made, Payload(body, p, RECEIVED)) for body, p in bodies if (made := packed(body, p)) is not None]

    lines, rejected = decode_packed([made for made, _ in payloads])
    text, refused = decode([text for _, text in payloads])

    assert [r.index for r in rejected] == [r.index for r in refused]
    assert places(lines) == places(text)
    some = random.Random(seed)
    for count in (1, 2, lines.n) if lines.n else ():
        rows = np.array([some.randrange(lines.n) for _ in range(count)], dtype=np.intp)
        assert of(lines, rows) == of(text, rows)
        picked, picked_text = lines.pick(rows), text.pick(rows)
        assert of(picked) == of(picked_text)  # type: ignore[arg-type]
        again = np.arange(count)[::2]
        assert of(picked.pick(again)) == of(picked_text.pick(again))  # type: ignore[arg-type]
    assert of(lines) == of(text)
    known: dict[bytes, int] = {}
    table, other = KeyTable(), KeyTable()
    numbers = lines.number_keys(table, lambda key: known.setdefault(key, len(known)))
    also: dict[bytes, int] = {}
    assert numbers.tolist() == text.number_keys(other, lambda key: also.setdefault(key, len(also))).tolist()
    assert list(known) == list(also)


@examples(100)
@given(
    st.lists(PLAIN, min_size=1, max_size=4),
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.lists(st.booleans(), min_size=1, max_size=3),
)
def test_what_is_not_wanted_is_counted_as_of_text(bodies: list[bytes], wanted: list[bool], foreign: list[bool]) -> None:
    payloads = [(made, Payload(body, "n", RECEIVED)) for body in bodies if (made := packed(body)) is not None]
    every, _ = decode([text for _, text in payloads])
    keys = sorted(set(every.keys()))
    known = {key: n for n, key in enumerate(keys[::2])}
    measurements = {b"cpu": 0, b"m": 1, b'c"u': 2, b"others": 3}
    numbers, series = KeyTable(), KeyTable()
    numbers.add(measurements)
    series.add(known)
    far = np.array([3 if foreign[n % len(foreign)] else -1 for n in range(len(known))], dtype=np.int32)
    flags = np.array(wanted, dtype=np.bool_)
    asked = WantedLines(numbers, flags, series, far)

    lines, rejected = decode_packed([made for made, _ in payloads], asked)

    assert not rejected
    left = {(int(p), int(m)): int(n) for p, m, n in lines.skipped.T.tolist()}
    kept = dict(zip(zip(lines.payload.tolist(), lines.row.tolist(), strict=True), lines.keys(), strict=True))
    missing: Counter[tuple[int, int]] = Counter()
    for payload, row, key in zip(every.payload.tolist(), every.row.tolist(), every.keys(), strict=True):
        measurement = measurements.get(key.partition(b",")[0], -1)
        if measurement >= 0 and not wanted[measurement]:
            missing[payload, measurement] += 1
        elif known.get(key, -1) >= 0 and far[known[key]] >= 0:
            missing[payload, 3] += 1
        else:
            assert kept.pop((payload, row)) == key
            continue
        assert (payload, row) not in kept
    assert not kept and left == missing
    fresh: dict[bytes, int] = {}
    found = lines.number_keys(series, lambda key: fresh.setdefault(key, len(known) + len(fresh)))
    assert found.tolist() == [(known | fresh)[key] for key in lines.keys()]  # noqa: SIM118


@examples(150)
@given(PLAIN, st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=4), st.integers(0, 200))
def test_a_lie_harms_no_other(body: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    made = packed(body)
    if made is None:
        return
    lie = bytearray(made.body)
    for at, value in changes:
        lie[8 + at % (len(lie) - 8)] = value
    if cut > 150:
        del lie[-cut:]
    good = Payload(b"cpu,host=a idle=1.5 17", "n", RECEIVED)
    honest = packed(good.body)
    assert honest is not None

    lines, rejected = decode_packed([honest, Payload(bytes(lie), "n", RECEIVED, text_bytes=len(body)), honest])

    assert {r.index for r in rejected} <= {1}
    names = lines.names(None)
    lines.columns(names, None)
    if lines.n:
        lines.pick(np.arange(lines.n))
    its = [i for i, payload in enumerate(lines.payload.tolist()) if payload != 1]
    assert [lines.keys()[i] for i in its] == [b"cpu,host=a"] * 2
    column = lines.column("idle", np.array(its))
    assert column is not None and column.tolist() == [1.5, 1.5]


@examples(60)
@given(st.lists(st.tuples(BODIES, st.booleans(), st.booleans()), min_size=1, max_size=5), st.integers(0, 3))
def test_messages_are_decoded_the_same_some_packed_and_some_not(
    bodies: list[tuple[bytes, bool, bool]], which: int
) -> None:
    text, mixed = [], []
    for seq, (body, as_packed, looped) in enumerate(bodies, 1):
        headers = {"precision": "s", "received": "77"} | ({"loopbacks": "2"} if looped else {})
        text.append(StoredMessage(seq, "", body, headers, 1000 + seq))
        made = packed(body, "s") if as_packed else None
        its = headers | {"packed": str(len(body))}
        mixed.append(text[-1] if made is None else StoredMessage(seq, "", made.body, its, 1000 + seq))

    assert told(mixed, which) == told(text, which)


def told(messages: list[StoredMessage], which: int) -> Any:
    """What a decoder makes of messages, twice, as it knows the series the second time."""
    decoder = LineProtocolDecoder(SeriesTable())
    cpu = decoder.measurement("cpu")
    wanted = [EVERYTHING, Wanted(frozenset([cpu])), Wanted(frozenset()), Wanted(None)][which]
    found: list[Any] = []
    for _ in range(2):
        batch, refused = decoder.decode("db", "rp", messages, wanted)
        found.append([(one.seq, one.error) for one in refused])
        if batch is None:
            continue
        counts = batch.counts(WritesSeq(1)).tolist()
        names = decoder.measurements()
        found.append({names[i]: count for i, count in enumerate(counts) if count})
        # of text, lines that are not plain may be there although nobody wants them
        frame = None if which == 2 else batch.select(frozenset([cpu]) if which == 1 else None)
        if frame is None:
            continue
        points, origin = frame.points, frame.origin
        step = batch.step
        loops = None if step.loopbacks is None else step.loopbacks[origin].tolist()
        found.append([points.time.tolist(), step.seq[origin].tolist(), step.row[origin].tolist(), loops])
        found.append([step.processing_time[origin].tolist(), step.now])
        found.append([decoder.table.series(number) for number in points.series.tolist()])
        found.append(repr(points.rows()))
        found.append(repr(points.picked(np.arange(len(points))[::-2]).rows()))
    return found
