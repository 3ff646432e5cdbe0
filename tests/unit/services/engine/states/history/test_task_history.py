"""What is kept of a task: chunks are there as long as a state needs them, and states as long as the log does."""

from __future__ import annotations

import pytest

from services.bus.epochs import Epochs
from services.bus.positions import EventsSeq, WritesSeq
from services.engine.states.history.records import DUE, END, KeptPoint, Summary
from services.engine.states.history.task_history import TaskHistory
from services.engine.states.records import RunKey

CHUNKS = {name: name * 16 for name in (b"a", b"b", b"c", b"d")}
EPOCHS = Epochs([(0, 1)])


def point(
    position: int, chunks: bytes = b"a", why: str = DUE, until: int | None = None, epoch: int = 1, mark: str = "m"
) -> KeptPoint:
    sizes = {CHUNKS[chunks[at : at + 1]]: 100 for at in range(len(chunks))}
    run, place, last = RunKey(EventsSeq(1), 5), WritesSeq(position), WritesSeq(until or position)
    times = position * 10, (until or position) * 10, position
    return KeptPoint("t", mark, position, run, place, last, epoch, *times, why, CHUNKS[b"a"], CHUNKS[b"a"], sizes)


def test_chunks_go_with_the_last_state_that_has_them() -> None:
    one, two = point(1, b"ab"), point(2, b"bc")
    history = TaskHistory("t", "m", [two, one], there=[("m", CHUNKS[b"d"]), ("m", CHUNKS[b"a"])])
    assert history.points == [one, two]
    assert history.unneeded == {("m", CHUNKS[b"d"])}
    assert history.size == 300 + one.entry_bytes + two.entry_bytes
    assert history.has(CHUNKS[b"c"]) and history.has(CHUNKS[b"d"]) and not history.has(b"e" * 16)
    assert history.drop(one) == 100 + one.entry_bytes
    assert history.unneeded == {("m", CHUNKS[b"a"]), ("m", CHUNKS[b"d"])}
    history.add(point(3, b"ad"))
    assert history.unneeded == set()
    for left in list(history.points):
        history.drop(left)
    assert history.size == 0 and history.summary() is None
    assert history.unneeded == {("m", CHUNKS[name]) for name in (b"a", b"b", b"c", b"d")}


def test_a_chunk_of_another_owner_is_another_chunk() -> None:
    history = TaskHistory("t", "new", [point(1, b"a", mark="old")])
    assert not history.has(CHUNKS[b"a"])
    history.add(point(2, b"a", mark="new"))
    history.drop(history.points[0])
    assert history.unneeded == {("old", CHUNKS[b"a"])}


@pytest.mark.parametrize(
    ("points", "first", "goes_on", "left"),
    [
        ([point(1), point(5), point(9)], 4, True, [1, 5, 9]),
        ([point(1), point(5), point(9)], 6, True, [5, 9]),
        ([point(1), point(5), point(9)], 6, False, [5, 9]),
        ([point(1), point(5), point(9)], 30, True, [9]),
        ([point(1), point(5), point(9)], 30, False, []),
        ([point(1), point(5, until=40)], 30, False, [5]),
        ([point(1), point(5, why=END)], 5, False, [1, 5]),
        ([point(1), point(5, why=END)], 6, True, []),
        ([point(1), point(5, why=END), point(9)], 7, True, [9]),
        ([point(1), point(5, epoch=2), point(9)], 1, True, [1, 9]),
        ([], 7, True, []),
    ],
)
def test_what_the_log_does_not_reach_is_out_of_reach(
    points: list[KeptPoint], first: int, goes_on: bool, left: list[int]
) -> None:
    history = TaskHistory("t", "m", points)
    for gone in history.out_of_reach(WritesSeq(first), EPOCHS, goes_on):
        history.drop(gone)
    assert [one.position for one in history.points] == left


def test_entries_are_read_back_and_nothing_else_is() -> None:
    one = point(7, b"abc", END)
    assert KeptPoint.from_bytes("t", one.to_bytes()) == one
    summary = TaskHistory("t", "m", [point(1), one]).summary()
    assert summary is not None and Summary.from_bytes("t", summary.to_bytes()) == summary
    assert (summary.states, summary.runs, summary.oldest, summary.newest, summary.ended) == (2, 1, 1, 7, True)
    for data in (b"", b"x", one.to_bytes()[:-1], summary.to_bytes()):
        with pytest.raises(ValueError):
            KeptPoint.from_bytes("t", data)
    with pytest.raises(ValueError):
        Summary.from_bytes("t", one.to_bytes())
