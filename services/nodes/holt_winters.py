"""holtWinters: a forecast of a field by the Holt-Winters method."""

from __future__ import annotations

from services.nodes.aggregates.forecast import ForecastNode, ForecastProperties
from services.nodes.aggregates.function import function_spec
from services.pipeline.spec import Edge


class HoltWintersNode(ForecastNode):
    """A batch of the next points, as far as the horizon, at their own times."""

    spec = function_spec("holtWinters", ForecastProperties, __doc__, Edge.BATCH)
    fit = False
