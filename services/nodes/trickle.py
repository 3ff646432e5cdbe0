"""trickle: batches as a stream of their points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.columns.frame import Batches, Frame, Message
from services.columns.groups.retag import renamed_by_row
from services.pipeline.spec import Edge, NodeSpec, Properties
from services.runtime.node import Node


@dataclass
class TrickleProperties(Properties):
    """None."""

    def reads(self) -> frozenset[str]:
        return frozenset()

    def keeps_groups(self) -> bool:
        return False


class TrickleNode(Node):
    """Gives the points of each batch one by one: their own tags and times, the group and the name of the batch."""

    spec = NodeSpec(
        name="trickle",
        type_name="TrickleNode",
        properties=TrickleProperties,
        wants=(Edge.BATCH,),
        provides=Edge.STREAM,
        doc=__doc__ or "",
    )

    def batches(self, batches: Batches) -> Sequence[Message]:
        if not len(batches.points):
            return []
        of = batches.batch_of_points()
        names = np.array(batches.names, dtype=np.object_)
        series = renamed_by_row(batches.points.series, names[of], self.context.table)
        points = batches.points.with_series(series)
        return [Frame(points, batches.group[of], batches.dimensions, batches.origin[of])]
