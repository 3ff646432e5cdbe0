"""By what a task can be split, and which node is in the way."""

from __future__ import annotations

import re

import pytest

from grammar.tickscript.parser import parse
from services.nodes import registry
from services.pipeline.compiler.compile import compile_script
from services.pipeline.splitting import Splitting, splitting

ALERT = """alert().crit(lambda: "v" > 1.0).topic('t')"""


def found(script: str) -> Splitting:
    return splitting(compile_script(parse(script), registry({}, {})).graph)


@pytest.mark.parametrize(
    ("script", "by"),
    [
        ("stream|from().groupBy('host')|window().period(1m).every(1m)|mean('v')", "'host'"),
        ("stream|from().groupBy('host', 'cpu')|mean('v')|groupBy('host')|sum('mean')", "'host'"),
        ("stream|from()|default().field('v', 1.0)|groupBy('cpu', 'host')|mean('v')", "'cpu', 'host'"),
        (f"stream|from().groupBy(*)|{ALERT}", "*"),
        ("stream|from()|groupBy(*).exclude('cpu')|mean('v')", "* without 'cpu'"),
        ("stream|from().groupBy(*)|mean('v')|groupBy('host')|sum('mean')", "'host'"),
        ("stream|from()|log()", "*"),
        (
            "var a = stream|from().measurement('m').groupBy('host')\n"
            "stream|from().measurement('n').groupBy('host')|join(a).as('n', 'm')|eval(lambda: \"n.v\").as('v')",
            "'host'",
        ),
        ("""stream|from().groupBy('host', 'cpu')|eval(lambda: 'x').as('cpu').tags('cpu')|mean('v')""", "'host'"),
        (f"stream|from().groupBy('host', 'cpu')|{ALERT}.id('{{{{ index .Tags \"host\" }}}} is busy')", "'host'"),
        (f"stream|from().groupBy('host')|{ALERT}.id('{{{{ .Tags.host }}}}')", "'host'"),
        ("stream|from().groupBy('host')|barrier().idle(10s).delete(TRUE)|httpOut('x')", "'host'"),
        ("stream|from().groupBy('host')|influxDBOut().database('d')", "'host'"),
    ],
)
def test_a_task_can_be_split_by_the_tags_that_all_its_nodes_group_by(script: str, by: str) -> None:
    assert str(found(script).by) == by
    assert not found(script).node


@pytest.mark.parametrize(
    ("script", "node", "reason"),
    [
        ("stream|from()|mean('v')", "mean2", "in no groups"),
        ("stream|from().groupBy('host')|mean('v')|groupBy('dc')|mean('mean')", "mean4", "by 'dc'.*by 'host'"),
        ("stream|from().groupBy('host')|deadman(1.0, 10s)", "stats2", "any group at all"),
        ("var a = stream|from().groupBy('h')\nstream|from().groupBy('h')|union(a)", "union4", "of all groups"),
        ("stream|from().where(lambda: count() > 1).groupBy('host')|mean('v')", "from1", "of all points"),
        ("stream|from().groupBy('h')|window().period(1s).every(1s)|groupBy('h')", "groupby3", "lets those go"),
        ("stream|from().groupBy('h')|delete().tag('h')|mean('v')", "mean3", "changed on the way"),
        ("stream|from().groupBy('h')|alert().crit(lambda: count() > 1).topic('t')", "alert2", "remember"),
        (f"stream|from().groupBy('h')|{ALERT}.category('c')", "alert2", "inhibits"),
        (f"stream|from().groupBy('h')|{ALERT}.id('one for all')", "alert2", "does not keep the groups by 'h' apart"),
        (f"stream|from().groupBy('h')|{ALERT}.id('{{{{ if .Tags.h }}}}{{{{ .Tags.h }}}}{{{{ end }}}}')", "alert2", ""),
        (
            "stream|from().groupBy('h')|kapacitorLoopback().database('d').retentionPolicy('r')",
            "kapacitor_loopback2",
            "",
        ),
        (
            "var a = stream|from().groupBy('h', 'k')\nstream|from().groupBy('h')|join(a).as('a', 'b').on('h')",
            "join4",
            "all parents",
        ),
        ("batch|query('SELECT v FROM d.r.m').period(1m).every(1m).groupBy('h')", "batch0", "batch task"),
    ],
)
def test_the_node_that_is_in_the_way_is_named(script: str, node: str, reason: str) -> None:
    one = found(script)
    assert not one.by
    assert one.node == node
    assert re.search(reason, one.reason), one.reason
