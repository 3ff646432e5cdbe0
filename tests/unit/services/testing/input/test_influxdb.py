"""What InfluxDB would answer is what a real InfluxDB 1.x answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.testing.input.influxdb import CannotAnswer, InfluxDB, Point
from tests.support.influx import BINARY, Influxd

SECOND = 10**9
SPAN = "time >= 0 AND time < 300000000000"
POINTS = [({"host": "a" if i % 2 else "b"}, {"x": float(i), "n": i % 3, "s": f"t{i}"}, i * 60) for i in range(10)]
QUERIES = [
    f"SELECT {field} FROM db.rp.m WHERE {SPAN} {rest}"
    for field, rest in [
        ("mean(x)", ""),
        ("sum(x) / count(x) AS a", ""),
        ("max(x)", ""),
        ("max(x), min(x)", ""),
        ("max(x) AS big", "GROUP BY host"),
        ("percentile(x, 50)", ""),
        ("percentile(x, 90)", ""),
        ("median(x), spread(x), count(s)", ""),
        ("stddev(x), mode(n)", ""),
        ("first(x), last(x)", ""),
        ("mean(*)", ""),
        ("count(*)", ""),
        ("count(distinct(n))", ""),
        ("distinct(n)", ""),
        ("x, s", ""),
        ("x + n AS both", ""),
        ("x, host", ""),
        ("*", ""),
        ("mean(y)", ""),
        ("mean(x)", "GROUP BY *"),
        ("mean(x)", "AND host = 'a' GROUP BY host"),
        ("mean(x)", "AND host != 'a'"),
        ("mean(x)", "AND host =~ /^b/ AND x > 1 GROUP BY host"),
        ("mean(x)", "AND host !~ /^b/"),
        ("mean(x)", "AND (x = 1 OR n = 2) GROUP BY host"),
        ("mean(x)", "AND s = 't3'"),
        ("mean(x)", "AND nowhere = ''"),
        ("sum(x)", "AND host = 'a' GROUP BY time(2m)"),
        ("sum(x), count(x)", "AND host = 'a' GROUP BY time(2m)"),
        ("sum(x)", "AND host = 'a' GROUP BY time(2m) fill(none)"),
        ("sum(x)", "AND host = 'a' GROUP BY time(2m) fill(previous)"),
        ("sum(x)", "AND host = 'a' GROUP BY time(2m) fill(7)"),
        ("max(x)", "GROUP BY time(2m, 30s), host"),
        ("x", "ORDER BY time DESC LIMIT 2"),
    ]
]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    if BINARY is None:
        pytest.skip("no InfluxDB 1.x is installed")
    influxd = Influxd(tmp_path_factory.mktemp("influx"))
    influxd.start()
    try:
        influxd.query("CREATE DATABASE db WITH NAME rp")
        lines = [
            f'm,host={tags["host"]} x={fields["x"]},n={fields["n"]}i,s="{fields["s"]}" {time * SECOND}'
            for tags, fields, time in POINTS
        ]
        body = "\n".join(lines)
        written = httpx.post(f"{influxd.url}/write", params={"db": "db", "rp": "rp"}, content=body, timeout=10)
        assert written.status_code == 204, written.text
        yield influxd
    finally:
        influxd.stop()


@pytest.fixture(scope="module")
def ours() -> InfluxDB:
    found = InfluxDB([Point("db", "rp", "m", tags, fields, time * SECOND) for tags, fields, time in POINTS])
    found.points.append(Point("db", "other", "m", {}, {"x": 99.0}, 0))
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_it_answers_as_influxdb_does(real: Influxd, ours: InfluxDB, query: str) -> None:
    assert plain(ours.query(query)) == plain(real.query(query))


def plain(answer: list[dict[str, Any]]) -> list[Any]:
    """Numbers are floats to a task; calculated ones may differ in their last digit."""
    return [
        (one["name"], one.get("tags"), one["columns"], [[rounded(cell) for cell in row] for row in one["values"]])
        for one in answer
    ]


def rounded(cell: Any) -> Any:
    return float(f"{cell:.12g}") if isinstance(cell, int | float) and not isinstance(cell, bool) else cell


@pytest.mark.parametrize(
    "query",
    [
        "SELECT derivative(x) FROM db.rp.m",
        "SELECT mean(x) FROM db.rp.m WHERE time > 0 GROUP BY time(1m) fill(linear)",
        "SELECT x FROM db.rp.m LIMIT 1 OFFSET 2",
    ],
)
def test_what_is_beyond_it_is_told(ours: InfluxDB, query: str) -> None:
    with pytest.raises(CannotAnswer):
        ours.query(query)
