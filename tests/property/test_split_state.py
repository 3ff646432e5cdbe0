"""A task's snapshot apart by group: runs that each go on with some groups give together what one would have given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.config import InfluxDB
from services.columns.groups.keyed_state import NotByGroup
from services.columns.groups.portable_names import GroupNames
from services.columns.groups.series import Group, SeriesTable
from services.columns.keyed_buffer import points_from_state
from services.connectors.influxdb import InfluxDBClient
from services.nodes import classes
from services.runtime.environment import TaskEnvironment
from services.runtime.keyed.snapshot_sharing import join_snapshots, split_snapshot
from tests.property.test_nodes import SCRIPTS, cut_points
from tests.support.graph import NOW, ScriptRun, plain_effects

NOT_BY_GROUP = {
    "wait for those of all groups": ("union(",),
    "whether it has any group at all": ("stats(", "deadman("),
    "remember": ("count()",),
    "join.on()": (".on(",),
    "groupBy holds": ("|groupBy(",),
    "answers to their posts": ("codeField(",),
}
"""What nodes say whose state is of all groups, and what stands in the scripts that may hear it."""

REGROUPED = {"groupBy-0", "groupBy-1", "groupBy-2", "combine-1", "from-1"} | {
    f"{node}-{i}" for node, numbers in {"sideload": "01", "default": "23", "delete": "01"}.items() for i in numbers
}
"""Scripts in which points of different h meet: no share of h has whole groups."""

HOSTS = ("a", "b", "")


def share_of(group: Group) -> int:
    """Each host is a share of its own."""
    return HOSTS.index(dict(group.tags).get("h", ""))


def begun(script: str, age: int) -> ScriptRun:
    environment = TaskEnvironment(influxdb={"": InfluxDBClient(InfluxDB())}, group_idle_age=age)
    return ScriptRun(f"{script}|httpOut('end')", environment=environment)


def host(line: str) -> str:
    """The tag h of a line."""
    tags = dict(tag.split("=") for tag in line.split(" ")[0].split(",")[1:])
    return tags.get("h", "")


def play(run: ScriptRun, lines: list[str], wanted: Callable[[str], bool], seq: int) -> ScriptRun:
    """Have the rest of the lines come, each at its own place in the log, but only those that are wanted."""
    for i, line in enumerate(lines):
        run._seq = seq + i
        if wanted(line):
            run.write(line, stored=[NOW + 10**9 * (seq + i)])
    run.tick(NOW + 60 * 10**9)
    return run.finish(NOW + 60 * 10**9)


def told(effect: Any) -> str:
    """An event or inhibition. Where a tick has caused it, the how-manieth of that it is depends on the other groups."""
    place: Any = "identity" if isinstance(effect, dict) else 4
    plain = dict(effect) if isinstance(effect, dict) else list(effect)
    if plain[place][0] < 0:
        plain[place] = plain[place][:2]
    return repr(plain)


def by_host(runs: list[ScriptRun], before: list[dict[str, int]]) -> dict[Any, list[str]]:
    """All that the nodes of these runs have given since, by node and host, in order."""
    found: dict[Any, list[str]] = defaultdict(list)
    for run, begins in zip(runs, before, strict=True):
        for node, given_ in run.out.items():
            if node.startswith("stream"):  # its points are in no group yet
                continue
            for one in given_[begins.get(node, 0) :]:
                tags = dict(pair.split("=", 1) for pair in one.group.split("\n")[-1].split(",") if "=" in pair)
                found[node, tags.get("h", ""), type(one).__name__].append(repr(one))
        for name, effects in plain_effects(run.effects).items():
            if name.startswith("alert"):
                found[name, "", "effect"] += [told(effect) for effect in effects]
    for (*_, kind), effects in found.items():
        if kind == "effect":
            effects.sort()
    return dict(found)


def split(run: ScriptRun) -> list[dict[str, Any]]:
    return split_snapshot(run.run.state(), run.run.graph, classes(), len(HOSTS), share_of)


def canonical(value: Any, table: SeriesTable) -> Any:
    """A state without what says nothing: how names are numbered, columns that no point has."""
    if isinstance(value, GroupNames):
        return [table.group(n).id for n in value.numbers(table).tolist()]
    if isinstance(value, dict) and value.keys() == {"time", "series", "columns"}:
        points = points_from_state(value, table)
        series = [table.series(n) for n in points.series.tolist()]
        return repr(list(zip(points.time.tolist(), series, points.rows(), strict=True)))
    if isinstance(value, dict):
        found = {str(key): canonical(one, table) for key, one in value.items()}
        if "names" in value and isinstance(value["names"], list):
            names, of = value["names"]
            found["names"] = [names[i] for i in of.tolist()]
        return sorted(found.items())
    if isinstance(value, list | tuple):
        return [canonical(one, table) for one in value]
    return repr(value.tolist() if isinstance(value, np.ndarray) else value)


CASES = [
    pytest.param(script, id=f"{node}-{i}")
    for node, scripts in SCRIPTS.items()
    for i, script in enumerate(scripts)
    if f"{node}-{i}" not in REGROUPED
]


@pytest.mark.parametrize("script", CASES)
@settings(max_examples=8)
@given(cut_points(), st.sampled_from([0, 3 * 10**9]), st.booleans())
def test_runs_of_some_groups_each_give_together_what_one_gives(
    script: str, cut: tuple[list[str], list[int], set[int]], age: int, ends: bool
) -> None:
    lines, cuts, _ = cut
    if ends:
        script = script.replace(".groupBy('h')", ".groupBy('h')|barrier().idle(3s).delete(TRUE)")
    half = cuts[len(cuts) // 2]
    whole = begun(script, age)
    for i, line in enumerate(lines[:half]):
        whole.write(line, stored=[NOW + 10**9 * i])
    try:
        states = split(whole)
    except NotByGroup as error:
        assert says_so(script, str(error)), error
        return
    joined = join_snapshots(states, whole.run.graph, classes())
    again = split_snapshot(joined, whole.run.graph, classes(), len(HOSTS), share_of)
    assert [canonical(one, SeriesTable()) for one in again] == [canonical(one, SeriesTable()) for one in states]
    whole.effects.clear()
    at = {node: len(given_) for node, given_ in whole.out.items()}
    shares = [begun(script, age).resume_from(state) for state in states]
    united = begun(script, age).resume_from(joined)
    for share, name in zip(shares, HOSTS, strict=True):
        play(share, lines[half:], lambda line, name=name: host(line) == name, half)
    play(whole, lines[half:], lambda line: True, half)
    play(united, lines[half:], lambda line: True, half)
    expected = by_host([whole], [at])
    assert by_host(shares, [{}] * len(shares)) == expected
    assert by_host([united], [{}]) == expected


def says_so(script: str, reason: str) -> bool:
    return any(words in reason and any(node in script for node in nodes) for words, nodes in NOT_BY_GROUP.items())
