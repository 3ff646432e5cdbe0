"""Which states together are one of a whole task: its own, or one of each of its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from services.bus.positions import EventsSeq, WritesSeq
from services.engine.states.history.records import END, KeptPoint
from services.engine.states.records import RunKey


@dataclass(frozen=True, slots=True)
class WholeState:
    """One state of the whole, or one of each part, by number. Each stands at a place of its own in the log."""

    points: tuple[KeptPoint, ...]

    @property
    def last(self) -> KeptPoint:
        """The one that stands furthest on: there all of them can be brought together."""
        return max(self.points, key=lambda point: point.order)

    @property
    def position(self) -> WritesSeq:
        """The place of that one."""
        return self.last.position

    @property
    def order(self) -> tuple[int, int, int]:
        """As that of a point."""
        last = self.last
        return last.epoch, last.position, max(point.kept for point in self.points)

    @property
    def ended(self) -> bool:
        """Whether the run had stopped there."""
        return all(point.why == END for point in self.points)


def latest(points: Iterable[KeptPoint]) -> WholeState | None:
    """What stands furthest on of some states of one task; None where of each layout that of a part is missing."""
    return max(_of_each(points, max), key=lambda whole: whole.order, default=None)


def earliest(points: Iterable[KeptPoint]) -> WholeState | None:
    """What stands first."""
    return min(_of_each(points, min), key=lambda whole: whole.order, default=None)


def _of_each(points: Iterable[KeptPoint], pick: Callable[..., KeptPoint]) -> list[WholeState]:
    """Of each run, as a whole and in each of its layouts, the states that are picked of what there is of each part."""
    layouts: dict[tuple[RunKey, EventsSeq], dict[int, KeptPoint]] = {}
    counts: dict[tuple[RunKey, EventsSeq], int] = {}
    for point in points:
        unit, share = point.unit, point.share
        layout = point.run, unit.layout
        chosen = layouts.setdefault(layout, {})
        chosen[unit.number] = pick(chosen.get(unit.number, point), point, key=lambda one: one.order)
        counts[layout] = 1 if share is None else share.of
    return [
        WholeState(tuple(chosen[number] for number in sorted(chosen)))
        for layout, chosen in layouts.items()
        if len(chosen) == counts[layout]
    ]
