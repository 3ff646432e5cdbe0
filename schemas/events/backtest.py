"""Events about backtests: `tickbus.event.backtest.<id>.<what>`, by gateways and recorders; see inspection.py."""

from __future__ import annotations

from marshmallow import Schema

from schemas.events.inspection import DefinedInspectionSchema, DeletedSchema, FailedSchema, FinishedSchema


class DefinedSchema(DefinedInspectionSchema):
    """`defined`: a script is to be run over a part of the log, and what it would have sent to be listed."""


SCHEMAS: dict[str, type[Schema]] = {
    "defined": DefinedSchema,
    "finished": FinishedSchema,
    "failed": FailedSchema,
    "deleted": DeletedSchema,
}
"""By the event's `what`."""
