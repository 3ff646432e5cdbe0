"""holtWintersWithFit: a forecast of a field by the Holt-Winters method, together with the fitted past."""

from __future__ import annotations

from services.nodes.aggregates.forecast import ForecastNode, ForecastProperties
from services.nodes.aggregates.function import function_spec
from services.pipeline.spec import Edge


class HoltWintersWithFitNode(ForecastNode):
    """A batch of the fitted points and the next ones, as far as the horizon, at their own times."""

    spec = function_spec("holtWintersWithFit", ForecastProperties, __doc__, Edge.BATCH, prefix="holtWinters")
    fit = True
