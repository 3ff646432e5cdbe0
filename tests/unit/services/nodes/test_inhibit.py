"""alert().inhibit(): when a node tells that it inhibits, and when not any more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.alertlog import inhibition
from services.alertlog.alert_messages import alert_messages
from services.alertlog.inhibition import Announced, Released
from services.columns.output_sequence import EventIds
from services.runtime.effects import Inhibition
from services.runtime.environment import TaskEnvironment
from tests.support.graph import NOW, ScriptRun, plain_effects

FROM = "stream|from().measurement('m').groupBy('host')"
DOWN = """.crit(lambda: "up" == 0)"""


def told(run: ScriptRun, node: str = "alert2") -> list[tuple[str, str, dict[str, str], bool]]:
    """(group, category, tags, on) of each change."""
    changes = plain_effects(run.effects).get(f"{node} inhibits", [])
    return [(key, category, tags, on) for key, category, tags, on, _, _ in changes]


def groups(run: ScriptRun, node: str = "alert2") -> list[tuple[str, bool]]:
    return [(tags["host"], on) for _, _, tags, on in told(run, node)]


def test_it_tells_of_changes_alone_and_needs_no_topic() -> None:
    run = ScriptRun(f"{FROM}|alert(){DOWN}.inhibit('usage', 'host', 'dc').inhibit('all')")
    run.write("m,host=a,dc=x up=0i 1\nm,host=b up=1i 1\nm,host=a,dc=y up=0i 2")
    run.write("m,host=b up=0i 3\nm,host=a up=1i 3\nm,host=a up=1i 4")
    assert told(run) == [
        # tags are those of the group's first point; one that is not there is empty
        ('[0,"",[["host","a"]]]', "usage", {"host": "a", "dc": "x"}, True),
        ('[1,"",[["host","a"]]]', "all", {}, True),
        ('[0,"",[["host","b"]]]', "usage", {"host": "b", "dc": ""}, True),
        ('[1,"",[["host","b"]]]', "all", {}, True),
        ('[0,"",[["host","a"]]]', "usage", {"host": "a", "dc": "x"}, False),
        ('[1,"",[["host","a"]]]', "all", {}, False),
    ]
    (first, *_) = plain_effects(run.effects)["alert2 inhibits"]
    assert first[4:] == ((1, 0, 0), NOW + 1)
    assert set(plain_effects(run.effects)) == {"alert2 inhibits"}


def test_a_recovery_that_is_not_told_of_ends_it_too() -> None:
    run = ScriptRun(f"{FROM}|alert(){DOWN}.noRecoveries().topic('t').inhibit('usage', 'host')")
    run.write("m,host=a up=0i 1\nm,host=a up=1i 2")
    assert groups(run) == [("a", True), ("a", False)]
    assert [event["level"] for event in plain_effects(run.effects)["alert2"]] == [3]


def test_what_does_not_trigger_changes_nothing() -> None:
    run = ScriptRun(f"{FROM}|alert(){DOWN}.flapping(0.2, 0.5).history(5).inhibit('usage', 'host')")
    run.write("\n".join(f"m,host=a up={i % 2}i {i}" for i in range(8)))
    # from the third point on it flaps
    assert groups(run) == [("a", True), ("a", False)]


@pytest.mark.parametrize("policy", ["", ".stateChangesOnly()"])
def test_an_alert_that_its_topic_remembers_inhibits_from_the_first_point_on(policy: str) -> None:
    levels = {"t": {"m:host=a": (3, 5, 0), "m:host=b": (0, 5, 0)}}
    script = f"{FROM}|alert(){DOWN}{policy}.topic('t').inhibit('usage', 'host')"
    run = ScriptRun(script, environment=TaskEnvironment(levels=levels))
    run.write("m,host=b up=1i 6\nm,host=a up=0i 7\nm,host=a up=1i 8")
    assert groups(run) == [("a", True), ("a", False)]
    at_once = ScriptRun(script, environment=TaskEnvironment(levels=levels)).write("m,host=a up=1i 7")
    assert groups(at_once) == [("a", True), ("a", False)]
    event_ids = [one[4] for one in plain_effects(at_once.effects)["alert2 inhibits"]]
    assert event_ids == [(1, 0, 0), (1, 0, 1)]


def test_groups_that_end_inhibit_no_more() -> None:
    run = ScriptRun(f"{FROM}|barrier().idle(3s).delete(TRUE)|alert(){DOWN}.inhibit('usage', 'host')")
    run.write("m,host=a up=0i 1\nm,host=b up=1i 1")
    run.tick(run.clock + 10 * 10**9)
    assert groups(run, "alert3") == [("a", True), ("a", False)]
    run.write("m,host=a up=0i 20")
    assert groups(run, "alert3")[2:] == [("a", True)]


def test_batches_with_several_new_groups_begin_as_remembered() -> None:
    levels = {"t": {"m:host=a": (3, 5, 0), "m:host=b": (3, 5, 0)}}
    script = f"{FROM}|window().period(1s).every(1s)|groupBy('host')|alert(){DOWN}.topic('t').inhibit('usage', 'host')"
    run = ScriptRun(script, environment=TaskEnvironment(levels=levels), precision="s")
    run.write("m,host=a up=1i 1\nm,host=b up=1i 1\nm,host=a up=1i 3\nm,host=b up=1i 3\nm,host=a up=1i 9")
    events = plain_effects(run.effects)["alert4"]
    # both were CRITICAL, so that both recover
    assert sorted(event["id"] for event in events) == ["m:host=a", "m:host=b"]
    assert sorted(groups(run, "alert4")) == [("a", False), ("a", True), ("b", False), ("b", True)]


def test_a_category_goes_with_its_alerts() -> None:
    run = ScriptRun(f"{FROM}|alert(){DOWN}.category('usage').topic('t')").write("m,host=a up=0i 1")
    (event,) = plain_effects(run.effects)["alert2"]
    assert (event["category"], event["moment"]) == ("usage", NOW + 1)


def test_messages_hold_what_is_told() -> None:
    n = 50
    numbers = np.arange(n, dtype=np.int64)
    effect = Inhibition(
        "t/1", "alert2", [f"k{i}" for i in range(n)], ["c"] * n, [{"host": "ä"}] * n, [i % 2 == 0 for i in range(n)],
        EventIds(numbers, numbers + 1, numbers + 2, numbers + 3),
    )  # fmt: skip
    found: list[Any] = []
    for lane, subject, data in alert_messages(effect, 7, "r", 1000):
        assert (lane, subject) == ("r:t/1/inhibits", "tickbus.alert.r=3At=2F1.inhibits")
        assert len(data) <= 1000
        message = inhibition.decode(data)
        assert isinstance(message, Announced) and (message.owner, message.started) == ("r:t/1", 7)
        of = message.inhibition
        ids = zip(*(a.tolist() for a in (of.event_ids.seq, of.event_ids.processing_time)), strict=True)
        found += zip(of.keys, of.categories, of.tags, of.on, ids, strict=True)
    assert found == [(f"k{i}", "c", {"host": "ä"}, i % 2 == 0, (i, i + 3)) for i in range(n)]
    assert inhibition.decode(inhibition.encode_released(9)) == Released(9)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"released": "x"}',
        b'{"task": "t", "node": "n", "started": 1}',
        b'{"task": "t", "node": "n", "started": 1, "changes": [["k", "c", {}, true, 1, 2, 3]]}',
        b'{"task": "t", "node": "n", "started": 1, "changes": [["k", "c", {"a": 1}, true, 1, 2, 3, 4]]}',
        b'{"task": "t", "node": 5, "started": 1, "changes": []}',
        b'{"task": "t", "node": "n", "started": 1, "changes": [["k", "c", {}, true, 1, 2, 3, 99999999999999999999]]}',
    ],
)
def test_what_is_no_message_of_it_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        inhibition.decode(data)
