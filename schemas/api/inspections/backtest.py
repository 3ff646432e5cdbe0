"""A backtest: how one is asked for, and how it is shown."""

from __future__ import annotations

from marshmallow import Schema, fields

from schemas.api.inspections.inspection import InspectionRequestSchema, InspectionSchema


class CreateBacktestSchema(InspectionRequestSchema):
    """POST /backtests, and the command backtest.create: what a script would have done."""


class BacktestSchema(InspectionSchema):
    """A backtest as it is shown."""


class BacktestListSchema(Schema):
    """Backtests."""

    backtests = fields.List(fields.Nested(BacktestSchema))
