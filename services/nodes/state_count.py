"""stateCount: for how many points in a row a condition has held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.columns.column import Column, IntArray, Kind
from services.nodes.tracking.state_tracking import NOT_IN_STATE, StateProperties, StateTrackingNode, Stretches
from services.pipeline.spec import Edge, NodeSpec, Type, prop


@dataclass
class StateCountProperties(StateProperties):
    as_: str = prop(Type.STRING, default="state_count", doc="The field to put the count in.")


class StateCountNode(StateTrackingNode):
    """Adds how many points in a row (an int) the group has been in the state: 1 with its first, -1 outside of it."""

    spec = NodeSpec(
        name="stateCount",
        type_name="StateCountNode",
        properties=StateCountProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        prefix="state_count",
        doc=__doc__ or "",
        late="they are taken in order of arrival and count like others.",
    )

    properties: StateCountProperties

    def measure(self, time: IntArray, stretches: Stretches) -> tuple[Column, IntArray]:
        carried = np.where(stretches.carried == NOT_IN_STATE, 0, stretches.carried)
        count = np.arange(len(time)) - stretches.began + 1 + carried
        values = np.where(stretches.inside, count, -1)
        return Column(Kind.INT, values), np.where(stretches.inside, count, NOT_IN_STATE)
