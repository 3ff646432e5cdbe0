"""A backtest: how one is asked for, and how it is shown."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from schemas.api.inspections.inspection import InspectionRequestSchema, InspectionSchema, Span
from schemas.api.task import TYPES, DbrpSchema, VarSchema


class CreateBacktestSchema(InspectionRequestSchema):
    """POST /backtests, and the command backtest.create: what a script would have done, with nothing done outside.

    The script is given as in POST /tasks. With a task it is that of the task, changed in what else is given, as by
    PATCH /tasks/ID.
    """

    task = fields.String(load_default="", metadata={"doc": "A task, as it is or changed."})
    template_id = fields.String(data_key="template-id", load_default="", metadata={"doc": "As of a task."})
    type = fields.String(
        load_default="",
        validate=validate.OneOf(TYPES),
        metadata={"doc": "That of the script, which tells it as well; another is an error."},
    )
    dbrps = fields.List(fields.Nested(DbrpSchema), load_default=list, metadata={"doc": "What is read, as of a task."})
    script = fields.String(load_default="", metadata={"doc": "TICKscript."})
    vars = fields.Dict(load_default=dict, metadata={"doc": "By name, each as VarSchema has it."})
    warm_up = Span(
        data_key="warm-up",
        load_default=None,
        metadata={
            "doc": "What of the log is read before `start` and not counted, as `10m` or ns; where it is left out, as "
            "far as the script's windows look back. Of no effect where a state of the task is begun from."
        },
    )
    against = fields.String(load_default="", metadata={"doc": "A task: what it did meanwhile is compared with."})
    against_script = fields.String(
        data_key="against-script",
        load_default="",
        metadata={"doc": "Instead of a task a script, run with the same dbrps and vars, that is compared with."},
    )


class BacktestSchema(InspectionSchema):
    """A backtest as it is shown."""

    task = fields.String(metadata={"doc": "The name under which the script runs."})
    type = fields.String(validate=validate.OneOf(TYPES))
    dbrps = fields.List(fields.Nested(DbrpSchema))
    script = fields.String()
    vars = fields.Dict(keys=fields.String(), values=fields.Nested(VarSchema))
    against = fields.String()
    against_script = fields.String(data_key="against-script", attribute="against-script")


class BacktestListSchema(Schema):
    """Backtests."""

    backtests = fields.List(fields.Nested(BacktestSchema))
