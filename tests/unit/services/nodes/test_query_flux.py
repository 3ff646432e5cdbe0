"""queryFlux, influxDBOut and query with a token, against a stand-in for InfluxDB 2.x: there is none to be had here."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from grammar.tickscript.ast import TickscriptError
from schemas.config import InfluxDB
from services.connectors.influxdb import InfluxDBClient, InfluxDBError
from services.recorder.record.queries import task_queries
from services.runtime.effects import Output
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed
from tests.support.graph import Batch, ScriptRun
from tests.support.influx2 import Influx2, influx2

S = 10**9
T = 1_700_000_000 * S
CSV = """#datatype,string,long,dateTime:RFC3339,double,string,string,string
#group,false,false,false,false,true,true,true
#default,_result,,,,,,
,result,table,_time,_value,_field,_measurement,host
,,0,2023-11-14T22:13:25Z,1.5,usage,cpu,a
,,0,2023-11-14T22:13:28Z,2,usage,cpu,a

#datatype,string,long,dateTime:RFC3339,long,string,string
#group,false,false,false,false,true,true
#default,_result,,,,,
,result,table,_time,_value,_field,_measurement
,,1,2023-11-14T22:13:27Z,7,load,sys
"""
SCRIPT = "batch|queryFlux('from(bucket: \"b\") |> range(start: -10s)').every(10s).offset(1s).org('o').orgID('1f')"


@pytest.fixture
async def server() -> AsyncIterator[Influx2]:
    async with influx2() as standin:
        yield standin


def client_of(server: Influx2, **settings: Any) -> InfluxDBClient:
    return InfluxDBClient(InfluxDB(urls=(server.url,), token="s3cret", timeout=5.0, **settings))


def task(server: Influx2, script: str = SCRIPT, **given: Any) -> ScriptRun:
    environment = TaskEnvironment(influxdb={"": client_of(server)})
    run = ScriptRun(f"{script}|httpOut('end')", environment=environment, dbrps=[("d", "rp")], began=T, **given)
    run.run.tick(T)
    return run


async def answered(run: ScriptRun, now: int, node: str) -> None:
    """Let the clock come to `now`, and wait until what is asked then is answered."""
    run.run.tick(now)
    while run.nodes[node].state()["asked"] is not None:
        await asyncio.sleep(0.002)
        if run.run.next_tick() is not None:
            run.run.tick(now)


async def test_flux_is_asked_by_the_schedule_and_its_tables_become_batches(server: Influx2) -> None:
    server.flux(CSV)
    run = task(server)
    await answered(run, T + 10 * S, "queryFlux1")
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.parameters) == ("POST", "/api/v2/query", {"org": "o", "orgID": "1f"})
    assert asked.headers["authorization"] == "Token s3cret"
    body = orjson.loads(asked.body)
    assert (body["type"], body["now"]) == ("flux", "2023-11-14T22:13:29Z")
    assert body["query"] == 'from(bucket: "b") |> range(start: -10s)'
    assert body["dialect"] == {"annotations": ["datatype", "default", "group"], "delimiter": ",", "header": True}
    first, second = run.out["queryFlux1"]
    tags = {"_field": "usage", "host": "a"}
    points = [(tags, T + 5 * S, {"_value": 1.5}), (tags, T + 8 * S, {"_value": 2.0})]
    assert first == Batch("cpu", "_field=usage,host=a", tags, T + 8 * S, points, (T + 10 * S,))
    assert isinstance(second, Batch) and (second.name, second.points[0][2]) == ("sys", {"_value": 7})
    assert type(second.points[0][2]["_value"]) is int
    counts = run.counts()["queryFlux1"]
    assert (counts["batches_queried"], counts["points_queried"], counts["emitted"]) == (2, 3, 2)


async def test_what_goes_wrong_is_an_error_of_the_node_and_the_next_tick_asks_again(server: Influx2) -> None:
    run = task(server)
    error = '{"code": "invalid", "message": "error @1:1: undefined identifier x"}'
    server.answers["/api/v2/query"] = (400, "application/json", error)
    await answered(run, T + 10 * S, "queryFlux1")
    server.flux("#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,too much,897")
    await answered(run, T + 20 * S, "queryFlux1")
    assert run.counts()["queryFlux1"]["errors"] == 2 and run.out["queryFlux1"] == []
    server.flux(CSV)
    await answered(run, T + 30 * S, "queryFlux1")
    assert len(run.out["queryFlux1"]) == 2


@pytest.mark.parametrize(
    ("properties", "error"),
    [("", "must define one of 'every' or 'cron'"), (".every(1s).cron('* * * * *')", "must not set both")],
)
def test_a_schedule_that_makes_no_sense(server: Influx2, properties: str, error: str) -> None:
    with pytest.raises(TaskFailed, match=error):
        task(server, f"batch|queryFlux('x'){properties}")


def test_it_needs_a_text(server: Influx2) -> None:
    with pytest.raises(TickscriptError):
        task(server, "batch|queryFlux(1)")


async def test_a_recording_asks_the_same(server: Influx2) -> None:
    server.flux(CSV)
    (query,) = task_queries(task(server).run, {"": client_of(server)}, T, T + 25 * S, T + 30 * S)
    ticks = list(query.ticks())
    assert ticks == [T + 10 * S, T + 20 * S]
    found = [batch.name async for batch in query.answer(ticks[1])]
    assert found == ["cpu", "sys"]
    assert orjson.loads(server.asked[0].body)["now"] == "2023-11-14T22:13:39Z"


async def test_points_are_written_to_a_bucket_with_a_token(server: Influx2) -> None:
    server.answers["/write"] = (204, "application/json", "")
    script = "stream|from()|influxDBOut().database('d').retentionPolicy('rp').buffer(1)"
    run = ScriptRun(script, environment=TaskEnvironment(influxdb={"": client_of(server, compression="gzip")}))
    run.write("m v=1 1")
    for effect in run.effects:
        assert isinstance(effect, Output)
        effect.do()
    async with asyncio.timeout(10):
        while not server.asked:
            await asyncio.sleep(0.002)
    (asked,) = server.asked
    assert (asked.path, asked.parameters) == ("/write", {"db": "d", "rp": "rp"})
    assert asked.headers["authorization"] == "Token s3cret"
    assert gzip.decompress(asked.body).startswith(b"m v=1")


async def test_influxql_is_asked_with_a_token(server: Influx2) -> None:
    series = {"name": "m", "columns": ["time", "v"], "values": [[T, 1]]}
    server.answers["/query"] = (200, "application/json", orjson.dumps({"results": [{"series": [series]}]}).decode())
    server.answers["/ping"] = (200, "application/json", '{"version": "3.0.2"}')
    run = task(server, "batch|query('SELECT v FROM d.rp.m').period(10s).every(10s)")
    await answered(run, T + 10 * S, "query1")
    assert len(run.out["query1"]) == 1
    client = client_of(server, username="u", password="p")
    await client.ping()
    assert {asked.headers["authorization"] for asked in server.asked} == {"Token s3cret"}
    server.answers["/query"] = (401, "application/json", '{"code": "unauthorized", "message": "unauthorized access"}')
    with pytest.raises(InfluxDBError, match="unauthorized access"):
        await client.query("SHOW DATABASES")
