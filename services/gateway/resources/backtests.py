"""The resource /backtests."""

from __future__ import annotations

from schemas.api.inspections.backtest import BacktestListSchema, BacktestSchema, CreateBacktestSchema
from services.gateway.http.resource import Resource
from services.gateway.inspections.backtests import BacktestRequests
from services.gateway.inspections.commands import InspectionCommands
from services.gateway.inspections.operations import Described, operations
from services.gateway.inspections.queries import InspectionQueries

_ABOUT = "Run a script over a part of the log with nothing done outside, and list what it would have done."
_BACKTESTS = Described("backtest", _ABOUT, CreateBacktestSchema, BacktestSchema, BacktestListSchema)


def resource(requests: BacktestRequests, commands: InspectionCommands, queries: InspectionQueries) -> Resource:
    """What can be done with backtests."""
    return Resource("backtests", operations(_BACKTESTS, lambda body: requests.create(body), commands, queries))
