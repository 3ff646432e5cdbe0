"""stateDuration: for how long a condition has held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grammar.golang.times import format_rfc3339
from services.columns.column import Column, IntArray, Kind
from services.columns.times import elapsed
from services.nodes.tracking.state_tracking import NOT_IN_STATE, StateProperties, StateTrackingNode, Stretches
from services.pipeline.spec import Edge, NodeSpec, Type, prop


@dataclass
class StateDurationProperties(StateProperties):
    as_: str = prop(Type.STRING, default="state_duration", doc="The field to put the duration in.")
    unit: int = prop(Type.DURATION, default=10**9, doc="What the duration is counted in.")


class StateDurationNode(StateTrackingNode):
    """Adds how long (a float of `unit`) the group has been in the state: 0 with its first point, -1 outside of it."""

    spec = NodeSpec(
        name="stateDuration",
        type_name="StateDurationNode",
        properties=StateDurationProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        prefix="state_duration",
        doc=__doc__ or "",
        late=(
            "they are taken in order of arrival: the duration falls, below 0 where they are older than the "
            "first point in the state."
        ),
    )

    properties: StateDurationProperties

    def shown(self, carried: int) -> int | str:
        return super().shown(carried) if carried == NOT_IN_STATE else f"since {format_rfc3339(carried)}"

    def measure(self, time: IntArray, stretches: Stretches) -> tuple[Column, IntArray]:
        since = np.where(stretches.carried == NOT_IN_STATE, time[stretches.began], stretches.carried)
        with np.errstate(divide="ignore", invalid="ignore"):  # of a unit of 0, as in the reference: infinite, or NaN
            held = elapsed(time, since).astype(np.float64) / float(self.properties.unit)
        values = np.where(stretches.inside, held, -1.0)
        return Column(Kind.FLOAT, values), np.where(stretches.inside, since, NOT_IN_STATE)
