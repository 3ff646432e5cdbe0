"""What waits for a viewer: bounded, the newest of what stands, and nothing lost unsaid."""

from __future__ import annotations

import asyncio

import pytest

from services.gateway.live import viewer as viewers
from services.gateway.live.rates import Rates
from services.gateway.live.viewer import Viewer, Wanted, frame


async def test_too_many_events_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    event = frame("alert", {"x": "y" * 100})
    monkeypatch.setattr(viewers, "MOST_BYTES", len(event) * 3)
    one = Viewer(Wanted(frozenset({"alerts"})))
    for _ in range(10):
        one.tell(event)
    one.tell(frame("alert", {"last": True}))
    found = await one.next(1)
    assert found.startswith(frame("lagging", {"dropped": 8})) and found.count(b"event: alert") == 3
    assert found.endswith(frame("alert", {"last": True}))
    one.tell(event)
    assert await one.next(1) == event


async def test_of_what_stands_the_newest_is_told_and_all_of_it_where_a_change_was_not_taken() -> None:
    one = Viewer(Wanted(frozenset({"tasks"})))
    one.show("tasks", b"1", lambda: b"all")
    assert await one.next(1) == b"1"
    one.show("tasks", b"2", lambda: b"all")
    one.show("tasks", b"3", lambda: b"all of it")
    one.show("overview", b"o1")
    one.show("overview", b"o2")
    assert await one.next(1) == b"all of ito2"
    one.show("tasks", b"4", lambda: b"all")
    assert await one.next(1) == b"4"


async def test_nothing_comes_after_a_while_and_at_once_where_there_are_doubts() -> None:
    one = Viewer(Wanted(frozenset()))
    assert await one.next(0.01) == b""
    coming = asyncio.create_task(one.next(60))
    await asyncio.sleep(0)
    one.doubt()
    assert await coming == b"" and one.doubted


def test_which_lines_of_the_log() -> None:
    wanted = Wanted(frozenset({"logs"}), task="t", level="warn")
    assert wanted.takes_line({"task": "t", "lvl": "error"}) and wanted.takes_line({"task": "t", "lvl": "warn"})
    assert not wanted.takes_line({"task": "t", "lvl": "info"}) and not wanted.takes_line({"lvl": "error"})
    assert Wanted(frozenset({"logs"})).takes_line({})


def test_a_frame_is_one_line_of_data_whatever_is_in_it() -> None:
    assert frame("log", {"msg": "a\nb\r\n\nevent: x"}) == b'event: log\ndata: {"msg":"a\\nb\\r\\n\\nevent: x"}\n\n'


def test_rates() -> None:
    rates = Rates()
    assert rates.of("a", 100, 1.0) == 0.0
    assert rates.of("a", 150, 2.0) == 50.0
    assert rates.of("a", 150, 2.01) == 50.0  # the same answer, shown once more
    assert rates.of("a", 150, 3.0) == 0.0
    assert rates.of("a", 10, 4.0) == 0.0  # it has begun anew
    assert rates.of("a", 30, 5.0) == 20.0
    rates.keep(set())
    assert rates.of("a", 60, 6.0) == 0.0
