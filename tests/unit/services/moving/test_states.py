"""Which topics are a task's own, and in which pieces their events are sent."""

from __future__ import annotations

from typing import Any

import pytest

from services.moving import states
from services.moving.servers import Server
from services.moving.topics import topics
from tests.support.old_kapacitor import answering


@pytest.mark.parametrize(
    ("topic", "task"), [("main:cpu:alert2", "cpu"), ("cpu", ""), ("main:cpu", ""), ("a:b:c", ""), ("main:a:b:c", "")]
)
def test_whose_a_topic_is(topic: str, task: str) -> None:
    assert states.task_of(topic) == task


def test_no_piece_is_too_large_and_nothing_is_lost() -> None:
    events = [{"id": str(i), "state": {"details": "x" * (i % 7) * 100_000}} for i in range(30)]
    pieces = states.pieces(events)
    assert [event for piece in pieces for event in piece] == events and len(pieces) > 3
    assert all(sum(len(event["state"]["details"]) for event in piece) <= 1 << 20 for piece in pieces)
    large: list[dict[str, Any]] = [{"id": "a", "state": {"details": "x" * (2 << 20)}}, {"id": "b", "state": {}}]
    assert states.pieces(large) == [large[:1], large[1:]] and states.pieces([]) == []


@pytest.mark.parametrize("base", ["/kapacitor/v1", "/kapacitor/v1preview"])
def test_before_version_1_4_topics_are_found_elsewhere(base: str) -> None:
    body = {"topics": [{"id": "cpu"}]}

    def answer(path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        return (200, body) if path == f"{base}/alerts/topics" else (404, {"error": "Not Found"})

    with answering(answer) as url, Server(url) as server:
        assert topics(server) == [("cpu", base)]
