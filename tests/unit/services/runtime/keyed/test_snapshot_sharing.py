"""Splitting and joining the snapshot of a task: what is of no group, and what cannot be split."""

from __future__ import annotations

import pytest

from services.columns.groups.keyed_state import NotByGroup, Partitioning
from services.columns.groups.series import Group
from services.columns.snapshot import State
from services.nodes import classes
from services.runtime.keyed import snapshot_sharing
from services.runtime.keyed.snapshot_sharing import join_snapshots, split_snapshot
from services.runtime.node import Node
from tests.support.graph import Point, ScriptRun

COUNTING = "stream|from().groupBy('h')|stateCount(lambda: \"v\" > 0.0)"


def share_of(group: Group) -> int:
    return 1 if dict(group.tags).get("h") == "b" else 0


def counting() -> ScriptRun:
    return ScriptRun(COUNTING).write("m,h=a v=1 1", "m,h=b v=1 2", "m,h=a v=1 3", "m,h=b v=1 4")


def test_counts_go_with_the_first_share_and_are_added_up_again() -> None:
    run = counting()
    shares = split_snapshot(run.run.state(), run.run.graph, classes(), 2, share_of)
    assert [share["counts"]["state_count2"][0] for share in shares] == [4, 0]
    second = ScriptRun(COUNTING).resume_from(shares[1]).write("m,h=b v=1 5")
    assert second.counts()["state_count2"]["working_cardinality"] == 1
    joined = join_snapshots([shares[0], second.run.state()], run.run.graph, classes())
    assert joined["counts"]["state_count2"][0] == 5
    (point,) = ScriptRun(COUNTING).resume_from(joined).write("m,h=b v=1 6").last("state_count")
    assert isinstance(point, Point)
    assert point.fields["state_count"] == 4


def test_two_snapshots_with_one_group_are_not_joined() -> None:
    run = counting()
    with pytest.raises(ValueError, match="in common"):
        join_snapshots([run.run.state(), run.run.state()], run.run.graph, classes())


def test_a_snapshot_of_another_graph_is_refused() -> None:
    run, other = counting(), ScriptRun("stream|from()")
    with pytest.raises(ValueError, match="not one of this graph"):
        split_snapshot(run.run.state(), other.run.graph, classes(), 2, share_of)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("var a = stream|from().groupBy('h')\nstream|from().groupBy('h')|union(a)", "union.*all groups"),
        ("stream|from().groupBy('h')|alert().crit(lambda: count() > 1).topic('t')", "alert.*remember"),
        ("stream|from().where(lambda: count() > 1).groupBy('h')", "from.*remembers"),
        ("stream|from().groupBy('h')|deadman(1.0, 10s)", "stats.*any group at all"),
        ("stream|from().groupBy('h')|window().period(2s).every(1s)|groupBy('k')", "groupBy holds"),
    ],
)
def test_a_node_whose_state_is_of_all_groups_says_so(script: str, reason: str) -> None:
    run = ScriptRun(script).write("m,h=a,k=x v=1 1000000000", "m,h=a,k=x v=1 9000000000")
    with pytest.raises(NotByGroup, match=reason):
        split_snapshot(run.run.state(), run.run.graph, classes(), 2, share_of)


class Forgetful(Node):
    """Saves what it does not split."""

    def state(self) -> State:
        return {"total": 1}


def test_a_node_that_does_not_say_how_what_it_keeps_is_split_is_not() -> None:
    with pytest.raises(NotByGroup, match="n1 does not say how its total is split"):
        snapshot_sharing._split_node("n1", Forgetful, {"total": 1}, Partitioning(2, share_of))
