"""What is put together from bytes is what the protobuf library would have written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.columns.column import Column, Duration, Kind, Value
from services.columns.frame import Frame, points_of
from services.columns.groups.series import Dimensions, Series, SeriesTable
from services.nodes.udf_host.decode import fields_of
from services.nodes.udf_host.encode import Encoder
from tickbus.udf.protocol import Request, Unframer, varint

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
VALUES = st.one_of(st.floats(), INT64, st.booleans(), TEXT)
ROWS = st.lists(st.tuples(INT64, st.dictionaries(TEXT, VALUES, max_size=4)), min_size=1, max_size=6)


def sent(rows: list[tuple[int, dict[str, Value]]], table: SeriesTable, series: Series) -> tuple[Encoder, list[Any]]:
    number = table.number(series)
    points = points_of([time for time, _ in rows], [number] * len(rows), [fields for _, fields in rows])
    dimensions = Dimensions(("h",), by_name=True)
    group = table.groups_of(dimensions)[points.series]
    encoder = Encoder(table)
    data, origins = encoder.frame(Frame(points, group, dimensions, np.arange(len(rows))))
    assert origins == list(range(len(rows)))
    requests = [Request.FromString(message) for message in Unframer().feed(data)]
    assert [r.WhichOneof("message") for r in requests] == ["point", "keepalive"] * len(rows)
    return encoder, [r.point for r in requests[::2]]


@given(ROWS, TEXT, TEXT)
def test_points_are_encoded(rows: list[tuple[int, dict[str, Value]]], name: str, tag: str) -> None:
    series = Series("db", "rp", name, (("h", tag), ("k", "z")))
    _, points = sent(rows, SeriesTable(), series)
    for (time, fields), point in zip(rows, points, strict=True):
        assert point.time == time
        assert (point.name, point.database, point.retentionPolicy, point.byName) == (name, "db", "rp", True)
        assert dict(point.tags) == {"h": tag, "k": "z"}
        assert (list(point.dimensions), point.group) == (["h"], f"{name}\nh={tag}")
        assert repr(sorted(fields_of(point).items())) == repr(sorted(fields.items()))


def test_what_the_protocol_has_no_words_for() -> None:
    series = Series("db", "rp", "m", ())
    encoder, points = sent([(1, {"d": Duration(5), "v": 1.0}), (2, {"s": "a\udc80b"})], SeriesTable(), series)
    assert [fields_of(p) for p in points] == [{"v": 1.0}, {"s": "a\ufffdb"}]
    assert encoder.odd == 1
    assert math.isnan(fields_of(sent([(1, {"v": math.nan})], SeriesTable(), series)[1][0])["v"])


def test_a_null_is_left_out_and_nothing_odd() -> None:
    table, dimensions = SeriesTable(), Dimensions(("h",))
    number = table.number(Series("db", "rp", "m", ()))
    nulls = Column(Kind.MIXED, np.array([None, 2.0], dtype=np.object_))
    points = points_of([1, 2], [number] * 2, [{"v": 1}, {"v": 2}]).with_columns({"n": nulls})
    encoder = Encoder(table)
    data, _ = encoder.frame(Frame(points, table.groups_of(dimensions)[points.series], dimensions, np.arange(2)))
    sent = [Request.FromString(message) for message in Unframer().feed(data)][::2]
    assert [fields_of(request.point) for request in sent] == [{"v": 1}, {"n": 2.0, "v": 2}]
    assert encoder.odd == 0


@given(st.lists(st.binary(max_size=300), max_size=6), st.lists(st.integers(0, 2000), max_size=6))
def test_messages_are_found_however_they_were_cut(messages: list[bytes], cuts: list[int]) -> None:
    data = b"".join(varint(len(m)) + m for m in messages)
    unframer, found, begin = Unframer(), list[bytes](), 0
    for end in [*sorted(min(c, len(data)) for c in cuts), len(data)]:
        found += unframer.feed(data[begin:end])
        begin = end
    assert found == messages and not unframer.partial
