"""Nodes that hold points back against plain models of them, with barriers that come at any place among the points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.graph import NOW, Barrier, Batch, Given, Point, ScriptRun

SECOND = 10**9
BEGIN = NOW // SECOND


@dataclass
class Steps:
    """Stretches of lines, each with a pause behind it: seconds in which nothing is written."""

    stretches: list[tuple[list[str], int]]

    def play(self, script: str, together: bool) -> ScriptRun:
        """Each stretch as one frame, or line by line."""
        run = ScriptRun(script, precision="s")
        for lines, pause in self.stretches:
            for body in ["\n".join(lines)] if together else lines:
                run.write(body)
            run.clock += pause * SECOND
            run.tick(run.clock)
        return run


@st.composite
def steps(draw: st.DrawFn) -> Steps:
    """Points of two hosts and two measurements, now and then late, their times about those of the clock."""
    stretches, clock, number = [], 0, 0
    for _ in range(draw(st.integers(1, 6))):
        lines = []
        for _ in range(draw(st.integers(1, 6))):
            clock += draw(st.sampled_from([0, 0, 1, 1, 2, -1, -2]))
            number += 1
            name, host = draw(st.sampled_from("ab")), draw(st.sampled_from("xy"))
            value = draw(st.sampled_from([-1, 1, 2]))
            lines.append(f"{name},h={host},k=k{number} v={value}i {BEGIN + clock}")
        pause = draw(st.sampled_from([0, 1, 2, 5]))
        clock += pause
        stretches.append((lines, pause))
    return Steps(stretches)


BARRIERS = st.sampled_from(["idle(1s)", "period(1s)", "period(2s)", "idle(2s).delete(TRUE)", "period(3s).delete(TRUE)"])


Window = tuple[str, str, int, list[int]]
"""Group, measurement, edge, and the times of its points."""


@dataclass
class WindowModel:
    """One group's window, as Kapacitor 1.5.7 has it."""

    period: int
    every: int
    align: bool
    fill: bool
    name: str
    first: int
    points: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.next = self.first + (self.period if self.fill else self.every)
        if self.align:
            aligned = self.aligned(self.next)
            self.next = aligned + (self.every if self.fill and aligned <= self.next else 0)

    def aligned(self, time: int) -> int:
        return time - time % self.every if self.align else time

    def closed(self, time: int, point: bool) -> Iterator[tuple[int, list[int]]]:
        """A point of this time, or a barrier, comes: at most one window leaves."""
        if point and not self.every:
            self.points.append(time)
        if time >= self.next:
            edge = self.next if self.every else time
            oldest = edge - self.period + (0 if self.every else 1)
            while self.points and self.points[0] < oldest:
                self.points.pop(0)
            yield edge, list(self.points)
            self.next = self.aligned(time + self.every)
        if point and self.every:
            self.points.append(time)


def windows(
    came: list[Given], period: int, every: int, align: bool, fill: bool
) -> list[tuple[str, str, int, list[int]]]:
    """All windows that leave, in order."""
    groups: dict[str, WindowModel] = {}
    out = []
    for one in came:
        assert isinstance(one, Point | Barrier)
        name = one.name if isinstance(one, Point) else "barrier"
        model = groups.setdefault(one.group, WindowModel(period, every, align, fill, name, one.time))
        out += [(one.group, model.name, *w) for w in model.closed(one.time, isinstance(one, Point))]
        if isinstance(one, Barrier) and one.delete:
            del groups[one.group]
    return out


@pytest.mark.parametrize("every", [0, 1, 2, 4])
@examples(25)
@given(steps(), BARRIERS, st.integers(1, 5), st.booleans(), st.booleans(), st.booleans())
def test_windows_with_barriers(
    every: int, played: Steps, barrier: str, period: int, align: bool, fill: bool, together: bool
) -> None:
    align, fill = align and every > 0, fill and every > 0
    script = f"""stream|from().groupBy('h')|barrier().{barrier}|where(lambda: "v" > 0)
        |window().period({period}s).every({every}s){".align()" if align else ""}{".fillPeriod()" if fill else ""}"""
    run = played.play(script, together)
    wanted = windows(run.last("where"), SECOND * period, SECOND * every, align, fill)
    given_ = [b for b in run.last("window") if isinstance(b, Batch)]
    assert [(b.group, b.name, b.time, [time for _, time, _ in b.points]) for b in given_] == wanted
    bars = [b for b in run.last("where") if isinstance(b, Barrier)]
    beyond = [b for b in run.last("window") if isinstance(b, Barrier)]
    assert [b.group for b in beyond if b.for_joins] == [b.group for b in bars]
    assert [b.group for b in beyond if b.delete] == [b.group for b in bars if b.delete]


def collected(came: list[Given], tolerance: int) -> list[tuple[str, int, int]]:
    """(group, time, how many points) of what leaves a node that collects points of one time, in order."""
    held: dict[str, tuple[int, int]] = {}
    out = []
    for one in came:
        assert isinstance(one, Point | Barrier)
        time = (one.time + tolerance // 2) // tolerance * tolerance
        was, count = held.get(one.group, (time, 0))
        if isinstance(one, Point):
            if time != was:
                out.append((one.group, was, count))
                count = 0
            held[one.group] = (time, count + 1)
        elif count and (one.delete or time > was):
            out.append((one.group, was, count))
            del held[one.group]
    return out


@pytest.mark.parametrize("node", ["count('v')", "flatten().on('k')", "combine(lambda: TRUE).as('x')"])
@examples(25)
@given(steps(), BARRIERS, st.booleans(), st.booleans())
def test_what_collects_points_of_one_time_lets_go_by_barriers(
    node: str, played: Steps, barrier: str, wide: bool, together: bool
) -> None:
    wide = wide and "count" not in node
    tolerance = ".tolerance(2s)" if wide else ""
    run = played.play(f"stream|from().groupBy('h')|barrier().{barrier}|{node}{tolerance}|httpOut('x')", together)
    given_: list[tuple[str, int, int]] = []
    for p in run.last(node[: node.index("(")]):
        if isinstance(p, Point):
            count = int(str(p.fields["count"])) if "count" in p.fields else len(p.fields)
            if "combine" in node and given_ and given_[-1][:2] == (p.group, p.time):
                count += given_.pop()[2]
            given_.append((p.group, p.time, count))
    assert given_ == collected(run.last("barrier"), 2 * SECOND if wide else 1)


MERGED = """var a = stream|from().measurement('a').groupBy('h')|barrier().{barrier}
    var b = stream|from().measurement('b').groupBy('h')|barrier().{barrier}
    """


@dataclass
class Watched:
    """A run line by line, and what the parents of a node gave in it, in the order in which the node sees it."""

    run: ScriptRun
    parents: tuple[str, ...]
    came: list[tuple[int, Point | Barrier]] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def play(self, played: Steps) -> Watched:
        for lines, pause in played.stretches:
            for line in lines:
                self.run.write(line)
                self._look()
            self.run.clock += pause * SECOND
            while (due := self.run.run.next_tick()) is not None and due <= self.run.clock:
                self.run.tick(due)
                self._look()
        return self

    def _look(self) -> None:
        for i, parent in enumerate(self.parents):
            given_ = self.run.out[parent]
            for one in given_[self.seen.get(parent, 0) :]:
                assert isinstance(one, Point | Barrier)
                self.came.append((i, one))
            self.seen[parent] = len(given_)


@dataclass
class JoinModel:
    """One group of an outer join of two, element by element."""

    heads: list[int | None] = field(default_factory=lambda: [None, None])
    given: list[bool] = field(default_factory=lambda: [False, False])
    barred: list[int | None] = field(default_factory=lambda: [None, None])
    ended: list[bool] = field(default_factory=lambda: [True, True])
    sets: dict[int, list[dict[int, int]]] = field(default_factory=dict)

    def take(self, parent: int, one: Point | Barrier) -> Iterator[tuple[int, dict[int, int]]]:
        if isinstance(one, Point):
            sets = self.sets.setdefault(one.time, [])
            lacking = next((s for s in sets if parent not in s), None)
            if lacking is None:
                lacking = {}
                sets.append(lacking)
            lacking[parent] = one.fields["v"]  # type: ignore[assignment]
            self.ended[parent] = False
        self.heads[parent], self.given[parent] = one.time, True
        if isinstance(one, Barrier):
            before, self.barred[parent] = self.barred[parent], one.time
            for other in (0, 1):
                if not self.given[other] and before is not None:
                    self.heads[other] = max(before, self.heads[other] or before)
        while self.sets:
            oldest = min(self.sets)
            passed = all(h is not None and h > oldest for h in self.heads)
            sets = self.sets[oldest]
            while sets and (passed or len(sets[0]) == 2):
                yield oldest, sets.pop(0)
            if not sets:
                del self.sets[oldest]
            if not passed:
                break

    def over(self, parent: int) -> bool:
        """A parent has ended the group."""
        self.ended[parent] = True
        return all(self.ended)

    def rest(self) -> Iterator[tuple[int, dict[int, int]]]:
        """What is left when the group is over."""
        for time in sorted(self.sets):
            yield from ((time, one) for one in self.sets[time])


def joined(came: list[tuple[int, Point | Barrier]]) -> list[tuple[str, int, dict[int, int]]]:
    """(group, time, value by parent) of all sets."""
    groups: dict[str, JoinModel] = {}
    out = []
    for parent, one in came:
        model = groups.setdefault(one.group, JoinModel())
        out += [(one.group, *s) for s in model.take(parent, one)]
        if isinstance(one, Barrier) and one.delete and model.over(parent):
            out += [(one.group, *s) for s in model.rest()]
            del groups[one.group]
    return out


@examples(60)
@given(steps(), BARRIERS)
def test_joins_with_barriers(played: Steps, barrier: str) -> None:
    script = MERGED.format(barrier=barrier) + "a|join(b).as('a', 'b').fill(-9)|httpOut('x')"
    watched = Watched(ScriptRun(script, precision="s"), ("barrier2", "barrier4")).play(played)
    found = _sets(watched.run)
    wanted = joined(watched.came)
    # by group: those of several groups that one tick sets free leave in no particular order
    for group in ("h=x", "h=y"):
        assert [s for s in found if s[0] == group] == [s for s in wanted if s[0] == group]
    assert _sets(played.play(script, True)) == found


def _sets(run: ScriptRun) -> list[tuple[str, int, dict[int, int]]]:
    points = [p for p in run.last("join") if isinstance(p, Point)]
    names = ("a.v", "b.v")
    return [(p.group, p.time, {i: p.fields[n] for i, n in enumerate(names) if p.fields[n] != -9}) for p in points]  # type: ignore[misc]


def united(came: list[tuple[int, Point | Barrier]]) -> list[tuple[int, int]]:
    """(time, value) in the order in which a union of two lets them go."""
    lines: list[list[Point | Barrier]] = [[], []]
    marks: list[int | None] = [None, None]
    barred: int | None = None
    out = []
    for parent, one in came:
        lines[parent].append(one)
        if isinstance(one, Barrier):
            barred = one.time if barred is None else max(barred, one.time)
        going = True
        while going:
            marks = [line[0].time if line else mark for line, mark in zip(lines, marks, strict=True)]
            known = [barred if mark is None else mark for mark in marks]
            going = False
            if any(mark is None for mark in known):
                break
            low = min(mark for mark in known if mark is not None)
            for line in lines:
                while line and line[0].time <= low:
                    gone = line.pop(0)
                    going = True
                    if isinstance(gone, Point):
                        out.append((gone.time, int(str(gone.fields["v"]))))
    return out


@examples(60)
@given(steps(), BARRIERS)
def test_unions_with_barriers(played: Steps, barrier: str) -> None:
    script = MERGED.format(barrier=barrier) + "a|union(b)|httpOut('x')"
    watched = Watched(ScriptRun(script, precision="s"), ("barrier4", "barrier2")).play(played)
    wanted = united(watched.came)
    for run in (watched.run, played.play(script, True)):
        assert [(p.time, p.fields["v"]) for p in run.last("union") if isinstance(p, Point)] == wanted


@examples(40)
@given(steps(), st.sampled_from(["", ".fill(0)", ".fill('null')"]), st.sampled_from(["", "|barrier().idle(1s)"]))
def test_a_join_on_all_tags_is_one_without_on(played: Steps, fill: str, barrier: str) -> None:
    script = "".join(f"var {m} = stream|from().measurement('{m}').groupBy('h'){barrier}\n" for m in "ab")
    runs = [
        played.play(f"{script}a|join(b).as('a', 'b'){on}{fill}|httpOut('x')", True).finish() for on in ("", ".on('h')")
    ]
    assert runs[0].last("join") == runs[1].last("join")
