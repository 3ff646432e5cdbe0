"""What nodes that put points into groups have in common: they see to it that idle groups end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.columns.frame import Batches, Frame, Message
from services.columns.groups.keyed_state import Partitioning
from services.columns.groups.series import SeriesTable
from services.columns.snapshot import State
from services.runtime.context import Context
from services.runtime.input.idle_groups import IdleGroups
from services.runtime.node import Node


class GroupingNode(Node):
    """Ends the groups that its points leave in once they have been idle for the age that the settings name.

    0 there: never, and at no cost. What was saved under another setting is passed over.
    """

    clocked = True

    def __init__(self, properties: Any, context: Context) -> None:
        super().__init__(properties, context)
        age = context.environment.group_idle_age
        self._idle = IdleGroups(context, age) if age and self.makes_groups() else None

    def makes_groups(self) -> bool:
        """Whether points can leave in other groups than they came in; it need not be so for each. Asked once."""
        return True

    def run(self, inputs: Sequence[Sequence[Message]]) -> list[Message]:
        out = super().run(inputs)
        if self._idle is not None:
            for message in out:
                if isinstance(message, Frame | Batches):
                    self._idle.observe(message)
        return out

    def timed(self) -> bool:
        return self._idle is not None

    def next_tick(self) -> int | None:
        return None if self._idle is None else self._idle.next

    def tick(self, now: int) -> Sequence[Message]:
        return [] if self._idle is None else self._idle.expire(now)

    def soonest(self) -> int | None:
        return None if self._idle is None else self._idle.age

    def resumed(self, now: int) -> None:
        if self._idle is not None:
            self._idle.resumed(now)

    def state(self) -> State:
        state = super().state()
        return state if self._idle is None else {**state, "idle": self._idle.state()}

    def restore(self, state: State) -> None:
        super().restore(state)
        # where the setting is new, groups count from their next point on
        if self._idle is not None and "idle" in state:
            self._idle.restore(state["idle"])

    @classmethod
    def split_state(cls, state: State, sharing: Partitioning) -> list[State]:
        states = super().split_state(state, sharing)
        if "idle" not in state:
            return states
        idle = IdleGroups.split(state["idle"], sharing)
        return [{**one, "idle": its} for one, its in zip(states, idle, strict=True)]

    @classmethod
    def join_states(cls, states: Sequence[State], table: SeriesTable) -> State:
        joined = super().join_states(states, table)
        if any("idle" not in state for state in states):
            return joined
        return {**joined, "idle": IdleGroups.joined([state["idle"] for state in states], table)}
