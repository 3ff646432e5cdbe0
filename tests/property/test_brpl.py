"""Files of batches: what is read of what was written is what was written, in whatever chunks."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.columns.column import column_of
from services.columns.groups.series import SeriesTable
from services.connectors.influxdb_results import NO_TIME, Batch, alike, together
from services.gateway.queries.zip_stream import ZipStream
from services.recorder.record import brpl
from services.recorder.record.archive import Part
from services.recorder.record.batches import batches
from tests.support.examples import examples

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_TIME = st.integers(-(2**63) + 1, 2**63 - 1)
_VALUE = st.one_of(st.floats(allow_nan=False, allow_infinity=False), _TEXT, st.booleans())
_TAGS = st.dictionaries(_TEXT.filter(bool), _TEXT.filter(bool), max_size=3).map(
    lambda tags: tuple(sorted(tags.items()))
)
_ROWS = st.lists(st.dictionaries(st.sampled_from(["v", "w", 'odd "name'] * 2), _VALUE, min_size=1), max_size=4)


@st.composite
def _batch(draw: st.DrawFn) -> Batch:
    rows = draw(_ROWS)
    tags = draw(_TAGS)
    names = sorted({name for row in rows for name in row})
    own = draw(st.none() | st.lists(_TAGS.filter(bool), min_size=len(rows), max_size=len(rows)))
    return Batch(
        draw(_TEXT),
        tags,
        draw(st.booleans()),
        draw(st.just(NO_TIME) | _TIME),
        np.array([draw(_TIME) for _ in rows], dtype=np.int64),
        {name: column_of([row.get(name) for row in rows]) for name in names},
        own,
    )


def plain(found: Sequence[Batch]) -> list[Any]:
    """Batches as values that can be compared."""
    out = []
    for batch in found:
        columns = {name: column.tolist() for name, column in batch.fields.items()}
        rows = [{name: c[i] for name, c in columns.items() if c[i] is not None} for i in range(len(batch))]
        own = [batch.tags] * len(batch) if batch.own is None else list(batch.own)
        points = list(zip(batch.time.tolist(), own, rows, strict=True))
        out.append((batch.name, batch.tags, batch.by_name, batch.tmax, points))
    return out


def written(found: Sequence[Batch]) -> bytes:
    table = SeriesTable()
    return brpl.write([together(run, table) for run in alike(found)], table)


def file(of: Sequence[bytes]) -> bytes:
    zipped = ZipStream()
    out = b""
    for number, lines in enumerate(of):
        zipped.begin(str(number))
        zipped.add(lines)
        out += zipped.taken()
    zipped.end()
    return out + zipped.taken()


@examples(150)
@given(st.lists(st.lists(_batch(), max_size=4), max_size=3), st.sampled_from([1, 1 << 20]))
def test_what_is_read_is_what_was_written(streams: list[list[Batch]], chunk_bytes: int) -> None:
    data = file([written(found) for found in reversed(streams)])
    assert brpl.streams(data) == len(streams)
    parts: list[Part] = list(brpl.read(data, chunk_bytes, 1 << 30))
    read: list[list[Batch]] = [[] for _ in streams]
    for part in parts:
        read[part.seq] += part.batches  # type: ignore[attr-defined]
        table = SeriesTable()
        # the chunk in the object store holds the same
        assert brpl.write(batches(part.plain(), table), table) == written(part.batches)  # type: ignore[attr-defined]
    assert [plain(found) for found in read] == [plain(found) for found in streams]
    assert sum(part.points for part in parts) == sum(len(batch) for found in streams for batch in found)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
