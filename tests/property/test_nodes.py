"""Every node: how the input was cut into frames, and a restart from saved state between any two, must not show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.config import InfluxDB
from services.columns.groups import portable_names as names
from services.connectors.influxdb import InfluxDBClient
from services.nodes import classes
from services.runtime.environment import TaskEnvironment
from services.store import state_chunks
from tests.support.examples import examples
from tests.support.graph import NOW, ScriptRun, plain_effects
from tests.support.lines import cut_points


@pytest.fixture(autouse=True, scope="module")
def everything_stands_apart() -> Iterator[None]:
    """States so small that they would be kept in one piece are cut to many."""
    patch = pytest.MonkeyPatch()
    patch.setattr(state_chunks, "_LEAST", 1)
    patch.setattr(state_chunks, "_LEAST_OBJECTS", 0)
    patch.setattr(state_chunks, "_OBJECTS_IN_CHUNK", 2)
    patch.setattr(state_chunks, "CHUNK_BYTES", 16)
    patch.setattr(state_chunks, "_BODY", 16)
    patch.setattr(names, "_RUN", 2)
    yield
    patch.undo()


FROM = "stream|from().measurement('m').groupBy('h')"
WINDOW = f"{FROM}|window().period(4s).every(2s)"


def on_both(node: str) -> list[str]:
    """A node on a stream and on batches."""
    return [f"{FROM}|{node}", f"{WINDOW}|{node}"]


def beside(node: str) -> list[str]:
    """A node that ends its chain, on a stream and on batches."""
    return [f"var d = {parent}\nd|{node}\nd" for parent in (FROM, WINDOW)]


SIDELOAD = Path(__file__).parents[1] / "support" / "sideload"
NOTHING_TO_RUN = {"stream", "batch", "query", "queryFlux", "noOp"}
"""Sources that no points come to, and what no script can write."""

SCRIPTS: dict[str, list[str]] = {
    "from": [
        "stream|from().groupBy('h')",
        "stream|from().measurement('m').groupByMeasurement().round(2s)",
        """stream|from().measurement('m').where(lambda: "v" > 0.0).groupBy(*).truncate(3s)""",
    ],
    "where": [
        f"""{FROM}|where(lambda: "v" > 0.5)""",
        f"""{FROM}|where(lambda: count() % 3 != 0 AND isPresent("v"))""",
        f"""{WINDOW}|where(lambda: sigma("v") < 2.0)""",
    ],
    "eval": [
        f"""{FROM}|eval(lambda: "v" * 2.0, lambda: "d" + 1.0).as('d', 'e').keep('v', 'e')""",
        f"""{FROM}|eval(lambda: string("v"), lambda: count()).as('t', 'n').tags('t').keep()""",
        """stream|from().groupBy(*)|eval(lambda: string("v")).as('t').tags('t').quiet()
            |window().period(2s).every(2s)""",
        f"""{WINDOW}|eval(lambda: "v" + 1.0, lambda: spread("v")).as('w', 's').keep()""",
    ],
    "groupBy": [
        f"{FROM}|groupBy('k')",
        f"{FROM}|groupBy(*).exclude('h').byMeasurement()",
        f"{WINDOW}|groupBy('k')",
    ],
    "window": [
        f"{FROM}|window().period(3s).every(2s)",
        f"{FROM}|window().period(2s).every(3s).align()",
        f"{FROM}|window().period(4s).every(2s).align().fillPeriod()",
        f"{FROM}|window().period(3s).every(0s)",
        f"{FROM}|window().periodCount(3).everyCount(2)",
        f"{FROM}|window().periodCount(2).everyCount(3).fillPeriod()",
    ],
    "stateDuration": [
        f"""{FROM}|stateDuration(lambda: "v" > 0.5).as('d').unit(1ms)""",
        f"""{WINDOW}|stateDuration(lambda: "v" > 0.5)""",
    ],
    "stateCount": [
        f"""{FROM}|stateCount(lambda: "v" > 0.5).as('d')""",
        f"""{WINDOW}|stateCount(lambda: "v" > 0.5 OR count() > 2)""",
    ],
    "derivative": [
        f"{FROM}|derivative('v').unit(1ms).as('d')",
        f"{FROM}|derivative('v').nonNegative()",
        f"{WINDOW}|derivative('v')",
    ],
    "alert": [
        f"""{FROM}|alert().crit(lambda: "v" > 2.0).warn(lambda: "v" > 0.5).warnReset(lambda: "v" < 0.0)
            .stateChangesOnly().topic('t').levelTag('level').durationField('d')""",
        f"""{FROM}|alert().info(lambda: count() % 4 > 1).stateChangesOnly(3s).topic('t').idField('id')
            .id('{{{{ index .Tags "h" }}}}')
            .message('{{{{ .Level }}}} {{{{ .Time }}}}').details('{{{{ .Fields }}}}')""",
        f"""{FROM}|alert().crit(lambda: "v" > 0.5).flapping(0.2, 0.5).history(4).topic('t').noRecoveries()""",
        f"""{WINDOW}|alert().crit(lambda: "v" > 0.5).topic('t').levelField('l').messageField('m')""",
        f"""{WINDOW}|alert().warn(lambda: "v" > 0.5).topic('t').all().stateChangesOnly()""",
        f"""{FROM}|alert().crit(lambda: "v" > 0.5).inhibit('c', 'h').inhibit('d').category('c').topic('t')""",
        f"""{FROM}|alert().crit(lambda: "v" > 0.5).flapping(0.2, 0.5).history(4).inhibit('c', 'k').noRecoveries()""",
        f"""{WINDOW}|alert().warn(lambda: "v" > 0.5).inhibit('c', 'h', 'k').stateChangesOnly(3s).noRecoveries()""",
    ],
    "httpOut": [f"{FROM}|httpOut('x')", f"{WINDOW}|httpOut('x')"],
    "join": [
        """var a = stream|from().measurement('m').groupBy('h')
        stream|from().measurement('n').groupBy('h')|join(a).as('n', 'm')""",
        """var a = stream|from().where(lambda: "k" == 'x').groupBy('h')
        var b = stream|from().where(lambda: "k" == 'y').groupBy('h')
        stream|from().where(lambda: "k" != 'x').groupBy('h')|join(a, b).as('c', 'a', 'b').fill(1.5).tolerance(2s)
            .delimiter('_').streamName('j')""",
        """var a = stream|from().where(lambda: "k" == 'x').groupBy('h')
        stream|from().where(lambda: "k" == 'y').groupBy('h')|join(a).as('y', 'x').fill('null')""",
        """var a = stream|from().where(lambda: "k" == 'x').groupBy('h')|window().period(3s).every(2s)
        stream|from().groupBy('h')|window().periodCount(2).everyCount(1)|join(a).as('y', 'x').fill(0).tolerance(1s)""",
        """var a = stream|from().where(lambda: "k" == 'x').groupBy('h')|window().period(3s).every(2s).align()
        stream|from().groupBy('h')|window().period(4s).every(2s).align()|join(a).as('y', 'x')""",
        """var a = stream|from().where(lambda: "k" != '').groupBy('h', 'k')
        stream|from().where(lambda: "k" == '').groupBy('h')|join(a).as('y', 'x').on('h').fill('null')""",
        """var a = stream|from().where(lambda: "k" != '').groupBy('h', 'k')
        var b = stream|from().measurement('n').groupBy('h')
        a|join(stream|from().where(lambda: "k" == '').groupBy('h'), b).as('y', 'x', 'z').on('h').tolerance(2s)""",
    ],
    "flatten": [
        f"{FROM}|flatten().on('k')",
        f"{FROM}|flatten().on('k', 'h').delimiter('_').tolerance(2s).dropOriginalFieldName()",
        "stream|from().groupBy('h')|window().period(4s).every(2s)|flatten().on('k').tolerance(2s)",
    ],
    "combine": [
        """stream|from().groupBy('h')|combine(lambda: "k" == 'x', lambda: count() > 2).as('x', 'y').tolerance(2s)""",
        """stream|from()|combine(lambda: TRUE, lambda: "v" > 0.0, lambda: TRUE).as('a', 'b', 'c').tolerance(3s)""",
        """stream|from().groupBy('h')|window().period(4s).every(2s)
        |combine(lambda: "k" == 'x', lambda: TRUE).as('x', 'y').tolerance(2s).delimiter('_')""",
    ],
    "stats": [f'{FROM}|where(lambda: "v" > 0.0)|stats(10s)', f"{WINDOW}|stats(10s).align()|derivative('emitted')"],
    "deadman": [f"""{FROM}|deadman(1.0, 10s, lambda: "h" == 'a').topic('t').stateChangesOnly()"""],
    "barrier": [
        "stream|from().groupBy('h')|barrier().idle(10s)|window().period(3s).every(2s)",
        """var a = stream|from().measurement('n').groupBy('h')|barrier().idle(5s).delete(TRUE)
        var b = stream|from().measurement('m').groupBy('h')|barrier().idle(7s).delete(TRUE)
        b|join(a).as('m', 'n').fill('null')""",
        """var a = stream|from().measurement('n').groupBy('h')|barrier().idle(5s).delete(TRUE)
        stream|from().measurement('m').groupBy('h')|barrier().idle(7s).delete(TRUE)|union(a)""",
        f"{WINDOW}|barrier().period(10s).delete(TRUE)",
        """var a = stream|from().where(lambda: "k" != '').groupBy('h', 'k')|barrier().idle(5s)
        stream|from().where(lambda: "k" == '').groupBy('h')|barrier().idle(7s)
            |join(a).as('y', 'x').on('h').fill('null')""",
        """var d = stream|from().measurement('m').groupBy('h')|barrier().idle(5s)
        d|where(lambda: "v" > 1.0)|join(d|where(lambda: "v" < 1.0)).as('a', 'b').fill(0).nameFromFirst()""",
        """var d = stream|from().measurement('m').groupBy('h')|barrier().idle(5s)
        d|where(lambda: FALSE)|union(d|where(lambda: "v" < 1.0))""",
    ],
    "trickle": [f"{WINDOW}|trickle()"],
    "sideload": [
        f"""stream|from().groupBy('h')|sideload().source('file://{SIDELOAD}').order('host/{{{{.h}}}}.yml', 'all.json')
            .field('limit', 0).field('w', 0.5).field('odd', 1).tag('owner', 'nobody').tag('h', 'none')""",
        f"{WINDOW}|sideload().source('file://{SIDELOAD}').order('host/{{{{.h}}}}.yml').field('rate', 2).tag('h', 'x')",
    ],
    "union": [
        "var a = stream|from().measurement('m').groupBy('h')\nstream|from().measurement('n').groupBy('h')|union(a)",
        """var a = stream|from().where(lambda: "k" == 'x').groupBy('h')
        var b = stream|from().where(lambda: "k" == 'y').groupBy('h', 'k')
        stream|from().measurement('n').groupByMeasurement()|union(a, b, b).rename('u')""",
        """var w = stream|from().where(lambda: "k" == 'x').groupBy('h')|window().period(3s).every(2s)
        stream|from()|window().periodCount(2).everyCount(1)|union(w).rename('u')""",
    ],
    "sample": on_both("sample(3)") + on_both("sample(2s)"),
    "shift": on_both("shift(-5m)"),
    "default": on_both("default().field('v', 2.0).tag('k', 'none')") + on_both("default().tag('h', 'a').field('z', 1)"),
    "delete": on_both("delete().tag('h').field('w')") + on_both("delete().field('v').tag('k').tag('x')"),
    "changeDetect": on_both("changeDetect('v')")
    + on_both("changeDetect('w', 'v')")
    + on_both("changeDetect('w', 'i')"),
    "log": on_both("log().level('ERROR')"),
    "httpPost": on_both("httpPost('http://127.0.0.1/{{ .Name }}').codeField('code')") + on_both("httpPost('http://a')"),
    "kapacitorLoopback": beside("kapacitorLoopback().database('d').retentionPolicy('r').measurement('x').tag('k', 'z')")
    + beside("delete().field('v').field('i')|kapacitorLoopback().database('d').retentionPolicy('r')"),
    "influxDBOut": beside("influxDBOut().buffer(2).database('d').measurement('x').tag('k', 'z')")
    + beside("influxDBOut().precision('s')"),
    "count": on_both("count('v')"),
    "sum": on_both("sum('v')"),
    "mean": on_both("mean('v').as('m')"),
    "median": on_both("median('v').usePointTimes()"),
    "mode": on_both("mode('v')"),
    "spread": on_both("spread('v')"),
    "stddev": on_both("stddev('v')"),
    "min": on_both("min('v').usePointTimes()"),
    "max": on_both("max('v').as('w')"),
    "first": on_both("first('v')"),
    "last": on_both("last('v').usePointTimes()"),
    "percentile": on_both("percentile('v', 60.0).usePointTimes()"),
    "distinct": on_both("distinct('v').usePointTimes()"),
    "difference": on_both("difference('v')"),
    "elapsed": on_both("elapsed('v', 300ms)"),
    "cumulativeSum": on_both("cumulativeSum('v').as('total')"),
    "movingAverage": on_both("movingAverage('v', 3)") + on_both("movingAverage('v', 1)"),
    "holtWinters": on_both("holtWinters('v', 2, 2, 1s)"),
    "holtWintersWithFit": on_both("holtWintersWithFit('v', 2, 0, 1s)"),
    "top": on_both("top(2, 'v', 'k')"),
    "bottom": on_both("bottom(2, 'v').usePointTimes()"),
}


JOINED = """var l = stream|from().where(lambda: "k" == 'x').groupBy('h')
var d = l|join(stream|from().where(lambda: "k" == 'y').groupBy('h')).as('x', 'y').fill('null')"""
BEHIND_NULLS = [
    """eval(lambda: "y.v" + 1.0, lambda: "x.v" + "y.v").as('y.v', 's').keep()""",
    """eval(lambda: "x.i", lambda: isPresent("y.v")).as('y.v', 'p').keep('y.v', 'p', 'y.w')""",
    """where(lambda: "x.v" > 0.0 OR "y.v" > 0.0)""",
    """default().field('y.v', 2.0).field('x.i', 'none')""",
    "changeDetect('y.v')",
    "changeDetect('x.v', 'y.v', 'y.i')",
    "derivative('y.v').nonNegative()",
    """stateCount(lambda: "y.v" > 0.0)""",
    """stateDuration(lambda: "y.v" > 0.0)""",
    "sample(2)",
    "shift(1s)",
    "delete().field('y.v')",
    "groupBy()|flatten().on('h')",
    """groupBy()|combine(lambda: "h" == 'a', lambda: "y.v" > 0.0).as('p', 'q').tolerance(2s)""",
    "groupBy('h')|log()",
    """alert().crit(lambda: "y.v" > 1.0).warn(lambda: "x.v" > 0.0).topic('t').message('{{ .Fields }}')""",
    f"sideload().source('file://{SIDELOAD}').order('host/{{{{.h}}}}.yml').field('y.v', 2.0)",
    "kapacitorLoopback().database('d').retentionPolicy('r')\nd",
    "influxDBOut().database('d')\nd",
    "httpPost('http://a')",
    *(f"{f}('y.v')" for f in ("count", "sum", "mean", "median", "mode", "spread", "stddev", "min", "max", "first")),
    *(f"{f}('y.v')" for f in ("last", "distinct", "difference", "cumulativeSum")),
    "percentile('y.v', 50.0)",
    "movingAverage('y.v', 2)",
    "elapsed('y.v', 1s)",
    "top(2, 'x.v', 'y.v')",
    "bottom(2, 'y.v')",
    "holtWinters('y.v', 1, 0, 1s)",
]


DRY = [
    *SCRIPTS["log"],
    *SCRIPTS["httpPost"],
    *SCRIPTS["influxDBOut"],
    *on_both("""k8sAutoscale().resourceName('r').replicas(lambda: int("v")).max(4).decreaseCooldown(2s)"""),
    *on_both("""swarmAutoscale().serviceNameTag('h').replicas(lambda: int("v") + count()).min(2)"""),
]
"""What does something outside by itself."""


@dataclass
class Result:
    """All that a run can be known by."""

    out: dict[str, Any]
    effects: dict[str, list[Any]]
    counts: dict[str, dict[str, int]]
    endpoints: dict[str, Any]
    posts: dict[str, Any]

    def __init__(self, run: ScriptRun) -> None:
        self.out, self.effects, self.counts = run.out, plain_effects(run.effects), run.counts()
        self.endpoints = {name: run.endpoint(name) for name in run.run.endpoints()}
        self.posts = {name: s["waiting"] for name, node in run.nodes.items() if "waiting" in (s := node.state())}

    def differs(self, other: Result) -> str:
        """The first difference, as text; empty where there is none. By repr, so that 1 is not 1.0 and NaN is NaN."""
        for part in ("out", "effects", "counts", "endpoints", "posts"):
            mine, its = getattr(self, part), getattr(other, part)
            if repr(mine) != repr(its):
                for key in mine:
                    if repr(mine[key]) != repr(its.get(key)):
                        return f"{part} of {key}:\n one by one: {mine[key]}\n otherwise:  {its.get(key)}"
                return f"{part}: {mine} / {its}"
        return ""


HELD_ELSEWHERE = {"udf", "k8sAutoscale", "swarmAutoscale", "ec2Autoscale", "batch", "query", "queryFlux"}
"""What answers in its own time: test_udf.py, test_autoscale.py, test_query.py and test_query_flux.py of the
unit tests hold it to it."""


def test_every_node_is_held_to_it() -> None:
    missing = set(classes()) - set(SCRIPTS) - NOTHING_TO_RUN - HELD_ELSEWHERE
    assert not missing, f"give SCRIPTS one for each of {missing}"
    assert set(SCRIPTS) | HELD_ELSEWHERE <= set(classes())


@pytest.mark.parametrize(
    "script", [pytest.param(s, id=f"{node}-{i}") for node in SCRIPTS for i, s in enumerate(SCRIPTS[node])]
)
@examples(12)
@given(cut_points())
def test_cuts_and_restarts_do_not_show(script: str, cut: tuple[list[str], list[int], set[int]]) -> None:
    lines, cuts, restarts = cut
    hold_to_it(script, lines, cuts, restarts, set(), 0)


@pytest.mark.parametrize(
    "script", [pytest.param(s, id=f"{node}-{i}") for node in SCRIPTS for i, s in enumerate(SCRIPTS[node])]
)
@examples(12)
@given(cut_points(), st.data())
def test_nor_do_they_where_barriers_come_and_groups_end_and_begin_anew(
    script: str, cut: tuple[list[str], list[int], set[int]], data: st.DataObject
) -> None:
    lines, cuts, restarts = cut
    pauses = data.draw(st.sets(st.integers(0, len(cuts) - 1), max_size=3))
    age, delete = data.draw(st.sampled_from([(0, ""), (0, ".delete(TRUE)"), (3 * 10**9, "")]))
    if not age:
        script = script.replace(".groupBy('h')", f".groupBy('h')|barrier().idle(3s){delete}")
    hold_to_it(script, lines, cuts, restarts, pauses, age)


@pytest.mark.parametrize("node", BEHIND_NULLS)
@pytest.mark.parametrize("window", ["", "|window().period(4s).every(2s)"])
@examples(12)
@given(cut_points())
def test_nor_do_they_behind_a_join_that_fills_with_nulls(
    window: str, node: str, cut: tuple[list[str], list[int], set[int]]
) -> None:
    lines, cuts, restarts = cut
    # all fields are wanted: what is left of others depends on when a join lets them go
    hold_to_it(f"{JOINED}{window}|httpOut('all')\nd|{node}", lines, cuts, restarts, set(), 0)


@pytest.mark.parametrize("script", DRY)
@examples(12)
@given(cut_points())
def test_nor_do_they_where_nothing_is_done_outside(script: str, cut: tuple[list[str], list[int], set[int]]) -> None:
    lines, cuts, restarts = cut
    hold_to_it(script, lines, cuts, restarts, set(), 0, dry=True)


def hold_to_it(
    script: str,
    lines: list[str],
    cuts: list[int],
    restarts: set[int],
    pauses: set[int],
    idle_age: int,
    *,
    dry: bool = False,
) -> None:
    """Play it line by line and cut into frames, with restarts before some and silences of 4 s behind some."""
    script = f"{script}|httpOut('end')"
    environment = TaskEnvironment(influxdb={"": InfluxDBClient(InfluxDB())}, group_idle_age=idle_age, dry=dry)
    one_by_one, otherwise = (ScriptRun(script, environment=environment) for _ in range(2))
    begin = 0
    for i, end in enumerate(cuts):
        for line in lines[begin:end]:
            one_by_one.write(line)
        if i in restarts:
            otherwise.restart()
        otherwise.write(*lines[begin:end])
        begin = end
        if i in pauses:
            for run in (one_by_one, otherwise):
                run.clock += 4 * 10**9
                run.tick(run.clock)
    for run in (one_by_one, otherwise):
        run.tick(NOW + 25 * 10**9)
        run.finish()
    assert not (difference := Result(one_by_one).differs(Result(otherwise))), difference
