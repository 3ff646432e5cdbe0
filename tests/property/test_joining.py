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
        self.fill, self.sets, self.heads = fill, dict[int, list[dict[str, int]]](), dict.fromkeys(PARENTS, -1)
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
