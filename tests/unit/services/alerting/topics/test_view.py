"""How many alerts are active, by topic and level; of very many topics those that are too many together."""

from __future__ import annotations

from services.alerting.topics.runs import Runs
from services.alerting.topics.topics import Topics
from services.alerting.topics.view import View
from services.process.metrics.latencies import OTHERS
from services.store.folds.state import State

OK, INFO, WARNING, CRITICAL = range(4)


def view(**levels: list[int]) -> View:
    """Of topics whose ids are at these levels."""
    topics = Topics()
    for name, its in levels.items():
        topic = topics.apply(name, 1, True)
        for number, level in enumerate(its):
            topic.put(f"id{number}", level, 0, 0, b"")
    state = State()
    return View(topics, Runs(lambda: state))


def test_ids_are_counted_by_level_and_those_that_are_ok_are_not() -> None:
    found = view(disk=[OK, CRITICAL, CRITICAL, INFO], quiet=[OK], empty=[]).active()
    assert found == [
        {"topic": "disk", "counts": [1, 0, 2]},
        {"topic": "empty", "counts": [0, 0, 0]},
        {"topic": "quiet", "counts": [0, 0, 0]},
    ]


def test_topics_beyond_the_most_are_counted_together() -> None:
    found = view(a=[CRITICAL], b=[WARNING, INFO], c=[WARNING], d=[]).active(most=1)
    assert found == [{"topic": "a", "counts": [0, 0, 1]}, {"topic": OTHERS, "counts": [1, 2, 0]}]
