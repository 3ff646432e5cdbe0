"""What top and bottom have in common: the best points of a batch, perhaps one for each value of some tags or fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from services.columns.column import IntArray, Rows
from services.columns.frame import Points
from services.expressions.tags import tags_of
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

    def _keys(self, segments: Segments, points: Points) -> IntArray | None:
        """A number for each usable point's combination of tags and fields; None where none are asked for."""
        keys: IntArray | None = None
        for name in self.properties.fields_and_tags:
            codes = self._codes(name, points)[segments.rows]
            keys = codes if keys is None else np.unique(keys * (int(codes.max(initial=0)) + 1) + codes, False, True)[1]
        return keys

    def _codes(self, name: str, points: Points) -> IntArray:
        """A number for each point's value: that of its field, else that of its tag, a missing one being empty."""
        tag = tags_of(self.context.table).column(name)
        known: dict[Any, int] = {text: i for i, text in enumerate(tag.texts.tolist())}
        empty = known.setdefault("", len(known))
        codes = tag.over(points.series).astype(np.int64)
        codes[codes < 0] = empty
        column = points.column(name)
        if column is not None:
            # a null is there: it is not the empty value that a missing tag has
            rows = np.flatnonzero(column.mask())
            codes[rows] = [known.setdefault(value, len(known)) for value in column.take(rows).tolist()]
        return codes
