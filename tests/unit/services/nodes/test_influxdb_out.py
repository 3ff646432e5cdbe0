"""influxDBOut against a real InfluxDB: what is written when, what is tried again, and what a restart does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from grammar.tickscript.ast import TickscriptError
from schemas.config import InfluxDB
from services.connectors.influxdb import InfluxDBClient
from services.runtime.effects import Output
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed
from tests.support.graph import ScriptRun
from tests.support.influx import BINARY, Influxd, influxd

pytestmark = pytest.mark.skipif(BINARY is None, reason="no influxd here")


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with influxd(tmp_path_factory.mktemp("influx")) as server:
        yield server


@pytest.fixture
def database(influx: Influxd) -> Iterator[str]:
    influx.query("CREATE DATABASE d WITH NAME week")
    yield "d"
    influx.query("DROP DATABASE d")


def started(influx: Influxd, script: str, *, urls: tuple[str, ...] = (), **given: Any) -> ScriptRun:
    client = InfluxDBClient(InfluxDB(urls=urls or (influx.url,), timeout=2.0))
    return ScriptRun(script, environment=TaskEnvironment(influxdb={"": client}), precision="s", **given)


def perform(run: ScriptRun) -> None:
    """Do what the task wants done."""
    for effect in run.effects:
        assert isinstance(effect, Output)
        effect.do()
    run.effects.clear()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


def count(run: ScriptRun, name: str = "points_written") -> int:
    return sum(node.get(name, 0) for node in run.counts().values())


async def written(run: ScriptRun, points: int) -> None:
    perform(run)
    await until(lambda: count(run) == points)


async def test_points_go_where_they_came_from_unless_told_otherwise(influx: Influxd, database: str) -> None:
    script = """
    var d = stream|from().measurement('m').groupBy('host')
    d|eval(lambda: "v" * 10.0).as('ten')|influxDBOut().buffer(1)
    var w = d|window().periodCount(2).everyCount(2)
    w|influxDBOut().database('d').measurement('points').buffer(1)
    w|mean('v')|influxDBOut().database('d').retentionPolicy('week').measurement('means').tag('by', 'x').buffer(1)"""
    run = started(influx, script, dbrps=[("d", "week")])
    run.write("m,host=a,cpu=0 v=1 10\nm,host=a,cpu=1 v=2 11\nm,host=b v=3 12\nm,host=b v=5 13", db="d", rp="week")
    await written(run, 10)
    s = 10**9
    assert influx.rows("SELECT * FROM d.week.m") == [
        {"time": 10 * s, "cpu": "0", "host": "a", "ten": 10},
        {"time": 11 * s, "cpu": "1", "host": "a", "ten": 20},
        {"time": 12 * s, "host": "b", "ten": 30},
        {"time": 13 * s, "host": "b", "ten": 50},
    ]
    assert [row["v"] for row in influx.rows("SELECT * FROM d.week.points")] == [1, 2, 3, 5]
    assert influx.rows("SELECT * FROM d.week.means") == [
        {"time": 11 * s, "by": "x", "host": "a", "mean": 1.5},
        {"time": 13 * s, "by": "x", "host": "b", "mean": 4},
    ]


async def test_create_types_and_precision(influx: Influxd) -> None:
    script = "stream|from()|influxDBOut().create().database('made').retentionPolicy('keep').precision('s').buffer(1)"
    run = started(influx, script).tick(1)
    perform(run)
    await until(lambda: ["made"] in influx.query("SHOW DATABASES")[0].get("values", []))
    assert influx.query("SHOW RETENTION POLICIES ON made")[0]["values"][0][0] == "keep"
    run.write('m,host=b\\ c f=1.5,i=-7i,s="te \\"x",b=true 1700000000')
    await written(run, 1)
    assert influx.rows("SELECT * FROM made.keep.m") == [
        {"time": 1700000000 * 10**9, "host": "b c", "f": 1.5, "i": -7, "s": 'te "x', "b": True}
    ]
    influx.query("DROP DATABASE made")


async def test_written_when_there_are_enough_or_time_is_up_or_the_task_ends(influx: Influxd, database: str) -> None:
    script = "stream|from()|influxDBOut().database('d').retentionPolicy('week').buffer(3)"
    run = started(influx, f"{script}.flushInterval(100ms)")
    run.write("m v=1 1\nm v=1 2\nm v=1 3\nm v=1 4")
    await written(run, 3)
    await until(lambda: count(run) == 4)
    slow = started(influx, script)
    slow.write("m v=1 5").finish()
    await written(slow, 1)
    slow.close()
    assert len(influx.rows("SELECT v FROM d.week.m")) == 5


async def test_what_is_refused_is_dropped_and_counted(influx: Influxd, database: str) -> None:
    run = started(
        influx,
        """stream|from()|influxDBOut().database('d').retentionPolicy('nosuch').buffer(1)
        stream|from()|influxDBOut().database('nosuch').buffer(1)
        stream|from()|influxDBOut().database('d').retentionPolicy('week').buffer(1)""",
    )
    run.write("m v=1 1\nm v=2 2")
    await written(run, 2)
    await until(lambda: count(run, "write_errors") == 4)
    assert count(run, "errors") == 4
    assert sorted(run.reasons) == [
        'failed to write points to InfluxDB: database not found: "nosuch"',
        "failed to write points to InfluxDB: retention policy not found: nosuch",
    ]


async def test_a_server_that_is_down_is_tried_again_or_passed_over(influx: Influxd, database: str) -> None:
    script = "stream|from()|influxDBOut().database('d').retentionPolicy('week').buffer(1)"
    passing = started(influx, script, urls=("http://127.0.0.1:1", influx.url))
    passing.write("m v=1 1\nm v=1 2")
    await written(passing, 2)
    assert count(passing, "write_errors") == 0
    influx.stop()
    try:
        run = started(influx, script)
        run.write("m v=1 3\nm v=1 4")
        perform(run)
        await until(lambda: count(run, "write_errors") > 1)
    finally:
        influx.start()
    await until(lambda: count(run) == 2)
    assert [row["time"] // 10**9 for row in influx.rows("SELECT v FROM d.week.m")] == [1, 2, 3, 4]


async def test_what_waits_is_written_after_a_restart(influx: Influxd, database: str) -> None:
    run = started(influx, "stream|from()|influxDBOut().database('d').retentionPolicy('week').buffer(2)")
    run.write("m v=1 1\nm v=1 2\nm v=1 3")
    run.effects.clear()
    run.restart().tick(1)
    await written(run, 2)
    run.finish()
    await written(run, 3)


async def test_what_waits_is_bounded(influx: Influxd, database: str) -> None:
    run = started(influx, "stream|from()|influxDBOut().database('d').retentionPolicy('week').buffer(1)")
    long = "x" * (1 << 20)
    for i in range(40):
        run.write(f'm v="{long}" {i}')
    assert 8 < count(run, "write_errors") < 12
    assert run.reasons == [
        "failed to write points to InfluxDB: too much waits to be written, the oldest points are dropped"
    ]


def test_a_cluster_has_to_be_configured(influx: Influxd) -> None:
    with pytest.raises(TaskFailed, match=r"^failed to get InfluxDB client: no such InfluxDB config nosuch$"):
        started(influx, "stream|from()|influxDBOut().cluster('nosuch').database('x')")


@pytest.mark.parametrize(
    "rest", [".database(1)", ".tag('a')", ".buffer(1.5)", ".flushInterval('1s')", ".precision('d')"]
)
def test_wrong_properties(influx: Influxd, rest: str) -> None:
    with pytest.raises(TickscriptError):
        started(influx, f"stream|from()|influxDBOut(){rest}")
