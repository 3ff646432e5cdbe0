from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.columns.column import Kind, Value
from services.lineprotocol.keytable import KeyTable, packed
from services.lineprotocol.lines import Lines, Payload, RejectedPayload, WantedLines, decode

BODY = b"""cpu,host=a idle=1.5,n=3i,ok=t,s="x, y" 1
cpu,host=b idle=-2.,n=-4i,ok=FALSE,s="" 2

# nothing
mem,host=a idle=7i,s="a\\"b" 3
"""


def one(body: bytes, precision: str = "n", received: int = 0) -> Lines:
    lines, rejected = decode([Payload(body, precision, received)])
    assert rejected == []
    return lines


def values(lines: Lines, name: str, rows: list[int] | None = None) -> tuple[Kind, list[Value | None]]:
    column = lines.column(name, None if rows is None else np.array(rows, dtype=np.intp))
    assert column is not None
    return column.kind, column.tolist()


@pytest.mark.parametrize("copies", [1, 30])
def test_columns_have_the_kind_of_the_rows_asked_for(copies: int) -> None:
    lines = one(BODY * copies)
    assert lines.n == 3 * copies
    assert values(lines, "idle") == (Kind.MIXED, [1.5, -2.0, 7] * copies)
    assert values(lines, "idle", [1, 0]) == (Kind.FLOAT, [-2.0, 1.5])
    assert values(lines, "idle", [2] * 30) == (Kind.INT, [7] * 30)
    assert values(lines, "n") == (Kind.INT, [3, -4, None] * copies)
    assert values(lines, "ok") == (Kind.BOOL, [True, False, None] * copies)
    assert values(lines, "s") == (Kind.STRING, ["x, y", "", 'a"b'] * copies)
    assert lines.column("n", np.array([2], dtype=np.intp)) is None
    assert lines.column("other", None) is None
    assert lines.names(None) == ["idle", "n", "ok", "s"]
    assert lines.names(np.array([2], dtype=np.intp)) == ["idle", "s"]
    assert lines.row.tolist() == list(range(3 * copies))


def test_a_bad_payload_is_left_out_whole_and_the_others_are_not_touched() -> None:
    bad = b'm v=1 1\nm v="open 2'
    lines, rejected = decode([Payload(b"m v=1 1", "s", 0), Payload(bad, "n", 0), Payload(b"m v=2\n", "ms", 1_999_999)])
    assert rejected == [RejectedPayload(1, "unable to parse 'm v=\"open 2': unbalanced quotes")]
    assert lines.payload.tolist() == [0, 2]
    assert lines.row.tolist() == [0, 0]
    assert lines.time.tolist() == [10**9, 10**6]


@pytest.mark.parametrize("text", [b"t\0", b"true\0", b"F\0", b"True\0"])
def test_a_bool_with_a_nul_behind_it_is_none(text: bytes) -> None:
    lines = one(b"m v=%b 1" % text)
    assert lines.column("v", None) is None
    assert lines.malformed == 1


def test_a_value_that_cannot_be_read_is_missing_and_counted() -> None:
    lines = one(b"m v=1,w=2 1\n" * 50 + b"m v=1x,w=3 1\n" + b"m v=tru,w=3 1\n")
    assert values(lines, "v") == (Kind.FLOAT, [1.0] * 50 + [None, None])
    assert values(lines, "v", [0, 50]) == (Kind.FLOAT, [1.0, None])
    assert lines.malformed == 2


SHORT = ("0.1", "1e22", "1.5E-7", "5e-324", ".5", "5.", "-0", "-.25", "00012.50", "0.0000000000000000000001")
LONG = ("98.73417721518987", "0.30000000000000004", "123456789012345678", "9007199254740993", "1.7976931348623157e308")


@pytest.mark.parametrize("text", [*SHORT, *LONG])
def test_floats_are_rounded_once(text: str) -> None:
    lines = one(f"m v={text} 1\n".encode() * 40)
    kind, got = values(lines, "v")
    assert kind is Kind.FLOAT
    assert [repr(v) for v in got] == [repr(float(text))] * 40


def test_integers_keep_all_their_digits() -> None:
    numbers = [2**63 - 1, -(2**63), 0, -1, 10**18, 12345678, 123456789]
    lines = one(b"".join(b"m v=%di 1\n" % n for n in numbers * 6))
    assert values(lines, "v") == (Kind.INT, numbers * 6)


def test_the_last_of_equal_fields_counts_also_where_types_differ() -> None:
    lines = one(b"m v=1,v=2i,v=3 1\nm v=1,v=t 2\n" * 20)
    assert values(lines, "v") == (Kind.MIXED, [3.0, True] * 20)
    assert values(lines, "v", [0]) == (Kind.FLOAT, [3.0])


@pytest.mark.parametrize("hosts", [3, 5000])
def test_series_are_numbered_in_the_order_of_their_first_lines(hosts: int) -> None:
    known = KeyTable()
    asked: list[bytes] = []

    def new(key: bytes) -> int:
        asked.append(key)
        return len(asked) - 1

    pad = b"x" * 140
    keys = [b"cpu,host=%d,pad=%b" % (i, pad[: 1 + i % 140]) for i in range(hosts)]
    for _ in range(2):
        lines = one(b"".join(key + b" v=1 1\n" for key in keys + keys))
        assert lines.number_keys(known, new).tolist() == list(range(hosts)) * 2
    assert asked == keys and len(known) == hosts


def test_nothing_is_nothing() -> None:
    for payloads in ([], [Payload(b"", "n", 0)], [Payload(b"\n# x\n" * 4000, "n", 0)]):
        lines, rejected = decode(payloads)
        assert (lines.n, rejected, lines.keys(), lines.names(None)) == (0, [], [], [])
        assert lines.number_keys(KeyTable(), len).tolist() == []
        assert lines.column("v", None) is None


def test_rows_may_come_again_and_again_whatever_texts_they_have() -> None:
    wide = [",".join(f'{name}="{8 * i + c:x}"' for c, name in enumerate("abcdefgh")) for i in range(5900)]
    lines = one("\n".join(f"m {fields}" for fields in wide + ["z=1"] * 70_000).encode())
    rows = np.tile(np.arange(len(wide), dtype=np.intp), 6)
    for c, column in enumerate(lines.columns(list("abcdefgh"), rows)):
        assert column is not None
        assert column.tolist() == [f"{8 * i + c:x}" for i in range(len(wide))] * 6


@pytest.mark.parametrize(
    "rows",
    [
        np.arange(6)[::2],
        np.arange(3)[::-1],
        np.arange(3, dtype=np.int32),
        np.broadcast_to(np.intp(4), 3),
        np.frombuffer(np.arange(3).tobytes(), dtype=np.intp),
    ],
)
def test_rows_may_lie_in_memory_as_they_like(rows: NDArray[Any]) -> None:
    lines = one(BODY * 30)
    for few in (lines, lines.pick(rows)):
        asked = rows if few is lines else None
        column = few.columns(["idle"], asked)[0]
        assert column is not None and column.tolist() == [[1.5, -2.0, 7][row % 3] for row in rows.tolist()]
        assert set(few.names(asked)) <= {"idle", "n", "ok", "s"}


@pytest.mark.parametrize("row", [9, 2**31, 2**40, -10])
def test_rows_that_there_are_not_are_refused(row: int) -> None:
    lines, rows = one(BODY * 3), np.array([row])
    for ask in (lambda: lines.column("idle", rows), lambda: lines.names(rows), lambda: lines.pick(rows)):
        with pytest.raises(IndexError):
            ask()


def test_what_positions_cannot_count_is_refused() -> None:
    body = bytes(1 << 26)
    with pytest.raises(ValueError, match="too many at once"):
        decode([Payload(body, "n", 0)] * 32)
    with pytest.raises(ValueError, match="too many at once"):
        packed([body] * 32)


def test_a_measurement_is_wanted_of_which_nothing_is_said() -> None:
    numbers = KeyTable()
    numbers.add({b"m": 0, b"x": 1})
    flags = np.zeros(2, dtype=np.bool_)
    lines, _ = decode([Payload(b"m v=1 1\nx v=2 2\nm v=3 3", "n", 0)], WantedLines(numbers, flags[:1]))
    assert lines.keys() == [b"x"] and lines.skipped.tolist() == [[0], [0], [2]]
