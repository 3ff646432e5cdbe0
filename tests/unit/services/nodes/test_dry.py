"""Nodes in a run in which nothing is done outside: what they tell instead, and that they do and wait for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from schemas.config import InfluxDB
from services.connectors.http_sender import PostEndpoint
from services.connectors.influxdb import InfluxDBClient
from services.process import log
from services.runtime.effects import Output, Withheld
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed
from tests.support.clusters import cluster
from tests.support.graph import Batch, Point, ScriptRun

S = 10**9
NOWHERE = "http://127.0.0.1:1"
ENDPOINT = PostEndpoint("http://u:p@h/x", {"X-Key": "k"}, "u", "p", '{{ .Name }} is {{ index (index .Values 0) "v" }}')
FROM = "stream|from().measurement('m').groupBy('host')"
WINDOW = f"{FROM}|window().periodCount(2).everyCount(2)"


def dry(script: str, **environment: Any) -> ScriptRun:
    client = InfluxDBClient(InfluxDB(urls=(NOWHERE,)))
    given = {"influxdb": {"": client}, "post_endpoints": {"named": ENDPOINT}, **environment}
    return ScriptRun(script, environment=TaskEnvironment(dry=True, **given))


def told(run: ScriptRun) -> list[tuple[str, int, dict[str, Any]]]:
    assert not any(isinstance(effect, Output) for effect in run.effects)
    return [(e.kind, e.time, e.what) for e in run.effects if isinstance(e, Withheld)]


def test_posts_are_told() -> None:
    run = dry(f"{FROM}|httpPost('http://u:p@h/{{{{ .Name }}}}').header('X-One', 'a').header('Authorization', 'b')")
    run.write("m,host=a v=1i 1", "m,host=b v=2.5 2")
    row = {"name": "m", "tags": {"host": "a"}, "columns": ["time", "v"]}
    body = {"series": [{**row, "values": [["1970-01-01T00:00:00.000000001Z", 1]]}]}
    headers = {"Content-Type": "application/json", "X-One": "a", "Authorization": "********"}
    kind, time, what = told(run)[0]
    assert (kind, time, what) == ("post", 1, {"url": "http://u:********@h/m", "headers": headers, "body": body})
    assert [time for _, time, _ in told(run)] == [1, 2]
    assert len(run.out["http_post2"]) == 2 and run.run.outstanding == 0


def test_a_post_to_an_endpoint_shows_none_of_its_secrets() -> None:
    run = dry(f"{FROM}|httpPost().endpoint('named')").write("m,host=a v=1i 1")
    ((_, _, what),) = told(run)
    headers = {"X-Key": "********", "Authorization": "********"}
    assert what == {"url": "http://u:********@h/x", "headers": headers, "body": "m is 1", "endpoint": "named"}
    with pytest.raises(TaskFailed, match="endpoint 'other' does not exist"):
        dry(f"{FROM}|httpPost().endpoint('other')")


def test_a_code_is_0_at_once_and_belongs_to_the_point_that_was_posted() -> None:
    run = dry(f"{FROM}|httpPost('{NOWHERE}').codeField('code')|alert().crit(lambda: \"code\" == 0).topic('t')")
    run.write("m,host=a v=1i 1", "m,host=b v=2i 2")
    points = [p for p in run.out["http_post2"] if isinstance(p, Point)]
    assert [(p.fields, p.origin) for p in points] == [({"v": 1, "code": 0}, (1, 0)), ({"v": 2, "code": 0}, (2, 0))]
    batches = dry(f"{WINDOW}|httpPost('{NOWHERE}').codeField('code')").write("m,host=a v=1i 1", "m,host=a v=2i 2")
    (batch,) = batches.out["http_post3"]
    assert isinstance(batch, Batch) and [f["code"] for _, _, f in batch.points] == [0, 0]
    assert [kind for kind, _, _ in told(batches)] == ["post"]


def test_a_post_that_cannot_be_made_is_an_error_as_ever() -> None:
    run = dry(f"{FROM}|httpPost('http://h/{{{{ .Nothing }}}}')").write("m,host=a v=1i 1")
    assert told(run) == [] and run.counts()["http_post2"]["errors"] == 1


def test_what_waits_in_a_live_tasks_state_is_not_told_again_and_not_waited_for() -> None:
    script = f"{FROM}|httpPost('{NOWHERE}').codeField('code')|log()"
    live = ScriptRun(script).write("m,host=a v=1i 1")
    run = dry(script).resume_from(live.run.state())
    run.write("m,host=b v=2i 2")
    points = [p for p in run.out["http_post2"] if isinstance(p, Point)]
    assert [(p.group, p.fields["code"]) for p in points] == [("host=a", 0), ("host=b", 0)]
    assert [what["body"]["series"][0]["tags"] for kind, _, what in told(run) if kind == "post"] == [{"host": "b"}]
    assert run.run.outstanding == 0


def test_what_would_be_written_to_influxdb_is_told() -> None:
    options = ".create().database('d').retentionPolicy('r').tag('of', 'x').precision('s')"
    run = dry(f"{FROM}|influxDBOut(){options}")
    run.write(f"m,host=a v=1i {S}", f"m,host=b v=2i {2 * S}")
    of = {"cluster": "", "database": "d", "retention-policy": "r", "precision": "s"}
    assert told(run) == [
        ("influxdb", S, {"cluster": "", "command": 'CREATE DATABASE "d" WITH NAME "r"'}),
        ("influxdb", S, {**of, "lines": ["m,host=a,of=x v=1i 1"]}),
        ("influxdb", 2 * S, {**of, "lines": ["m,host=b,of=x v=2i 2"]}),
    ]
    run.finish().close()
    assert len(told(run)) == 3 and run.run.outstanding == 0 and run.run.next_tick() is None


def test_a_batch_for_influxdb_is_told_whole() -> None:
    run = dry(f"{WINDOW}|influxDBOut().measurement('n')").write("m,host=a v=1i 1", "m,host=a v=2i 2")
    ((kind, time, what),) = told(run)
    assert (kind, time, what["lines"]) == ("influxdb", 2, ["n,host=a v=1i 1", "n,host=a v=2i 2"])


def test_what_waits_for_influxdb_in_a_live_tasks_state_is_not_told_again() -> None:
    script = f"{FROM}|influxDBOut().create().database('d')"
    client = InfluxDBClient(InfluxDB(urls=(NOWHERE,)))
    live = ScriptRun(script, environment=TaskEnvironment(influxdb={"": client})).write("m,host=a v=1i 1")
    run = dry(script).resume_from(live.run.state())
    run.write("m,host=a v=2i 2")
    assert [what["lines"] for _, _, what in told(run)] == [["m,host=a v=2i 2"]]
    assert run.run.outstanding == 0


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """The lines that this process logs."""
    lines: list[str] = []
    log.listen(lines.append, "INFO")
    yield lines
    log.listen(None)


def test_lines_for_the_log_are_told_and_nothing_stands_there(heard: list[str]) -> None:
    run = dry(f"{FROM}|log().prefix('p').level('warn')|window().periodCount(2).everyCount(2)|log().level('debug')")
    run.write("m,host=a,x=y v=1i 1", "m,host=a v=2.5 2")
    point = {"level": "WARN", "prefix": "p", "point": "m", "group": "host=a", "tags": {"host": "a"}}
    first, second, third = told(run)
    assert first == ("log", 1, {**point, "tags": {"host": "a", "x": "y"}, "fields": {"v": 1}})
    assert second == ("log", 2, {**point, "fields": {"v": 2.5}})
    batch = {"level": "DEBUG", "prefix": "", "batch": "m", "group": "host=a", "tags": {"host": "a"}}
    of_first = {"time": "1970-01-01T00:00:00.000000001Z", "tags": {"host": "a", "x": "y"}, "fields": {"v": 1}}
    of_second = {"time": "1970-01-01T00:00:00.000000002Z", "tags": {"host": "a"}, "fields": {"v": 2.5}}
    assert third == ("log", 2, {**batch, "points": [of_first, of_second]})
    assert heard == []


@pytest.mark.parametrize(
    ("node", "kind", "namespace"),
    [
        ("k8sAutoscale().resourceNameTag('host')", "deployments", "default"),
        ("swarmAutoscale().serviceNameTag('host')", "service", ""),
        ("ec2Autoscale().groupNameTag('host')", "group", ""),
    ],
)
def test_what_would_be_scaled_is_told(node: str, kind: str, namespace: str, heard: list[str]) -> None:
    with cluster(a=7) as api:
        run = dry(f'{FROM}|{node}.min(2).max(9).replicas(lambda: int("v"))', clusters={})
        run.write("m,host=a v=2 1", "m,host=a v=5 2", "m,host=a v=20 3").write("m,host=a v=0 4")
        run.close()
    assert api.changes == [] and not run.run.waiting and heard == []
    assert [(k, t, what["old"], what["new"]) for k, t, what in told(run)] == [
        ("scale", 2, 2, 5),
        ("scale", 3, 5, 9),
        ("scale", 4, 9, 2),
    ]
    what = told(run)[0][2]
    assert (what["cluster"], what["resource"], what["namespace"]) == ("", "a", namespace)
    assert what["resource-kind"] == kind
    points = [p for p in run.last(node.split("(")[0].replace("Auto", "_auto")) if isinstance(p, Point)]
    assert next((p.time, p.fields) for p in points) == (2, {"old": 2, "new": 5})


def test_an_alert_says_nothing_in_the_log(heard: list[str]) -> None:
    log.listen(heard.append, "DEBUG")
    dry(f"{FROM}|alert().crit(lambda: TRUE).topic('t')").write("m,host=a v=1i 1")
    assert heard == []
