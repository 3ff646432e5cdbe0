"""How a task goes on from the alerts that its topics remember, and has the topics take them up from each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from services.alerting.handlers import specs
from services.runtime.environment import TaskEnvironment
from tests.support.graph import ScriptRun, plain_effects

OWN = "main:t:alert2"
ALERT = (
    """stream|from().measurement('m').groupBy('host')|alert().id('{{ index .Tags "host" }}').crit(lambda: "v" > 1)"""
)
BOTH = f"{ALERT}.topic('named').log('/nowhere')"
Levels = Mapping[str, Mapping[str, tuple[int, int, int]]]


def script_run(script: str, levels: Levels) -> ScriptRun:
    return ScriptRun(script, handlers=specs(), environment=TaskEnvironment(levels=levels))


def taken_up(run: ScriptRun, node: str = "alert2") -> list[tuple[Any, ...]]:
    """(topic, where from, id, level, time, duration) of each alert."""
    return [one[:6] for one in plain_effects(run.effects).get(f"{node} takes up", [])]


def told(run: ScriptRun, node: str = "alert2") -> list[tuple[str, int, int]]:
    """(id, level, duration) of each event."""
    return [(e["id"], e["level"], e["duration"]) for e in plain_effects(run.effects).get(node, [])]


@pytest.mark.parametrize(
    ("own", "named", "expected"),
    [
        (None, (3, 5, 2), [(OWN, "named", "a", 3, 5, 2)]),
        (None, (0, 5, 2), []),
        ((3, 5, 2), None, []),
        ((3, 5, 2), (3, 6, 1), []),
        ((3, 5, 2), (0, 6, 1), [("named", OWN, "a", 3, 5, 2)]),
        ((0, 5, 2), (3, 6, 1), [("named", OWN, "a", 0, 5, 2)]),
        ((2, 5, 2), (3, 6, 1), [("named", OWN, "a", 2, 5, 2)]),
    ],
)
def test_the_own_topic_is_believed_and_the_other_is_brought_in_step(
    own: tuple[int, int, int] | None, named: tuple[int, int, int] | None, expected: list[tuple[Any, ...]]
) -> None:
    levels = {topic: {"a": stood} for topic, stood in ((OWN, own), ("named", named)) if stood}
    run = script_run(BOTH, levels)
    run.write("m,host=b v=0 10\nm,host=a v=0 11").write("m,host=a v=0 12")
    assert taken_up(run) == expected
    before = own or named or (0, 0, 0)
    assert told(run) == ([("a", 0, 11 - before[1])] if before[0] else [])


@pytest.mark.parametrize("handlers", [".topic('named')", ".log('/nowhere')"])
def test_one_topic_takes_nothing_up(handlers: str) -> None:
    levels = {"named": {"a": (3, 5, 2)}, OWN: {"a": (3, 5, 2)}}
    run = script_run(ALERT + handlers, levels).write("m,host=a v=0 12")
    assert (taken_up(run), told(run)) == ([], [("a", 0, 7)])


def test_each_id_is_taken_up_once_whatever_becomes_of_its_groups() -> None:
    script = """stream|from().measurement('m').groupBy('host')|barrier().idle(3s).delete(TRUE)
        |alert().id('{{ index .Tags "of" }}').crit(lambda: "v" > 1).topic('named').log('/nowhere')"""
    run = script_run(script, {"named": {"x": (3, 5, 0)}})
    run.write("m,host=a,of=x v=0 10\nm,host=b,of=x v=5 11")
    own = "main:t:alert3"
    assert taken_up(run, "alert3") == [(own, "named", "x", 3, 5, 0)]
    run.restart().tick(run.clock + 10 * 10**9)
    # what the topic knew at the start is long over when the group comes again
    run.write("m,host=a,of=x v=5 20")
    assert taken_up(run, "alert3") == [(own, "named", "x", 3, 5, 0)]
    assert told(run, "alert3")[-1] == ("x", 3, 0)


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_how_the_input_was_cut_does_not_show(cut: int) -> None:
    levels = {"named": dict.fromkeys("abc", (3, 5, 0))}
    lines = ["m,host=a v=0 10", "m,host=x v=9 11", "m,host=c v=9 12", "m,host=b v=0 13", "m,host=a v=3 14"]
    effects = []
    for size in (1, cut):
        run = script_run(BOTH, levels)
        for at in range(0, len(lines), size):
            run.write(*lines[at : at + size])
        effects.append({name: _by_identity(found) for name, found in plain_effects(run.effects).items()})
    assert effects[0] == effects[1]
    assert [one[2] for one in effects[1]["alert2 takes up"]] == ["a", "c", "b"]


def _by_identity(found: Sequence[Any]) -> list[Any]:
    return [one if isinstance(one, tuple) else (one["identity"], one["id"], one["level"]) for one in found]
