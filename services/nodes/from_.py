"""from: choose points by database, retention policy, measurement and a condition, and group them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.columns.frame import Frame, Message, Points
from services.columns.groups.grouping import dimensions_of, regroup
from services.columns.groups.keyed_state import NotByGroup, Partitioning
from services.columns.groups.series import SeriesTable
from services.columns.snapshot import State
from services.columns.times import round_half_up, truncate
from services.expressions.explained import Explained, explained
from services.pipeline.column_pruning import references_of
from services.pipeline.dimensions import check_dimensions
from services.pipeline.spec import (
    STAR,
    Edge,
    LambdaValue,
    NodeSpec,
    Properties,
    Type,
    condition,
    flag,
    prop,
    several,
)
from services.pipeline.tag_set import ALL_TAGS, TagSet
from services.runtime.context import Context
from services.runtime.grouping_node import GroupingNode
from services.runtime.lambdas import checked_evaluator, remembers


@dataclass
class FromProperties(Properties):
    """What is not set does not choose."""

    database: str = prop(Type.STRING, default="", doc="Only points written to this database.")
    retention_policy: str = prop(Type.STRING, default="", doc="Only points written to this retention policy.")
    measurement: str = prop(Type.STRING, default="", doc="Only points of this measurement.")
    truncate: int = prop(Type.DURATION, default=0, doc="Cut times down to a multiple of this, counted from the year 1.")
    round: int = prop(Type.DURATION, default=0, doc="Round times to the nearest multiple of this, half up.")
    where: LambdaValue | None = condition(doc="Only points for which this holds. Several are joined by AND.")
    group_by: list[str] = several(Type.STRING_OR_STAR, doc="The tags to group by; * for all of them.")
    group_by_measurement: bool = flag(doc="Group by the measurement as well.")

    def check(self) -> None:
        check_dimensions(self.group_by)

    def reads(self) -> frozenset[str]:
        return references_of(self.where)

    def tags_behind(self, before: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
        return None if STAR in self.group_by else frozenset(self.group_by)

    def name_behind(self, before: Sequence[str | None]) -> str | None:
        return self.measurement or None

    def groups_by(self) -> TagSet:
        return ALL_TAGS if STAR in self.group_by else TagSet.of(self.group_by)

    def keeps_groups(self) -> bool:
        return False

    def needs_all_groups(self, wants: Edge) -> str:
        return "what its condition remembers is of all points" if remembers(self.where) else ""


class FromNode(GroupingNode):
    """Chooses points and groups them. A point whose condition cannot be evaluated is left out and logged.

    Points go on in the order they were written, whatever their times. With the setting [engine] group-idle-age a group
    without points for so long ends here and in all nodes below, as with barrier().delete(TRUE).
    """

    spec = NodeSpec(
        name="from",
        type_name="FromNode",
        properties=FromProperties,
        wants=(Edge.STREAM,),
        provides=Edge.STREAM,
        doc=__doc__ or "",
        sources=("stream", "from"),
    )

    properties: FromProperties

    def __init__(self, properties: FromProperties, context: Context) -> None:
        super().__init__(properties, context)
        self._where = None
        if properties.where is not None:
            self._where = checked_evaluator(properties.where, context.table, "Failed to compile from expression: ")
        self._dimensions = dimensions_of(properties.group_by, properties.group_by_measurement, ())

    def frame(self, frame: Frame) -> Sequence[Message]:
        p = self.properties
        chosen = frame
        if p.database or p.retention_policy or p.measurement:
            wanted = ("chosen", p.database, p.retention_policy, p.measurement)
            some = frame.points.memo(wanted, lambda: self._some(frame))
            chosen = frame if some is None else some
        if self._where is not None and len(chosen):
            truth = self._where.truth(chosen.points, now=self.context.step.now)
            if truth.failed is not None:
                self.context.error("failed to evaluate WHERE expression: " + truth.reasons[0], int(truth.failed.sum()))
            chosen = chosen.take(np.flatnonzero(truth.true))
        if p.truncate or p.round:
            time = round_half_up(truncate(chosen.points.time, p.truncate), p.round)
            chosen = Frame(chosen.points.with_time(time), chosen.group, chosen.dimensions, chosen.origin)
        return [regroup(chosen, self._dimensions, self.context.table)]

    def explain_point(self, point: Points, group: int) -> dict[str, Explained]:
        p, series = self.properties, self.context.table.series(int(point.series[0]))
        chosen = {
            "database": (p.database, series.database),
            "retentionPolicy": (p.retention_policy, series.retention_policy),
            "measurement": (p.measurement, series.name),
        }
        found = {
            name: Explained(f"{name} {has!r} == {wants!r} is {str(has == wants).lower()}", has == wants)
            for name, (wants, has) in chosen.items()
            if wants
        }
        if self._where is not None and all(one.value for one in found.values()):
            found["where"] = explained(self._where, point, now=self.context.step.now)
        return found

    def state(self) -> State:
        return super().state() | ({} if self._where is None else {"where": self._where.state()})

    def restore(self, state: State) -> None:
        super().restore(state)
        if self._where is not None:
            self._where.restore(state["where"])

    @classmethod
    def split_state(cls, state: State, sharing: Partitioning) -> list[State]:
        states = super().split_state(state, sharing)
        if "where" not in state:
            return states
        if state["where"]:
            raise NotByGroup("what the condition of from() remembers is of all points")
        return [{**one, "where": {}} for one in states]

    @classmethod
    def join_states(cls, states: Sequence[State], table: SeriesTable) -> State:
        joined = super().join_states(states, table)
        if any(state.get("where") for state in states):
            raise NotByGroup("what the condition of from() remembers is of all points")
        return {**joined, "where": {}} if "where" in states[0] else joined

    def _some(self, frame: Frame) -> Frame | None:
        """The rows of the right database, policy and measurement; None where that is all of them."""
        table = self.context.table
        source = table.sources(frame.points.series)
        if (source == source[0]).all():
            return None if self._fits(*table.source(int(source[0]))) else frame.take(np.empty(0, dtype=np.intp))
        occurs = np.bincount(source) > 0
        fits = np.array([there and self._fits(*table.source(n)) for n, there in enumerate(occurs.tolist())])
        return frame.take(np.flatnonzero(fits[source]))

    def _fits(self, database: str, retention_policy: str, name: str) -> bool:
        p = self.properties
        return (
            (not p.database or database == p.database)
            and (not p.retention_policy or retention_policy == p.retention_policy)
            and (not p.measurement or name == p.measurement)
        )
