"""Effects as lines of plain data: every kind, as the schema has them, and the levels before."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from marshmallow import RAISE

from schemas.api.effect import KINDS, EffectSchema
from schemas.config import InfluxDB
from services.alerting.handlers import specs
from services.columns.column import Duration, Time
from services.connectors.influxdb import InfluxDBClient
from services.dryrun.outcomes import Outcomes, outcomes_of
from services.dryrun.rows import plain_data
from services.runtime.effects import Failure
from services.runtime.environment import TaskEnvironment
from tests.support.graph import NOW, ScriptRun

S = 10**9
FROM = "stream|from().measurement('m').groupBy('host')"


def dry(script: str) -> ScriptRun:
    client = InfluxDBClient(InfluxDB(urls=("http://127.0.0.1:1",)))
    return ScriptRun(script, handlers=specs(), environment=TaskEnvironment(dry=True, influxdb={"": client}))


def lines(run: ScriptRun) -> list[dict[str, Any]]:
    found = list(Outcomes().of(run.effects))
    for line in found:
        EffectSchema(unknown=RAISE).load(line)
        assert orjson.loads(orjson.dumps(line, option=orjson.OPT_PASSTHROUGH_SUBCLASS)) == line, "it is plain"
    return found


def test_an_alert() -> None:
    run = dry(
        f"""{FROM}|alert().crit(lambda: "v" > 5.0).stateChangesOnly().topic('t').id('{{{{ index .Tags "host" }}}}')
        .message('{{{{ .ID }}}} is {{{{ .Level }}}}').category('c').post('http://127.0.0.1:1')"""
    )
    run.write(f'm,host=a v=9,s="x",n=3i {S}', f"m,host=a v=9 {2 * S}", f"m,host=a v=1 {3 * S}")
    first, second = lines(run)
    assert first == {
        "kind": "alert",
        "node": "alert2",
        "time": "1970-01-01T00:00:01Z",
        "topics": ["main:t:alert2", "t"],
        "id": "a",
        "level": "CRITICAL",
        "previousLevel": "OK",
        "duration": 0,
        "message": "a is CRITICAL",
        "details": None,
        "recoverable": True,
        "category": "c",
        "data": {
            "series": [
                {
                    "name": "m",
                    "tags": {"host": "a"},
                    "columns": ["time", "n", "s", "v"],
                    "values": [["1970-01-01T00:00:01Z", 3, "x", 9.0]],
                }
            ]
        },
        "origin": {"seq": 1, "row": 0, "ordinal": 0},
    }
    assert (second["level"], second["previousLevel"], second["duration"]) == ("OK", "CRITICAL", 2 * S)
    assert second["data"]["series"][0]["columns"] == ["time", "v"] and second["origin"]["seq"] == 3


def test_an_alert_on_a_batch_has_its_data_and_one_of_a_timer_its_tick() -> None:
    run = dry(f"{FROM}|window().periodCount(2).everyCount(2)|alert().crit(lambda: TRUE).details('d').topic('t')")
    run.write(f"m,host=a v=1 {S}", f"m,host=a v=2 {2 * S}")
    (line,) = lines(run)
    rows = [["1970-01-01T00:00:01Z", 1.0], ["1970-01-01T00:00:02Z", 2.0]]
    assert line["data"]["series"] == [{"name": "m", "tags": {"host": "a"}, "columns": ["time", "v"], "values": rows}]
    assert line["details"] == "d"
    run = dry(f"{FROM}|deadman(1.0, 10s).topic('t')").write("m,host=a v=1").tick(NOW + 25 * S)
    found = lines(run)
    assert [line["level"] for line in found] == ["CRITICAL"]
    assert found[0]["origin"] == {"tick": "2023-11-14T22:13:40Z", "ordinal": 0}
    assert found[0]["topics"] == ["t"]


def test_levels_before_are_those_of_the_topic_that_is_named() -> None:
    script = f"""var d = {FROM}|eval(lambda: "v").as('v')
    d|alert().crit(lambda: "v" > 5.0).id('{{{{ .Group }}}}:m').topic('t')
    d|alert().warn(lambda: "v" > 1.0).id('{{{{ .Group }}}}:m').topic('t')
    d|alert().info(lambda: TRUE).id('x').log('/nowhere')"""
    run = dry(script).write("m,host=a v=9 1")
    found = lines(run)
    assert [(one["node"], one["previousLevel"], one["level"]) for one in found] == [
        ("alert5", "OK", "INFO"),
        ("alert4", "OK", "WARNING"),
        ("alert3", "WARNING", "CRITICAL"),
    ]


def test_what_json_has_no_number_for_is_a_text() -> None:
    run = dry(f"""{FROM}|eval(lambda: "v" / 0.0, lambda: 1m).as('inf', 'd').keep()
        |alert().crit(lambda: TRUE).topic('t')""")
    run.write(f"m,host=a v=1 {S}")
    (line,) = lines(run)
    (series,) = line["data"]["series"]
    assert series["columns"] == ["time", "d", "inf", "v"]
    assert series["values"] == [["1970-01-01T00:00:01Z", 60 * S, "+Inf", 1.0]]
    values = {"nan": math.nan, "less": [-math.inf, {"t": Time(S)}], "d": Duration(5)}
    assert plain_data(values) == {"nan": "NaN", "less": ["-Inf", {"t": "1970-01-01T00:00:01Z"}], "d": 5}


def test_an_inhibition() -> None:
    run = dry(f"{FROM}|alert().crit(lambda: \"v\" > 5.0).inhibit('c', 'host').topic('t')")
    run.write("m,host=a v=9 1", "m,host=a v=1 2")
    found = [line for line in lines(run) if line["kind"] == "inhibition"]
    assert [(line["on"], line["category"], line["tags"]) for line in found] == [
        (True, "c", {"host": "a"}),
        (False, "c", {"host": "a"}),
    ]
    assert [line["origin"]["seq"] for line in found] == [1, 2]


def test_a_loopback() -> None:
    run = dry(f"{FROM}|kapacitorLoopback().database('d').retentionPolicy('r').tag('of', 'x y')")
    run.write(f"m,host=a v=1i {S}\nm,host=b v=2i {2 * S}", f"m,host=a v=3i {3 * S}")
    of = {"kind": "loopback", "node": "kapacitor_loopback2", "database": "d", "retention-policy": "r"}
    assert lines(run) == [
        {
            **of,
            "time": "1970-01-01T00:00:01Z",
            "lines": [rf"m,host=a,of=x\ y v=1i {S}", rf"m,host=b,of=x\ y v=2i {2 * S}"],
        },
        {**of, "time": "1970-01-01T00:00:03Z", "lines": [rf"m,host=a,of=x\ y v=3i {3 * S}"]},
    ]


@pytest.mark.parametrize(
    ("node", "kind", "shown"),
    [
        ("httpPost('http://h')", "post", {"url": "http://h", "headers": {"Content-Type": "application/json"}}),
        ("influxDBOut().database('d')", "influxdb", {"database": "d", "lines": ["m,host=a v=9i 1000000000"]}),
        ("log()", "log", {"level": "INFO", "point": "m", "fields": {"v": 9}}),
        ("window().periodCount(1).everyCount(1)|log()", "log", {"batch": "m", "group": "host=a"}),
        ("k8sAutoscale().resourceName('r').replicas(lambda: 3)", "scale", {"resource": "r", "old": 1, "new": 3}),
    ],
)
def test_what_nodes_withhold(node: str, kind: str, shown: dict[str, Any]) -> None:
    (line,) = lines(dry(f"{FROM}|{node}").write(f"m,host=a v=9i {S}"))
    assert (line["kind"], line["time"]) == (kind, "1970-01-01T00:00:01Z")
    assert {key: line[key] for key in shown} == shown


def test_the_end_of_the_task() -> None:
    (line,) = outcomes_of(Failure("why"))
    assert line == {"kind": "failure", "error": "why"} and line["kind"] in KINDS
