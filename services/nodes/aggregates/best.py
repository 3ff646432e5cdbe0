"""What top and bottom have in common: the best points of a batch, perhaps one for each value of some tags or fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from services.columns.column import Rows
from services.columns.frame import Points
from services.nodes.aggregates import kernels
from services.nodes.aggregates.function import TIMES_DOC, ChoiceNode
from services.nodes.aggregates.usable_values import Segments
from services.pipeline.spec import Properties, Type, argument, flag


@dataclass
class BestProperties(Properties):
    """As FunctionProperties, but the count comes before the field."""

    num: int = argument(Type.INT, doc="How many points to give.")
    field: str = argument(Type.STRING, doc="The field to compare.")
    fields_and_tags: list[str] = argument(
        Type.STRING, variadic=True, doc="Fields or tags, of whose values only the best point each takes part."
    )
    as_: str = ""
    use_point_times: bool = flag(doc=TIMES_DOC)

    def reads(self) -> frozenset[str]:
        return frozenset({self.field, *self.fields_and_tags})

    def passes(self) -> bool:
        return False


class BestNode(ChoiceNode):
    """Chooses the best values of a batch, earlier ones first among equals, and gives them in order of time.

    With further names only the best point for each distinct combination of those tags or fields takes part.
    """

    keeps_tags = True
    largest: ClassVar[bool]

    properties: BestProperties

    def choose(self, segments: Segments, points: Points) -> tuple[Rows, Rows]:
        return kernels.best(segments, self.properties.num, self._keys(segments, points), largest=self.largest)

    def _keys(self, segments: Segments, points: Points) -> NDArray[Any] | None:
        """A number for each usable point's combination of tags and fields; None where none are asked for."""
        names = self.properties.fields_and_tags
        if not names:
            return None
        table = self.context.table
        every = points.only(names).rows()
        known: dict[tuple[Any, ...], int] = {}
        keys = []
        for row in segments.rows.tolist():
            tags, fields = dict(table.series(int(points.series[row])).tags), every[row]
            # a null is there: it is not the empty value that a missing tag has
            key = tuple(fields[name] if name in fields else tags.get(name, "") for name in names)
            keys.append(known.setdefault(key, len(known)))
        return np.array(keys, dtype=np.int64)
