"""query against a real InfluxDB: what is asked when, what batches come of it, and what a restart does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from grammar.tickscript.ast import TickscriptError
from schemas.config import InfluxDB
from services.connectors.influxdb import InfluxDBClient
from services.nodes.query import QueryPlan, QueryProperties
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed
from tests.support.graph import Batch, ScriptRun
from tests.support.influx import BINARY, Influxd, influxd

pytestmark = pytest.mark.skipif(BINARY is None, reason="no influxd here")

S = 10**9
T = 1_700_000_000 * S


class NodeErrors(InfluxDBClient):
    """A client that remembers what it is asked."""

    def __init__(self, url: str) -> None:
        super().__init__(InfluxDB(urls=(url,), timeout=5.0))
        self.texts: list[str] = []

    async def query(self, text: str) -> list[dict[str, Any]]:
        self.texts.append(text)
        return await super().query(text)

    def ends(self) -> list[float]:
        """Where the spans of the queries end, in seconds after T."""
        return [(int(m[1]) - T) / S for text in self.texts if (m := re.search(r"time < (-?\d+)", text))]


class Asking:
    """A task that asks one query, begun at T. The event loop gets to the answers only in `answered`."""

    def __init__(
        self, url: str, properties: str, query: str = "SELECT * FROM d.rp.m", below: str = "", now: int = T
    ) -> None:
        self.client = NodeErrors(url)
        script = f"batch|query('{query}'){properties}{below}|httpOut('end')"
        environment = TaskEnvironment(influxdb={"": self.client, "named": self.client})
        self.task = ScriptRun(script, environment=environment, dbrps=[("d", "rp")], began=T)
        self.tick(now)

    def tick(self, now: int) -> None:
        self.task.run.tick(now)

    async def answered(self, now: int) -> Asking:
        """Let the clock come to `now`, and wait until all that is asked then is answered."""
        self.tick(now)
        while self.task.nodes["query1"].state()["asked"] is not None:
            await asyncio.sleep(0.002)
            if self.task.run.next_tick() is not None:
                self.tick(now)
        return self

    def batches(self) -> list[Batch]:
        found = self.task.out["query1"]
        assert all(isinstance(b, Batch) for b in found)
        return [b for b in found if isinstance(b, Batch)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with influxd(tmp_path_factory.mktemp("influx")) as server:
        yield server


@pytest.fixture
def url(server: Influxd) -> Iterator[str]:
    server.query("CREATE DATABASE d WITH NAME rp")
    yield server.url
    server.query("DROP DATABASE d")


def write(url: str, lines: str) -> None:
    httpx.post(f"{url}/write", params={"db": "d", "precision": "s"}, content=lines).raise_for_status()


async def test_rows_become_batches(url: str) -> None:
    write(url, 'm,host=a v=1,i=7i,s="x" 1700000001\nm,host=a b=true 1700000002\nm v=4 1700000003\nm v=3 1700000012')
    asking = await Asking(url, ".period(10s).every(10s).groupBy('host')").answered(T + 10 * S)
    assert asking.batches() == [
        Batch("m", "host=", {"host": ""}, T + 10 * S, [({"host": ""}, T + 3 * S, {"v": 4.0})], (T + 10 * S,)),
        Batch(
            "m",
            "host=a",
            {"host": "a"},
            T + 10 * S,
            [
                ({"host": "a"}, T + S, {"i": 7.0, "s": "x", "v": 1.0}),
                ({"host": "a"}, T + 2 * S, {"b": True}),
            ],
            (T + 10 * S,),
        ),
    ]
    assert all(type(v) in (float, str, bool) for b in asking.batches() for _, _, f in b.points for v in f.values())
    series = asking.task.endpoint("end")["series"]
    assert [s["columns"] for s in series] == [["time", "v"], ["time", "i", "s", "v"]]
    counts = asking.task.counts()
    assert counts["batch0"]["collected"] == counts["query1"]["collected"] == counts["query1"]["emitted"] == 2
    assert (counts["query1"]["batches_queried"], counts["query1"]["points_queried"]) == (2, 3)


async def test_without_rows_there_is_no_batch(url: str) -> None:
    asking = await Asking(url, ".period(10s).every(10s)").answered(T + 10 * S)
    assert asking.client.ends() == [10] and asking.batches() == []


async def test_by_time_a_batch_has_the_time_of_its_last_point(url: str) -> None:
    write(url, "m,host=a v=1 1700000001\nm,host=b v=2 1700000018\nn v=5 1700000025")
    properties = ".period(40s).every(40s).groupBy(time(10s)).groupByMeasurement().fill(%s)"
    asking = await Asking(url, properties % "'none'", "SELECT sum(v) FROM d.rp././").answered(T + 40 * S)
    found = [(b.name, b.group, (b.time - T) // S, [f["sum"] for _, _, f in b.points]) for b in asking.batches()]
    assert found == [("m", "m", 10, [1, 2]), ("n", "n", 20, [5])]
    asking = await Asking(url, properties % "7", "SELECT sum(v) FROM d.rp.n").answered(T + 40 * S)
    assert [[f["sum"] for _, _, f in b.points] for b in asking.batches()] == [[7, 7, 5, 7]]


async def test_the_span_is_moved_by_the_offset(url: str) -> None:
    asking = Asking(url, ".period(5s).offset(3s).cron('*/30 * * * * * *').cluster('named')")
    await asking.answered(T + 10 * S)  # 22:13:30
    assert asking.client.texts == [f"SELECT * FROM d.rp.m WHERE time >= {T + 2 * S} AND time < {T + 7 * S}"]


async def test_a_query_that_fails_is_counted_and_the_next_one_asked(url: str) -> None:
    asking = await Asking(url, ".period(1d).every(10s)", "SELECT nosuch(v) FROM d.rp.m").answered(T + 10 * S)
    await asking.answered(T + 20 * S)
    assert asking.client.ends() == [10, 20]
    assert asking.task.counts()["query1"]["errors"] == 2
    assert asking.task.reasons[0] == "error executing query: undefined function nosuch()"


async def test_of_the_ticks_that_pass_meanwhile_the_last_ten_wait(url: str) -> None:
    asking = Asking(url, ".period(10s).every(10s)")
    for now in range(10, 300, 5):
        asking.tick(T + now * S)
    await asking.answered(T + 305 * S)
    await asking.answered(T + 310 * S)
    assert asking.client.ends() == [10, 20, *range(210, 311, 10)]


async def test_what_a_crash_kept_from_being_asked_is_asked_after_it(url: str) -> None:
    write(url, "\n".join(f"m v={i} {T // S + i}" for i in range(60)))
    asking, undisturbed = (Asking(url, ".period(10s).every(10s)", below="|cumulativeSum('v')") for _ in range(2))
    for now in range(10, 61, 10):
        await undisturbed.answered(T + now * S)
    await asking.answered(T + 10 * S)
    asking.tick(T + 20 * S)
    await asyncio.sleep(0)  # asked, and never answered
    asking.task.restart()
    await asking.answered(T + 61 * S)
    assert asking.client.ends() == [10, 20, 20, 30, 40, 50, 60]
    # what is told of it is known as the same by its origin
    assert asking.batches() == undisturbed.batches()
    assert asking.task.endpoint("end") == undisturbed.task.endpoint("end")
    await asking.answered(T + 70 * S)
    assert asking.client.ends()[-1] == 70


async def test_a_crash_before_anything_was_saved_loses_no_tick(url: str) -> None:
    asking = await Asking(url, ".period(10s).every(10s)", now=T + 35 * S).answered(T + 35 * S)
    assert asking.client.ends() == [10, 20, 30]


async def test_after_a_long_time_only_the_last_ticks_are_made_up_for(url: str) -> None:
    asking = Asking(url, ".period(10s).every(10s)")
    asking.task.restart()
    now = T + 86405 * S
    await asking.answered(now)
    assert asking.client.ends() == [76410 + 10 * i for i in range(1000)]


async def test_an_unknown_cluster_ends_the_task(url: str) -> None:
    with pytest.raises(TaskFailed, match=r"^failed to get InfluxDB client: no such InfluxDB config nowhere$"):
        Asking(url, ".period(10s).every(10s).cluster('nowhere')")


@pytest.mark.parametrize(
    ("query", "properties", "reason"),
    [
        ("SELECT v FROM d.rp.m", "", "must define one of 'every' or 'cron'"),
        ("SELECT v FROM d.rp.m", ".every(1h).cron('* * * * *')", "must not set both 'every' and 'cron' properties"),
        ("SELECT v FROM d.rp.m", ".every(-1h)", "'every' duration must must non-negative"),
        ("SELECT v FROM d.rp.m", ".cron('* * *')", "missing field(s)"),
        ("SELECT v FROM d.rp.m", ".every(1h).fill('last')", "unexpected fill option last"),
        (
            "SELECT v FROM d.rp.m",
            ".every(1h).groupBy(1s, time(2s))",
            "groupBy cannot have more than one time dimension",
        ),
        (
            "SELECT v FROM d.rp.m",
            ".every(1h).groupBy(1.5)",
            "invalid dimension type:float64, must be string or time.Duration",
        ),
        ("SELECT v", ".every(1h)", "failed to parse InfluxQL query: found EOF, expected FROM at line 1, char 10"),
        (
            "SELECT v FROM d.rp.m, other.rp.m",
            ".every(1h)",
            'batch query is not allowed to request data from "other"."rp"',
        ),
    ],
)
def test_what_keeps_it_from_starting(query: str, properties: str, reason: str) -> None:
    with pytest.raises(TaskFailed) as caught:
        Asking("http://127.0.0.1:1", properties, query)
    assert str(caught.value) == reason


def plan(**properties: Any) -> QueryPlan:
    return QueryPlan(QueryProperties(query="SELECT v FROM d.rp.m", **properties))


@pytest.mark.parametrize(
    ("properties", "start", "stop", "now", "expected"),
    [
        ({"every": 10 * S}, 3, 33, 100, [13, 23, 33]),
        ({"every": 10 * S, "align": True}, 3, 33, 100, [10, 20, 30]),
        ({"every": 10 * S, "align": True}, 5, 33, 100, [20, 30]),
        ({"every": 10 * S}, 3, 33, 23, [13, 23]),
        ({"every": 10 * S, "offset": 5 * S}, 3, 33, 23, [13, 23]),
        ({"every": 10 * S, "offset": 10 * S}, 3, 33, 23, [13, 23, 33]),
        ({"every": 10 * S}, 33, 3, 100, []),
        ({"cron": "*/15 * * * * * *"}, 0, 40, 100, [10, 25, 40]),
        ({"cron": "0 0 0 1 1 * 1999"}, 0, 40, 100, []),
    ],
)
def test_the_ticks_of_a_recording(
    properties: dict[str, Any], start: int, stop: int, now: int, expected: list[int]
) -> None:
    """Seconds after T, which is 20 s past a minute."""
    ticks = plan(**properties).ticks(T + start * S, T + stop * S, T + now * S)
    assert [(tick - T) // S for tick in ticks] == expected


@pytest.mark.parametrize(
    "expression",
    ["(" * 10_000 + "1" + ")" * 10_000, " + ".join(["1"] * 200)],
    ids=["parentheses", "sums"],
)
def test_a_query_that_is_nested_too_deeply_is_refused_with_its_script(expression: str) -> None:
    script = f"batch|query('SELECT mean(v) FROM a.b.c WHERE v > {expression}').period(1m).every(1m)"
    with pytest.raises(TickscriptError, match="nested too deeply, more than 100"):
        ScriptRun(script)


def test_a_query_that_is_wrong_is_told_when_the_task_starts() -> None:
    with pytest.raises(TaskFailed, match="found"):
        ScriptRun("batch|query('SELECT FROM').period(1m).every(1m)")
