"""What an alert node inhibits: while a group's alert is not OK, alerts of a category that have the same tags.

The node only tells when that begins and ends for each of its groups. What is inhibited by it the alerting service
decides, which sees the alerts of all tasks in one order (see services.alerting.topics.inhibitors).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import orjson

from services.columns.column import IntArray, Rows
from services.columns.groups.keyed_state import KeyedPart
from services.columns.groups.series import Group, SeriesTable
from services.columns.output_sequence import OutputSequence
from services.columns.snapshot import State
from services.runtime.context import Context
from services.runtime.effects import Inhibition

Inhibitor = tuple[str, ...]
"""A category, and the tags that must be equal."""

_Change = tuple[int, int, bool]
"""Row of the step's input that caused it, local group, whether its alert inhibits from there on."""


class Inhibiting(KeyedPart):
    """Use `begin` for each new group, in order of their local numbers."""

    def __init__(self, inhibitors: Sequence[Inhibitor], group_of: Callable[[int], Group], context: Context) -> None:
        """group_of: gives the group of a local number."""
        self._inhibitors = tuple(inhibitors)
        self._group_of, self._context = group_of, context
        self._names = sorted({name for inhibitor in inhibitors for name in inhibitor[1:]})
        self._on: list[bool] = []
        self._tags: list[dict[str, str]] = []
        self._sequence = OutputSequence()
        self._begun: list[_Change] = []

    def __bool__(self) -> bool:
        return bool(self._inhibitors)

    def begin(self, tags: Mapping[str, str], on: bool, origin: int) -> None:
        """A new group, with the tags of its first point (of a batch, of the group) and as its topic remembers it."""
        if on:
            self._begun.append((origin, len(self._on), True))
        self._on.append(on)
        self._tags.append({name: tags.get(name, "") for name in self._names})

    def triggered(self, group: IntArray, on: Sequence[bool], origin: IntArray) -> None:
        """Alerts were triggered, in order of arrival: for each the local group, and whether it is not OK now."""
        changes, self._begun = self._begun, []
        for local, now, row in zip(group.tolist(), on, origin.tolist(), strict=True):
            if self._on[local] != now:
                self._on[local] = now
                changes.append((row, local, now))
        # what a group begins with comes before what the same point triggers: the sort is stable
        self._tell(sorted(changes, key=lambda change: change[0]))

    def end(self, group: IntArray, origin: IntArray) -> None:
        """Groups come to their end, -1 for one that never was: they inhibit nothing any more."""
        ends = zip(group.tolist(), origin.tolist(), strict=True)
        self._tell([(row, local, False) for local, row in ends if local >= 0 and self._on[local]])

    def keep(self, left: Rows) -> None:
        if not self._inhibitors:
            return
        self._on = [self._on[i] for i in left.tolist()]
        self._tags = [self._tags[i] for i in left.tolist()]

    def state(self) -> State:
        return {"on": self._on, "tags": self._tags}

    def restore(self, state: State) -> None:
        self._on = [bool(on) for on in state["on"]]
        self._tags = [dict(tags) for tags in state["tags"]]

    @classmethod
    def take(cls, state: State, left: Rows, table: SeriesTable) -> State:
        return {name: [state[name][i] for i in left.tolist()] if state[name] else [] for name in ("on", "tags")}

    @classmethod
    def join(cls, states: Sequence[State], sizes: Sequence[int], table: SeriesTable) -> State:
        return {name: [one for state in states for one in state[name]] for name in ("on", "tags")}

    def _tell(self, changes: Sequence[_Change]) -> None:
        if not changes or not self._inhibitors:
            return
        announced = [(change, number) for change in changes for number in range(len(self._inhibitors))]
        origin = np.array([row for (row, _, _), _ in announced], dtype=np.int64)
        self._context.effect(
            Inhibition(
                task=self._context.task,
                node=self._context.node,
                keys=[self._key(group, number) for (_, group, _), number in announced],
                categories=[self._inhibitors[number][0] for _, number in announced],
                tags=[self._equal(group, number) for (_, group, _), number in announced],
                on=[on for (_, _, on), _ in announced],
                event_ids=self._sequence.event_ids(self._context.step, origin),
            )
        )

    def _key(self, group: int, number: int) -> str:
        """Names one of the node's inhibitors in one of its groups."""
        of = self._group_of(group)
        return orjson.dumps([number, of.name if of.by_name else "", of.tags]).decode()

    def _equal(self, group: int, number: int) -> dict[str, str]:
        return {name: self._tags[group][name] for name in self._inhibitors[number][1:]}
