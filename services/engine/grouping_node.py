"""What nodes that put points into groups have in common: they see to it that idle groups end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.engine.frame import Batches, Frame, Message
from services.engine.idle import IdleGroups
from services.engine.node import Context, Node, State


class GroupingNode(Node):
    """Ends the groups that its points leave in once they have been idle for the age that the settings name.

    0 there: never, and at no cost. What was saved under another setting is passed over.
    """

    clocked = True

    def __init__(self, properties: Any, context: Context) -> None:
        super().__init__(properties, context)
        age = context.around.group_idle_age
        self._idle = IdleGroups(context, age) if age and self.makes_groups() else None

    def makes_groups(self) -> bool:
        """Whether points can leave in other groups than they came in; it need not be so for each. Asked once."""
        return True

    def run(self, inputs: Sequence[Sequence[Message]]) -> list[Message]:
        out = super().run(inputs)
        if self._idle is not None:
            for message in out:
                if isinstance(message, Frame | Batches):
                    self._idle.came(message)
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
        return self.idle_state()

    def restore(self, state: State) -> None:
        self.restore_idle(state)

    def idle_state(self) -> State:
        """What `state` has to hold of this; nothing where groups do not end."""
        return {} if self._idle is None else {"idle": self._idle.state()}

    def restore_idle(self, state: State) -> None:
        """Take up what `idle_state` gave. Where the setting is new, groups count from their next point on."""
        if self._idle is not None and "idle" in state:
            self._idle.restore(state["idle"])
