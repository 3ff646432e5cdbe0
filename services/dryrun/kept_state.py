"""The state of a task as it was at a place in the log: what a look at the past begins from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.bus.positions import EventsSeq, WritesSeq
from services.columns.groups.portable_names import Names
from services.columns.snapshot import State
from services.store.folds.definition import TaskDefinition


@dataclass(frozen=True, slots=True)
class KeptState:
    """What a task had made of everything up to a place in the log.

    enabled, began: of the run, as services.engine.states.records.RunKey has them. definition: what ran. position: the
    place; time: when the last message up to there was stored, ns. names: those in the state, which are to be given
    numbers (services.columns.groups.portable_names.Resolver) before it is restored. levels: how alerts stood when the
    run started (services.runtime.progress.topic_levels.Levels). ended: the run has stopped there.
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
