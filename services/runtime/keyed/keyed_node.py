"""What nodes that keep something of each group have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from services.columns.frame import Barriers, Message
from services.columns.groups.keyed_state import KeyedState, Partitioning
from services.columns.groups.series import SeriesTable
from services.columns.snapshot import State
from services.runtime.node import Node


class KeyedNode(Node):
    """A node that declares what it keeps of each group, as a subclass of KeyedState that it names in `keeps`.

    Its constructor makes one, as `keyed`. Barriers that end groups have them forgotten; the state is that of `keyed`. A
    node that keeps more adds it to what these methods give.
    """

    keeps: ClassVar[type[KeyedState]] = KeyedState
    keyed: KeyedState

    def groups_alive(self) -> int:
        return len(self.keyed)

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        self.keyed.observe_barriers(barriers)
        return [barriers]

    def explain(self, group: int) -> dict[str, Any]:
        local = self.local_number(group)
        return {} if local is None else self.keyed.explain(local)

    def local_number(self, group: int) -> int | None:
        """The number that a group of the table has among those that are kept; None: it has none yet."""
        local = int(self.keyed.groups.known(np.array([group], dtype=np.int32))[0])
        return None if local < 0 else local

    def memory_number(self, group: int) -> int:
        """As `local_number`; of a group that has none yet, one that nothing is kept of."""
        local = self.local_number(group)
        return len(self.keyed) if local is None else local

    def state(self) -> State:
        return {**super().state(), **self.keyed.state()}

    def restore(self, state: State) -> None:
        super().restore(state)
        self.keyed.restore(state)

    @classmethod
    def split_state(cls, state: State, sharing: Partitioning) -> list[State]:
        others = super().split_state(state, sharing)
        return [{**other, **own} for other, own in zip(others, cls.keeps.split(state, sharing), strict=True)]

    @classmethod
    def join_states(cls, states: Sequence[State], table: SeriesTable) -> State:
        return {**super().join_states(states, table), **cls.keeps.joined(states, table)}
