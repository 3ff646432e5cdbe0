"""A worker lives for as long as its heartbeat changes."""

from __future__ import annotations

from services.gateway.clients.heartbeats import Heartbeats


def test_a_worker_lives_while_its_heartbeat_changes() -> None:
    quick, slow = Heartbeats(0.0), Heartbeats(60.0)
    assert slow.look({"one": 1}) == {"one": True}
    assert slow.look({"one": 1, "two": 5}) == {"one": True, "two": True}
    assert slow.look({"two": 6}) == {"two": True}
    quick.look({"one": 1})
    assert quick.look({"one": 1}) == {"one": False}
