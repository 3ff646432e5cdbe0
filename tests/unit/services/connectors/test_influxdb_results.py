"""What InfluxDB answers as batches: what is no series of points is an error, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest

from services.columns.groups.series import SeriesTable
from services.connectors.influxdb import InfluxDBError
from services.connectors.influxdb_results import batches_of

SERIES = {"name": "m", "tags": {"host": "a"}, "columns": ["time", "v"], "values": [[1, 2], [3, None]]}


def test_a_series_is_a_batch() -> None:
    batches = batches_of([SERIES], SeriesTable(), by_name=False, stop=10, by_time=False)
    assert batches is not None and batches.tmax.tolist() == [10] and batches.names == ["m"]
    assert batches.points.time.tolist() == [1] and batches.points.rows() == [{"v": 2.0}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"name": 7},
        {"tags": ["host"]},
        {"tags": {"host": 1}},
        {"columns": None},
        {"columns": ["v"], "values": [[1]]},
        {"columns": ["time", 1]},
        {"values": [[1]]},
        {"values": [[1, 2, 3]]},
        {"values": [["1970-01-01T00:00:00Z", 2]]},
        {"values": [[2**64, 2]]},
        {"values": [[1, 10**400]]},
        {"values": [[1, {}]]},
        {"values": 1},
    ],
)
def test_what_is_no_series_of_points_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(InfluxDBError, match="invalid response: a series that cannot be read"):
        batches_of([{**SERIES, **wrong}], SeriesTable(), by_name=False, stop=10, by_time=False)
