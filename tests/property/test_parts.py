"""A task in parts gives what it gives in one place: points, alerts with their identities, counts, and what is shown."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar.tickscript.parser import parse
from schemas.config import InfluxDB
from services.connectors.influxdb import InfluxDBClient
from services.nodes import classes, registry
from services.pipeline.compiler.compile import compile_script
from services.pipeline.graph import Graph
from services.pipeline.splitting import splitting
from services.pipeline.tag_set import NO_TAGS, TagSet
from services.runtime.environment import TaskEnvironment
from services.runtime.input.share import Share
from services.runtime.keyed.snapshot_sharing import join_snapshots, split_snapshot
from tests.property.test_nodes import SCRIPTS, cut_points
from tests.support.graph import NOW, Barrier, ScriptRun, plain_effects

WHOLE = ("stats", "deadman", "union")
"""Nodes of which no script can be split."""

ALERTS = """
stream|from().groupBy('h', 'k')|eval(lambda: "v" * 2.0).as('v')|alert().warn(lambda: "v" > 0.5).crit(lambda: "v" > 2.0)
    .id('{{ index .Tags "h" }}').topic('t').stateChangesOnly()
"""
IDLE = """
stream|from()|default().field('v', 1.0)|groupBy('h')|barrier().idle(3s).delete(TRUE)|window().period(3s).every(2s)
    |mean('v')|groupBy('k')|log()
"""


def graph_of(script: str) -> Graph:
    return compile_script(parse(script), registry({}, {})).graph


def by_of(script: str) -> TagSet:
    return splitting(graph_of(script)).by


def common(script: str) -> TagSet:
    """The tags that tell of every group behind any node which part has it; none where a node changes them."""
    by = by_of(script)
    return NO_TAGS if any(by & TagSet.of(node.properties.alters()) for node in graph_of(script).nodes) else by


CASES = [
    pytest.param(script, id=f"{node}-{i}")
    for node, scripts in {**SCRIPTS, "alerts": [ALERTS], "idle": [IDLE]}.items()
    for i, script in enumerate(scripts)
    if by_of(script)
]


def begun(script: str, age: int, share: Share | None) -> ScriptRun:
    environment = TaskEnvironment(influxdb={"": InfluxDBClient(InfluxDB())}, group_idle_age=age)
    return ScriptRun(script, environment=environment, share=share)


def parts(script: str, age: int, of: int) -> list[ScriptRun]:
    return [begun(script, age, Share(by_of(script), number, of)) for number in range(of)]


def play(runs: list[ScriptRun], lines: list[str], at: int) -> None:
    """Have each run see the lines, the first of them at this place in the log, and its clock go along."""
    for run in runs:
        run._seq = at
        for i, line in enumerate(lines):
            now = NOW + 10**9 * (at + i)
            run.tick(now)
            run.write(line, stored=[now])


def again(runs: list[ScriptRun], script: str, age: int, of: int) -> list[ScriptRun]:
    """The task in other parts, which go on from what these have come to."""
    joined = join_snapshots([run.run.state() for run in runs], runs[0].run.graph, classes())
    share = Share(by_of(script), 0, of)
    states = split_snapshot(joined, runs[0].run.graph, classes(), of, share.of_group)
    return [run.resume_from(state) for run, state in zip(parts(script, age, of), states, strict=True)]


def given_by(runs: list[ScriptRun], by: TagSet) -> dict[Any, list[str]]:
    """By node and group all that came of it: in order, where the group is of one part alone.

    A group that several parts have ends in each of them, and not at one time.
    """
    found: dict[Any, list[str]] = defaultdict(list)
    for run in runs:
        for node, messages in run.out.items():
            for one in messages:
                if not isinstance(one, Barrier) or _is_of_one(one.group, by):
                    found[node, one.group].append(repr(one))
        for name, effects in plain_effects(run.effects).items():
            found[name, "effects"] += [_told(effect) for effect in effects]
    return {key: all if _is_of_one(key[1], by) else sorted(all) for key, all in found.items() if all}


def _is_of_one(group: str, by: TagSet) -> bool:
    tags = {pair.partition("=")[0] for pair in group.split("\n")[-1].split(",")}
    return bool(by) and not by.star and by.names <= tags


def _told(effect: Any) -> str:
    """Where a tick has caused it, the how-manieth of that it is depends on the other groups."""
    if isinstance(effect, dict) and effect["identity"][0] < 0:
        effect = {**effect, "identity": effect["identity"][:2]}
    return repr(effect)


def counts(runs: list[ScriptRun]) -> dict[str, Counter[str]]:
    """By node the sums of what it counts."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for run in runs:
        for node, numbers in run.counts().items():
            found[node].update(numbers)
    return found


@pytest.mark.parametrize("script", CASES)
@settings(max_examples=4)
@given(cut_points(), st.sampled_from([0, 3 * 10**9]), st.sampled_from([1, 2, 7]), st.sampled_from([1, 2, 7]))
def test_parts_give_together_what_the_whole_gives(
    script: str, cut: tuple[list[str], list[int], set[int]], age: int, first: int, then: int
) -> None:
    lines, cuts, _ = cut
    half = cuts[len(cuts) // 2]
    whole = begun(script, age, None)
    play([whole], lines, 0)
    before = parts(script, age, first)
    play(before, lines[:half], 0)
    after = again(before, script, age, then)
    play(after, lines[half:], half)
    for run in (whole, *after):
        run.finish(NOW + 10**9 * len(lines))
    by = common(script)
    assert given_by([*before, *after], by) == given_by([whole], by)
    assert counts(after) == counts([whole])


@pytest.mark.parametrize("node", WHOLE)
def test_nodes_that_need_all_groups_keep_a_task_whole(node: str) -> None:
    assert not any(by_of(script) for script in SCRIPTS[node])
