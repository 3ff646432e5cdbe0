"""How alerts stood when a task started: its alert node's groups go on from there, and its topics are brought in step.

A node with handlers of its own and a named topic has two that may differ: the task was renamed or defined anew, which
begins its own topic anew, or other tasks have used the named one meanwhile. As in Kapacitor 1.5.7 the own topic is
believed where it knows the alert. With a group's first point the own topic takes up what only the named one knows, and
the named one what it knows otherwise: silently, as an event that is told to nobody. So both tell the same previous
level with what comes next. A named topic that knows nothing of the alert is left so.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from services.columns.column import Rows
from services.columns.groups.keyed_state import KeyedPart
from services.columns.groups.series import SeriesTable
from services.columns.output_sequence import OutputSequence
from services.columns.snapshot import State
from services.nodes.raising.levels import OK
from services.runtime.context import Context
from services.runtime.effects import TakeUp

_Stood = tuple[int, int, int]
"""Level, time (ns) of the alert's last event, duration (ns)."""

_TakenUp = tuple[str, str, str, _Stood, int]
"""The topic that takes up, the one that it takes from, id, how the alert stood, row of the input that caused it."""


class Remembered(KeyedPart):
    """Use `begin` for each new group, in order of their local numbers, then `tell`."""

    def __init__(self, topics: Sequence[str], category: str, context: Context) -> None:
        """topics: the node's own first, where it has both."""
        self._topics, self._category, self._context = tuple(topics), category, context
        self._levels: Mapping[str, Mapping[str, _Stood]] = context.environment.levels
        self._begun: dict[int, str] = {}  # by local group, the id, of groups that went on from before
        self._in_step: set[str] = set()  # ids, with which the topics are done
        self._over: set[str] = set()  # ids of groups that have ended since: what was remembered of them is old
        self._taken: list[_TakenUp] = []
        self._sequence = OutputSequence()

    def begin(self, group: int, id: str, origin: int) -> tuple[int, int]:
        """Level and time (ns) from which a new group goes on; OK where nothing is remembered of its alert."""
        if not self._levels:
            return OK, 0
        found = {topic: self._levels[topic][id] for topic in self._topics if id in self._levels.get(topic, ())}
        if not found or id in self._over:
            return OK, 0
        source = next(iter(found))
        level, time, _ = found[source]
        for topic in self._topics:
            knows = topic in found or topic == self._topics[0]
            if id not in self._in_step and knows and found.get(topic, (OK, 0, 0))[0] != level:
                self._taken.append((topic, source, id, found[source], origin))
        self._in_step.add(id)
        if level != OK:
            self._begun[group] = id
        return level, time

    def tell(self) -> None:
        """Have the topics take up what they are to, from all groups that have begun."""
        taken, self._taken = sorted(self._taken, key=lambda one: one[4]), []
        for topic in dict.fromkeys(one[0] for one in taken):
            mine = [one for one in taken if one[0] == topic]
            origin = np.array([one[4] for one in mine], dtype=np.int64)
            self._context.effect(
                TakeUp(
                    task=self._context.task,
                    node=self._context.node,
                    topic=topic,
                    source=mine[0][1],
                    ids=[one[2] for one in mine],
                    stood=[one[3] for one in mine],
                    event_ids=self._sequence.event_ids(self._context.step, origin),
                    category=self._category,
                )
            )

    def keep(self, left: Rows) -> None:
        kept = {old: new for new, old in enumerate(left.tolist())}
        self._over |= {id for group, id in self._begun.items() if group not in kept}
        self._begun = {kept[group]: id for group, id in self._begun.items() if group in kept}

    def state(self) -> State:
        return {"begun": dict(self._begun), "in_step": sorted(self._in_step), "over": sorted(self._over)}

    def restore(self, state: State) -> None:
        self._begun = {int(group): str(id) for group, id in state["begun"].items()}
        self._in_step, self._over = set(state["in_step"]), set(state["over"])

    @classmethod
    def take(cls, state: State, left: Rows, table: SeriesTable) -> State:
        new = {old: i for i, old in enumerate(left.tolist())}
        return {**state, "begun": {new[group]: id for group, id in state["begun"].items() if group in new}}

    @classmethod
    def join(cls, states: Sequence[State], sizes: Sequence[int], table: SeriesTable) -> State:
        bases = [0, *itertools.accumulate(sizes)]
        begun = {g + base: id for s, base in zip(states, bases, strict=False) for g, id in s["begun"].items()}
        ids = {name: sorted({id for state in states for id in state[name]}) for name in ("in_step", "over")}
        return {"begun": begun, **ids}
