from __future__ import annotations

import pytest

from services.columns.column import Column, Duration, Time, Value, column_of
from services.lineprotocol.lines import Payload, decode
from services.lineprotocol.series_key import parse_key
from services.lineprotocol.write import encode, encode_columns, series_key


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, b"1"),
        (-0.5, b"-0.5"),
        (1e21, b"1000000000000000000000"),
        (1.5e-7, b"0.00000015"),
        (-1.25e300, b"-125" + b"0" * 298),
        (float("nan"), b"NaN"),
        (float("inf"), b"+Inf"),
        (7, b"7i"),
        (True, b"true"),
        ('a "b" \\ c', b'"a \\"b\\" \\\\ c"'),
        (Duration(0), b'"0s"'),
        (Duration(1_500), '"1.5µs"'.encode()),
        (Duration(3_600_000_000_000), b'"1h0m0s"'),
        (Duration(-61_500_000_000), b'"-1m1.5s"'),
        (Time(1_700_000_000_500_000_000), b'"2023-11-14 22:13:20.5 +0000 UTC"'),
    ],
)
def test_values_are_written_as_the_reference_writes_them(value: Value, text: bytes) -> None:
    assert encode("m", (), {"v": value}, 5) == b"m v=" + text + b" 5"


def test_names_are_escaped_and_sorted_and_empty_tags_left_out() -> None:
    line = encode("a b,c", [("z", "1"), ("k=", "x y"), ("e", "")], {"g h": 1, "a=": 2}, None)
    assert line == b"a\\ b\\,c,k\\==x\\ y,z=1 a\\==2i,g\\ h=1i"


def test_a_name_that_cannot_be_written_does_not_break_the_line() -> None:
    line = encode("m\nn", [("t", "a\nb\\")], {"f\\": 1}, 5)
    lines, rejected = decode([Payload(line, "n", 0)])
    assert not rejected
    assert parse_key(lines.keys()[0]) == ("m\\nn", (("t", "a\\nb"),))
    assert lines.names(None) == ["f"]


def test_columns_become_a_body_without_the_points_that_have_no_field() -> None:
    columns: dict[str, Column] = {"b": column_of([1.5, None, float("nan")]), "a": column_of([None, None, True])}
    keys = [series_key("m", [("t", str(i))]) for i in range(3)]
    assert encode_columns(keys, columns, [1, 2, 3]) == b"m,t=0 b=1.5 1\nm,t=2 a=true,b=NaN 3\n"
    assert encode_columns(keys, columns, [1, 2, 3], finite=True) == b"m,t=0 b=1.5 1\nm,t=2 a=true 3\n"


def test_columns_of_every_kind_are_written_as_single_points_are() -> None:
    rows: list[dict[str, Value | None]] = [
        {"f": 1e21, "i": 1, "b": True, "s": 'a"\\', "d": Duration(1), "t": Time(0), "x": 1.5},
        {"f": -0.0, "i": -2, "b": False, "s": "", "d": Duration(0), "t": Time(5), "x": "s"},
        {"f": None, "i": None, "b": None, "s": None, "d": None, "t": None, "x": float("inf")},
        {"f": 1.25, "i": 3, "b": None, "s": "y", "d": None, "t": None, "x": None},
    ]
    columns = {name: column_of([row[name] for row in rows]) for name in rows[0]}
    single = [encode("m", (), {k: v for k, v in row.items() if v is not None}, 7) for row in rows]
    assert encode_columns(["m"] * 4, columns, [7] * 4) == b"".join(line + b"\n" for line in single)
    assert b"Inf" not in encode_columns(["m"] * 4, columns, [7] * 4, finite=True)
