"""What waits to be written to InfluxDB while it cannot be reached. What a real one gets: see the node influxDBOut."""

from __future__ import annotations

from schemas.config import InfluxDB
from services.connectors.influxdb import InfluxDBClient, InfluxDBWriter


def test_where_too_much_waits_points_are_dropped_and_no_command() -> None:
    client = InfluxDBClient(InfluxDB(urls=("http://127.0.0.1:1",)))
    failures: list[str] = []
    writer = InfluxDBWriter(client, {}, 1, 0.0, lambda points: None, failures.append)
    writer.command("CREATE DATABASE d")
    for _ in range(3):
        writer.add(("d", ""), [b"x" * (20 << 20)], lambda i: (1, i, 0), whole=False)
    assert failures == ["too much waits to be written, the oldest points are dropped"] * 2
    assert len(writer.state()["sealed"]) == 1 and writer.outstanding == 2
