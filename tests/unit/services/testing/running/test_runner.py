"""Tests of rules run: what comes in at its time, and all that can be expected of it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from services.testing.running.result import ERROR, FAILED, PASSED
from tests.support.rule_tests import results_of, told

ALERT = """\
dbrps: db.rp
script: |
  stream|from().measurement('cpu').groupBy('host')
      |alert().crit(lambda: "idle" < 10.0).stateChangesOnly().id('{{ index .Tags "host" }}').topic('t')
"""
PASSING = {
    "deadman, by simulated time": """
script: |
  stream|from().measurement('cpu').groupBy('host')
      |deadman(0.0, 1m).id('{{ index .Tags "host" }}').stateChangesOnly()
input:
  - {lines: "cpu,host=a x=1", every: 10s, until: 5m}
  - expect: nothing
  - at: 10m
    expect: {alerts: [{id: a, level: CRITICAL, previous: OK, time: 7m}]}
  - lines: cpu,host=a x=1
  - {at: +1m, expect: {alerts: [{level: OK, previous: CRITICAL, duration: 4m}]}}
expect: {counts: {crit: 1, ok: 1}}
""",
    "a barrier that waits for silence": """
script: |
  stream|from().measurement('cpu').groupBy('host')|barrier().idle(5s)|window().period(10s).every(10s)|sum('x')
input:
  - lines: ["cpu,host=a x=1", "cpu,host=a x=2 3s"]
  - at: 14s
expect:
  nodes:
    sum4: [{point: cpu, time: 10s, tags: {host: a}, fields: {sum: 3}}]
    barrier2: {some: [{barrier: "", time: 8s}]}
""",
    "posts, InfluxDB, loopbacks, endpoints, the log": """
script: |
  var s = stream|from().measurement('cpu').groupBy('host')
  s|httpPost('http://x/y').header('a', 'b')
  s|influxDBOut().database('d').retentionPolicy('r').measurement('m2').tag('more', '1')
  s|kapacitorLoopback().database('d').retentionPolicy('r').measurement('m3')
  s|httpOut('top')
  s|log().level('DEBUG').prefix('p')
  s|alert().info(lambda: TRUE).topic('x').details('d').post('http://y/z')
input: cpu,host=a x=1i 10s
expect:
  posts: [{url: "http://x/y", headers: {a: b}, body: {series: [{columns: [time, x], values: [["10s", 1]]}]}}]
  influxdb: {exactly: [{node: influxdb_out3, db: d, rp: r, name: m2, tags: {host: a, more: "1"}, fields: {x: 1},
                        time: 10s}]}
  loopbacks: [{db: d, rp: r, name: m3, fields: {x: 1}}]
  httpOut: {top: {series: [{name: cpu, tags: {host: a}}]}}
  log: [{level: DEBUG, prefix: p, point: cpu, fields: {x: 1}}]
  alerts: [{level: INFO, topic: x, fields: {x: 1}, details: d, name: cpu, node: alert7}]
""",
    "a query answered from lines": """
script: |
  batch|query('SELECT mean(x) FROM db.rp.cpu').period(1m).every(1m).groupBy('host')
      |alert().crit(lambda: "mean" > 1.5).id('{{ index .Tags "host" }}').stateChangesOnly()
input:
  - lines: ["cpu,host=a x=1 10s", "cpu,host=a x=3 70s", "cpu,host=b x=3 70s"]
  - {at: 1m, expect: nothing}
  - {at: 2m}
expect:
  alerts: {any-order: [{id: b}, {id: a, time: 1m, points: [{time: 1m, mean: 3}]}]}
""",
    "a query by cron, answered as the test says": """
start: 2024-05-05T00:00:00Z
script: |
  var a = batch|query('SELECT mean(x) FROM db.rp.cpu').period(1m).cron('0 6 * * *').align().groupBy('host')
  var b = batch|query('SELECT x FROM db.rp.mem').period(1d).every(12h)
  a|alert().crit(lambda: "mean" > 1.5).stateChangesOnly()
  b|httpOut('b')
input:
  - answers:
      query1: [{name: cpu, tags: {host: a}, points: [{mean: 3}, {mean: 1, time: +5s}]}]
      query2: mem,t=u x=1,y="z"
  - {at: 2024-05-05T05:59:00Z, expect: nothing}
  - {at: 7h, expect: {alerts: [{level: CRITICAL, tags: {host: a}}]}}
  - at: 12h
expect: {httpOut: {b: {series: [{name: mem, tags: {t: u}}]}}}
""",
    "what a script does not do well": """
script: |
  stream|from().measurement('cpu')|eval(lambda: unixNano(now())).as('n').keep()|where(lambda: "y" > 1)
start: 2024-01-01T00:00:00Z
input: [{at: 5s, lines: cpu x=1}]
expect: {errors: {where3: 1}, nodes: {eval2: [{fields: {n: 1704067205000000000}}]}}
""",
    "a script that cannot be": """
script: "stream|from().measurement('cpu')|foo()"
expect: {fails: /no method or property "foo"/}
""",
    "a task that ends": """
script: |
  stream|from()|alert().id('{{ index .Tags 3 }}').crit(lambda: TRUE).topic('a')
input: [{lines: q x=1}, {at: 1m}]
expect: {fails: "/alert2: template: id/", alerts: none}
""",
    "own statistics, and values from a file": """
script: |
  var t = stream|from().measurement('cpu').groupBy('host')
  t|sideload().source('file://@folder@').order('side.yaml').field('a', 0)
  t|stats(10s)|where(lambda: TRUE)
input: [{lines: "cpu,host=q x=1"}, {at: 25s}]
expect: {nodes: {sideload2: [{fields: {a: 7}}], where4: [{fields: {emitted: 1}, time: 10s}, {time: 20s}]}}
""",
    "vars with the types that the script declares": """
script: |
  var crit float
  var m string
  var every duration
  var only = lambda: TRUE
  var by = [*]
  stream|from().measurement(m).where(only).groupBy(by)|window().period(every).every(every)|max('x').as('x')
      |alert().crit(lambda: "x" > crit)
vars: {crit: 3, m: cpu, every: 10s, only: '"x" < 100.0', by: [host]}
input: "cpu,host=a,b=c x=4\\ncpu,host=a x=101\\ncpu,host=a x=1 10s"
expect: {alerts: [{level: CRITICAL, tags: {host: a}, fields: {x: 4}}]}
""",
    "files": """
script: |
  stream|from()|alert().crit(lambda: "x" > 1)
precision: s
input: [{file: [input.lp, stream.srpl]}, {lines: m x=5 1700000100, dbrp: other.rp}]
expect: {alerts: [{fields: {x: 2}, time: 0s}, {fields: {x: 3}, time: "2023-11-14T22:14:20Z"}]}
""",
}


def written(folder: Path, text: str) -> Path:
    path = folder / "a_test.yaml"
    path.write_text(text if "dbrps" in text else f"dbrps: db.rp\n{text}", "utf-8")
    return path


@pytest.mark.parametrize("name", PASSING)
def test_a_test_passes(name: str, tmp_path: Path) -> None:
    (tmp_path / "side.yaml").write_text("a: 7\n")
    (tmp_path / "input.lp").write_text("m x=2 1700000000\n")
    (tmp_path / "stream.srpl").write_bytes(gzip.compress(b"db\nrp\nm x=3 1700000060000000000\n"))
    file = written(tmp_path, PASSING[name].replace("@folder@", str(tmp_path)))
    assert [result.status for result in results_of(file)] == [PASSED], told(file)


def test_tests_know_nothing_of_each_other(tmp_path: Path) -> None:
    one = "  - {name: %s, input: 'cpu,host=a idle=5', expect: {alerts: [{id: a, previous: OK}]}}\n"
    results = results_of(written(tmp_path, f"{ALERT}tests:\n{one % 'first'}{one % 'second'}"))
    assert [result.status for result in results] == [PASSED, PASSED]


def test_a_step_is_about_what_came_since_the_one_before(tmp_path: Path) -> None:
    text = f"""{ALERT}
input:
  - lines: cpu,host=a idle=5
  - expect: {{counts: {{crit: 1}}}}
  - lines: cpu,host=b idle=5
  - expect: {{alerts: [{{id: b}}], counts: {{crit: 1}}}}
  - expect: nothing
expect: {{alerts: [{{id: a}}, {{id: b}}]}}
"""
    assert [result.status for result in results_of(written(tmp_path, text))] == [PASSED]


@pytest.mark.parametrize(
    ("rest", "line", "error"),
    [
        ("input: cpu x=1", 1, "nothing is expected: write `expect`"),
        ("input: cpu x\nexpect: nothing", 5, "'cpu x': invalid field format"),
        ("input: [{at: soon}]\nexpect: nothing", 5, "at: 'soon' is no time"),
        ("input: [{at: 5m}, {at: 1m}]\nexpect: nothing", 5, "the clock cannot go back"),
        ("input: [{lines: a b=1, every: 0s, until: 1m}]\nexpect: nothing", 5, "every: must be longer than nothing"),
        ("input: [{answers: m x=1}]\nexpect: nothing", 5, "answers are for batch tasks"),
        ("expect: {nodes: {mean7: none}}", 5, "the script has no node 'mean7': it has stream0, from1, alert2"),
        ("expect: {httpOut: {top: {}}}", 5, "the script has no endpoint 'top': it has none"),
        ("expect: {alerts: [{id: /(/}]}", 5, "is no regular expression"),
        ("start: today\nexpect: nothing", 5, "start: 'today' is no time in RFC 3339"),
        ("start: 9999-01-01T00:00:00Z\nexpect: nothing", 5, "is out of range: points are from 1677-09-21"),
        ("input: cpu x=1 9999-01-01T00:00:00Z\nexpect: nothing", 5, "is out of range"),
        ("input: [{at: 290y}]\nexpect: nothing", 5, "at: '290y' is no time"),
        ("input: [{lines: a b=1, every: 1us, until: 1m}]\nexpect: nothing", 5, "would come more than 1000000 times"),
        ("expect: {errors: {mean7: 0}}", 5, "the script has no node 'mean7': it has stream0, from1, alert2"),
        ("expect: {alerts: [{fields: {x: ~ 1.2.3}}]}", 5, "~ 1.2.3 is no number with a tolerance"),
        ("expect: {alerts: [{fields: {x: ~ 1 ± -1}}]}", 5, "is no number with a tolerance"),
        ("expect: {alerts: [{fields: {x: ~ 1e999999999}}]}", 5, "is no number with a tolerance"),
        ("vars: {x: 1}\nexpect: nothing", 5, "the script has no var 'x': it declares none"),
    ],
)
def test_what_cannot_be_run_is_told_with_its_place(tmp_path: Path, rest: str, line: int, error: str) -> None:
    (result,) = results_of(written(tmp_path, f"{ALERT}{rest}\n"))
    assert result.status == ERROR and result.problem is not None
    assert error in result.problem.text and result.problem.line == line


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("stream|from()@smooth()", "--config declares"),
        ("stream|from()|httpPost().endpoint('x')", "endpoint 'x' does not exist (endpoints are those that --config"),
        ("batch|query('SELECT x FROM other.rp.m').period(1m).every(1m)", "not allowed to request data"),
        (
            "batch|query('SELECT derivative(x) FROM db.rp.m').period(1m).every(1m)",
            "because of derivative(): give `answ",
        ),
        ("batch|queryFlux('from(bucket: \"b\")').every(1m)", "give `answers` for a query in Flux"),
    ],
)
def test_scripts_that_need_more(tmp_path: Path, script: str, error: str) -> None:
    text = f"dbrps: db.rp\nscript: |\n  {script}\ninput: [{{at: 2m}}]\nexpect: nothing\n"
    (result,) = results_of(written(tmp_path, text))
    assert result.problem is not None and error in result.problem.text


def test_a_script_without_databases(tmp_path: Path) -> None:
    path = tmp_path / "a_test.yaml"
    path.write_text("script: stream|from()\nexpect: nothing\n")
    (result,) = results_of(path)
    assert result.problem is not None and "no databases: give `dbrps`" in result.problem.text


def test_what_nodes_complain_of_is_noted(tmp_path: Path) -> None:
    (result,) = results_of(written(tmp_path, f"{ALERT}input: cpu x=1\nexpect: {{alerts: [{{id: a}}]}}\n"))
    assert result.status == FAILED
    (note,) = result.notes
    assert note.startswith("alert2: ") and "idle" in note


def test_what_was_covered(tmp_path: Path) -> None:
    (result,) = results_of(written(tmp_path, f"{ALERT}input: cpu,host=a idle=5\nexpect: {{counts: {{crit: 1}}}}\n"))
    covered = result.covered
    assert covered.nodes == ("from1", "alert2") and covered.spoke >= {"from1", "alert2"}
    assert covered.levels["alert2"].named == {0, 3} and covered.levels["alert2"].reached == {3}


def test_a_test_begins_with_the_first_time_of_what_was_recorded(tmp_path: Path) -> None:
    (tmp_path / "stream.srpl").write_bytes(gzip.compress(b"db\nrp\nm x=3 1700000000000000000\n"))
    text = """
script: stream|from()|deadman(0.0, 1s).id('d').stateChangesOnly()
input: [{file: stream.srpl}, {at: 10s}]
expect: {alerts: [{id: d, level: CRITICAL}]}
"""
    (result,) = results_of(written(tmp_path, text))
    assert (result.status, result.start) == (PASSED, 1_700_000_000 * 10**9)
