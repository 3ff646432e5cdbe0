"""The state of a task as it was at a place in the log: what a look at the past begins from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.bus.positions import EventsSeq, WritesSeq
from services.columns.groups.portable_names import Names
from services.columns.snapshot import State
from services.runtime.input.share import Share
from services.store.folds.definition import TaskDefinition


@dataclass(frozen=True, slots=True)
class KeptPart:
    """What one part of a task had made of its share of the points up to a place in the log. names: as of KeptState."""

    share: Share | None
    position: WritesSeq
    state: State
    names: list[Names]


@dataclass(frozen=True, slots=True)
class KeptState:
    """What a task had made of everything up to a place in the log.

    enabled, began: of the run, as services.engine.states.records.RunKey has them. definition: what ran. position: the
    place; time: when the last message up to there was stored, ns. names: those in the state, which are to be given
    numbers (services.columns.groups.portable_names.Resolver) before it is restored. levels: how alerts stood when the
    run started (services.runtime.progress.topic_levels.Levels). ended: the run has stopped there. parts: where the task
    ran in parts, the states of all of them, none of a place behind `position`; `state` is empty then.
    """

    task: str
    enabled: EventsSeq
    began: int
    definition: TaskDefinition
    position: WritesSeq
    time: int
    state: State
    names: list[Names]
    levels: Mapping[str, Any] = field(default_factory=dict)
    ended: bool = False
    parts: tuple[KeptPart, ...] = ()

    @property
    def since(self) -> WritesSeq:
        """Behind which place the log is gone through again: before `position` where a part stood further back."""
        return min((part.position for part in self.parts), default=self.position)


class KeptStates(Protocol):
    """Where states of the past are found."""

    async def nearest(
        self, task: str, position: WritesSeq, enabled: EventsSeq | None = None, before: int | None = None
    ) -> KeptState | None:
        """The last state of a task at or before a place in the log; None where none is kept.

        enabled: of this run alone. before: one that was kept before this time (ns), in which the clock has set nothing
        off that was due then or later. Raises BusError.
        """


class NoneKept:
    """Where nothing of the past is kept."""

    async def nearest(
        self, task: str, position: WritesSeq, enabled: EventsSeq | None = None, before: int | None = None
    ) -> KeptState | None:
        return None
