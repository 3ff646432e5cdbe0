"""Joins and unions against plain models of them that take one point after another, late ones among them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.graph import Point, ScriptRun

PARENTS = ("a", "b", "c")
Came = tuple[str, str, int, int]
"""Measurement, host, seconds, value."""

LONG_AGO = -(10**6)

STREAMS = "".join(f"var {m} = stream|from().measurement('{m}').groupBy('h')\n" for m in PARENTS)


@st.composite
def arrivals(draw: st.DrawFn) -> list[Came]:
    """Points of three measurements, mostly forward in time, now and then late or at the same time."""
    late = draw(st.sampled_from([[0, 0, 1, 1, 2], [0, 1, 1, -1, -3, 4]]))
    out: list[Came] = []
    clock = dict.fromkeys(PARENTS, 10)
    for value in range(draw(st.integers(1, 40))):
        parent = draw(st.sampled_from(PARENTS))
        clock[parent] += draw(st.sampled_from(late))
        out.append((parent, draw(st.sampled_from("xy")), clock[parent], value))
    return out


class JoinModel:
    """The sets of one group, as a join keeps them."""

    def __init__(self, fill: bool) -> None:
        self.fill, self.sets, self.heads = fill, dict[int, list[dict[str, int]]](), dict.fromkeys(PARENTS, LONG_AGO)
        self.out: list[tuple[int, dict[str, int]]] = []

    def take(self, parent: str, time: int, value: int) -> None:
        sets = self.sets.setdefault(time, [])
        lacking = [s for s in sets if parent not in s]
        if not lacking:
            lacking = [{}]
            sets.append(lacking[0])
        lacking[0][parent] = value
        self.heads[parent] = time
        while self.sets:
            oldest = min(self.sets)
            passed = min(self.heads.values()) > oldest
            self.emit(oldest, passed)
            if not passed:
                break

    def emit(self, time: int, passed: bool) -> None:
        sets = self.sets[time]
        while sets and (passed or len(sets[0]) == len(PARENTS)):
            found = sets.pop(0)
            if self.fill or len(found) == len(PARENTS):
                self.out.append((time, found))
        if not sets:
            del self.sets[time]

    def flush(self) -> None:
        for time in sorted(self.sets):
            self.emit(time, True)


def filled(time: int, found: dict[str, int], fill: bool) -> tuple[int, dict[str, int]]:
    values = {f"{p}.v": found.get(p, -1) for p in PARENTS} if fill else {f"{p}.v": v for p, v in found.items()}
    return time * 10**9, values


@examples(60)
@given(arrivals(), st.booleans(), st.integers(1, 40))
def test_join_gives_what_one_point_after_another_gives(came: list[Came], fill: bool, size: int) -> None:
    script = f"{STREAMS}a|join(b, c).as('a', 'b', 'c'){'.fill(-1)' if fill else ''}|httpOut('x')"
    run = ScriptRun(script, precision="s")
    for i in range(0, len(came), size):
        run.write("\n".join(f"{p},h={h} v={v}i {t}" for p, h, t, v in came[i : i + size]))
    models = {h: JoinModel(fill) for h in "xy"}
    for parent, host, time, value in came:
        models[host].take(parent, time, value)
    wanted = [{host: [filled(*one, fill) for one in model.out] for host, model in models.items()}]
    for model in models.values():
        model.flush()
    wanted.append({host: [filled(*one, fill) for one in model.out] for host, model in models.items()})
    given_ = [_by_host(run)]
    run.finish()
    assert [*given_, _by_host(run)] == wanted


def _by_host(run: ScriptRun) -> dict[str, list[tuple[int, dict[str, object]]]]:
    points = [p for p in run.last("join") if isinstance(p, Point)]
    return {h: [(p.time, dict(p.fields)) for p in points if p.tags == {"h": h}] for h in "xy"}


class OnModel:
    """A join on the host, where some parents are grouped by core as well: what waits, and the sets by host and core.

    It says once more what join.go of Kapacitor 1.5.7 does in matchPoints, as plainly as that does.
    """

    def __init__(self, fine: str, fill: bool) -> None:
        self.fine, self.reported = fine, set[str]()
        self.groups = {(h, c): JoinModel(fill) for h in "xy" for c in "12"}
        self.marks: dict[tuple[str, str], int] = {}
        self.coarse: dict[str, list[tuple[str, int, int]]] = {"x": [], "y": []}
        self.waiting: dict[str, list[tuple[str, str, int, int]]] = {"x": [], "y": []}

    def take(self, parent: str, host: str, core: str, time: int, value: int) -> None:
        self.reported.add(parent)
        self.marks[parent, host] = time
        everybody = len(self.reported) == len(PARENTS)
        low = self.low(host) if everybody else LONG_AGO
        coarse, waiting = self.coarse[host], self.waiting[host]
        while everybody and waiting and waiting[0][2] < low:
            self.give(host, waiting.pop(0))
        if parent not in self.fine:
            coarse.append((parent, time, value))
            while waiting and waiting[0][2] == time:
                self.give(host, waiting.pop(0), coarse[-1])
            return
        specific, met, old = (parent, core, time, value), False, 0
        for other in coarse:
            if other[1] == time:
                self.give(host, specific, other)
                met = True
            if other[1] >= low:
                break
            old += 1
        if everybody:
            del coarse[:old]
        if not met and time < low:
            self.give(host, specific)
        elif not met:
            waiting.append(specific)

    def low(self, host: str) -> int:
        low = LONG_AGO
        for parent in PARENTS:
            mark = self.marks.get((parent, host), LONG_AGO)
            low = mark if low == LONG_AGO else min(low, mark)
        return low

    def give(self, host: str, specific: tuple[str, str, int, int], other: tuple[str, int, int] | None = None) -> None:
        parent, core, time, value = specific
        self.groups[host, core].take(parent, time, value)
        if other is not None:
            self.groups[host, core].take(*other)


CORES = st.lists(st.sampled_from("12"), min_size=40, max_size=40)


@examples(60)
@given(arrivals(), CORES, st.sampled_from(["a", "c", "ab", "bc"]), st.booleans(), st.integers(1, 40))
def test_join_on_gives_what_one_point_after_another_gives(
    came: list[Came], cores: list[str], fine: str, fill: bool, size: int
) -> None:
    by = {p: "'h', 'core'" if p in fine else "'h'" for p in PARENTS}
    script = "".join(f"var {p} = stream|from().measurement('{p}').groupBy({by[p]})\n" for p in PARENTS)
    filling = ".fill(-1)" if fill else ""
    run = ScriptRun(
        f"{script}a|join(b, c).as('a', 'b', 'c').on('h').tolerance(2s){filling}|httpOut('x')", precision="s"
    )
    lines = [f"{p},h={h},core={core} v={v}i {t}" for (p, h, t, v), core in zip(came, cores, strict=False)]
    for i in range(0, len(lines), size):
        run.write("\n".join(lines[i : i + size]))
    model = OnModel(fine, fill)
    for (parent, host, time, value), core in zip(came, cores, strict=False):
        model.take(parent, host, core, (time + 1) // 2 * 2, value)
    wanted = [{key: [filled(*one, fill) for one in group.out] for key, group in model.groups.items()}]
    for group in model.groups.values():
        group.flush()
    wanted.append({key: [filled(*one, fill) for one in group.out] for key, group in model.groups.items()})
    given_ = [_by_core(run)]
    run.finish()
    assert [*given_, _by_core(run)] == wanted


def _by_core(run: ScriptRun) -> dict[tuple[str, str], list[tuple[int, dict[str, object]]]]:
    points = [p for p in run.last("join") if isinstance(p, Point)]
    return {
        (h, c): [(p.time, dict(p.fields)) for p in points if p.tags == {"h": h, "core": c}] for h in "xy" for c in "12"
    }


def union_model(came: list[Came]) -> list[int]:
    """The values in the order in which a union lets them go."""
    lines: dict[str, list[tuple[int, int]]] = {p: [] for p in PARENTS}
    marks: dict[str, int] = {}
    out: list[int] = []
    for parent, _, time, value in came:
        lines[parent].append((time, value))
        going = True
        while going:
            marks |= {p: line[0][0] for p, line in lines.items() if line}
            going = False
            if len(marks) < len(PARENTS):
                break
            mark = min(marks.values())
            for p in ("b", "c", "a"):
                while lines[p] and lines[p][0][0] <= mark:
                    out.append(lines[p].pop(0)[1])
                    going = True
    return out


@examples(60)
@given(arrivals(), st.integers(1, 40))
def test_union_gives_what_one_point_after_another_gives(came: list[Came], size: int) -> None:
    run = ScriptRun(f"{STREAMS}a|union(b, c)|httpOut('x')", precision="s")
    for i in range(0, len(came), size):
        run.write("\n".join(f"{p},h={h} v={v}i {t}" for p, h, t, v in came[i : i + size]))
    assert [p.fields["v"] for p in run.last("union") if isinstance(p, Point)] == union_model(came)
    run.finish()
    assert sorted(p.fields["v"] for p in run.last("union") if isinstance(p, Point)) == sorted(v for *_, v in came)  # type: ignore[type-var]


@pytest.mark.parametrize("node", ["union(b)", "join(b).as('a', 'b')"])
def test_what_is_held_is_let_go_of(node: str) -> None:
    run = ScriptRun(f"{STREAMS}a|{node}|httpOut('x')", precision="s")
    for t in range(1, 100):
        run.write(f"a,h=x v={t} {t}", f"b,h=x v={t} {t}")
    name = next(n for n in run.nodes if n.startswith(("union", "join")))
    assert sum(len(stack["time"]) for stack in run.nodes[name].state()["points"]) <= 2
