"""In how many parts a run goes, and what it takes for the parts of one layout to take over from those of another.

What a worker runs is a unit: a whole task, or one part of it under one layout. A unit's id is the task's for the whole,
else `TASK/LAYOUT.PART.SHARD`; no task's id has a slash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.bus.positions import EventsSeq, PartOf, WritesSeq
from services.store.folds.event_data import Plain

_WHOLE = EventsSeq(0)


@dataclass(frozen=True, slots=True)
class Unit:
    """What a worker runs of a task. layout: sequence of the event that made it; 0: it is the whole task.

    shard: of a part; that of the whole follows from its id.
    """

    task: str
    layout: EventsSeq = _WHOLE
    number: int = 0
    shard: int = 0

    @classmethod
    def of_id(cls, id: str) -> Unit:
        """Of what `id` gave."""
        task, _, rest = id.partition("/")
        if not rest:
            return cls(task)
        layout, number, shard = map(int, rest.split("."))
        return cls(task, EventsSeq(layout), number, shard)

    @property
    def id(self) -> str:
        """By which a worker, its states and its deliveries know it."""
        return f"{self.task}/{self.layout}.{self.number}.{self.shard}" if self.layout else self.task

    @property
    def part(self) -> PartOf | None:
        """Which part it is, None for the whole."""
        return (self.layout, self.number) if self.layout else None


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a run, each in a shard of its own; one part alone has all points."""

    sequence: EventsSeq
    """Of the event that made it."""
    time: int
    """Of that event, ns since 1970."""
    shards: tuple[int, ...]
    """By part."""
    tags: tuple[str, ...]
    """What tells whose points are whose."""
    star: bool
    """All tags but those do."""
    before: Layout | None = None
    """What it takes over from, None: the whole task."""
    paused: Mapping[int, WritesSeq] = field(default_factory=dict)
    """By number of the units before it: the write up to which each had come when it heard of this layout."""
    handed: frozenset[int] = frozenset()
    """Those of them whose states lie ready as they stood at `position`."""
    workers: Mapping[int, str] = field(default_factory=dict)
    """By part who has said that it runs."""

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Layout:
        """Of what a store holds."""
        before = None if plain["before"] is None else cls.from_plain(plain["before"])
        shards, tags, handed = tuple(plain["shards"]), tuple(plain["tags"]), frozenset(plain["handed"])
        return cls(**{**plain, "before": before, "shards": shards, "tags": tags, "handed": handed})

    def to_plain(self) -> Plain:
        """For a store to hold."""
        return {
            "sequence": self.sequence,
            "time": self.time,
            "shards": list(self.shards),
            "tags": list(self.tags),
            "star": self.star,
            "before": None if self.before is None else self.before.to_plain(),
            "paused": dict(self.paused),
            "handed": sorted(self.handed),
            "workers": dict(self.workers),
        }

    @property
    def position(self) -> WritesSeq | None:
        """The units before it see the writes up to there, its parts those behind; None: not known yet."""
        return max(self.paused.values()) if len(self.paused) == self._units_before else None

    @property
    def handed_over(self) -> bool:
        """Whether all units before it have stopped at its position."""
        return len(self.handed) == self._units_before

    @property
    def settled(self) -> bool:
        """Whether all its parts have been taken up."""
        return self.handed_over and len(self.workers) == len(self.shards)

    @property
    def _units_before(self) -> int:
        return 1 if self.before is None else len(self.before.shards)

    def units(self, task: str) -> list[Unit]:
        """Its parts."""
        return [Unit(task, self.sequence, number, shard) for number, shard in enumerate(self.shards)]

    def units_before(self, task: str) -> list[Unit]:
        """What it takes over from."""
        return [Unit(task)] if self.before is None else self.before.units(task)

    def of(self, unit: Unit) -> Layout | None:
        """The layout that a unit is of: this one or the one before."""
        return self if unit.layout == self.sequence else self.before


def units_of(task: str, layout: Layout | None) -> Sequence[Unit]:
    """All units that a run has, or has had until its last change of layout."""
    return [Unit(task)] if layout is None else [*layout.units_before(task), *layout.units(task)]
