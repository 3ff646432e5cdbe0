"""Events about backtests: `tickbus.event.backtest.<id>.<what>`, by gateways and recorders; see inspection.py."""

from __future__ import annotations

from marshmallow import Schema, fields

from schemas.api.task import DefinitionSchema
from schemas.events.inspection import DefinedInspectionSchema, DeletedSchema, FailedSchema, FinishedSchema
from schemas.events.numbers import time_ns


class DefinedSchema(DefinedInspectionSchema):
    """`defined`: a script is to be run over what was, and what it would have done to be listed."""

    task = fields.String(required=True, metadata={"doc": "The name under which it runs, that of a task or a made one."})
    definition = fields.Nested(DefinitionSchema, required=True, metadata={"doc": "What is to be run."})
    own = fields.Boolean(
        load_default=False,
        metadata={"doc": "Whether that is the task as it is defined: a state that was kept of it is then begun from."},
    )
    warm_up = time_ns(
        data_key="warm-up",
        load_default=None,
        allow_none=True,
        metadata={"doc": "ns that are read before `start` and not counted; null: as far as the script looks back."},
    )
    against = fields.String(load_default="", metadata={"doc": "A task whose alerts are compared with; empty: none."})
    against_since = time_ns(
        data_key="against-since", load_default=0, metadata={"doc": "When that task was last enabled, ns since 1970."}
    )
    against_script = fields.String(
        data_key="against-script",
        load_default="",
        metadata={"doc": "A script that is compared with; empty: none."},
    )


SCHEMAS: dict[str, type[Schema]] = {
    "defined": DefinedSchema,
    "finished": FinishedSchema,
    "failed": FailedSchema,
    "deleted": DeletedSchema,
}
"""By the event's `what`."""
