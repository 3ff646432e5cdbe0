"""A task: what defines it, how a request changes it, and how it is shown."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, pre_load, validate

from schemas.api.request import RequestSchema

TYPES = ("stream", "batch")
STATUSES = ("enabled", "disabled")
VAR_TYPES = ("bool", "int", "float", "string", "regex", "duration", "lambda", "list", "star")


class DbrpSchema(RequestSchema):
    """A database and retention policy."""

    db = fields.String(load_default="")
    rp = fields.String(load_default="")


class LinkSchema(Schema):
    """Where a resource is found."""

    rel = fields.String()
    href = fields.String()


class VarSchema(Schema):
    """A value for one of a script's vars.

    Values in JSON: regex its pattern, duration ns as an integer (a request may also say "90m"), lambda its expression
    without the word `lambda:`, list a list of vars of type string or star, star null.
    """

    class Meta:
        unknown = EXCLUDE

    type = fields.String(required=True, validate=validate.OneOf(VAR_TYPES))
    value = fields.Raw(load_default=None, allow_none=True)
    description = fields.String(load_default="")


class _TaskRequest(RequestSchema):
    id = fields.String(load_default="", metadata={"doc": "Letters, digits, '-', '.' and '_'."})
    template_id = fields.String(data_key="template-id", load_default="")
    type = fields.String(
        load_default="",
        validate=validate.OneOf(TYPES),
        metadata={"doc": "Must be a known word if given; what counts is the script."},
    )
    dbrps = fields.List(fields.Nested(DbrpSchema), load_default=list, metadata={"doc": "What the task reads."})
    script = fields.String(load_default="", metadata={"doc": "TICKscript."})
    status = fields.String(load_default="", validate=validate.OneOf(STATUSES))
    vars = fields.Dict(load_default=dict, metadata={"doc": "By name, each as VarSchema has it."})


class DeleteTaskSchema(Schema):
    """The parameters of DELETE /tasks/ID."""

    class Meta:
        unknown = EXCLUDE

    alerts = fields.String(
        load_default="",
        metadata={
            "doc": "What becomes of the alerts that the task leaves: forget, keep or end. Unless it is given "
            "`deleted-tasks` in [alert] of the configuration counts, which see."
        },
    )


class CreateTaskSchema(_TaskRequest):
    """POST /tasks, and the command task.create."""


class UpdateTaskSchema(_TaskRequest):
    """PATCH /tasks/ID: what is empty or left out stays; non-empty vars replace all vars; an id renames the task."""

    unmodified_since = fields.String(
        data_key="unmodified-since",
        load_default="",
        metadata={
            "doc": "The task's `modified` as it was when it was read: where somebody has changed the task since, "
            "this is answered with 409 and changes nothing."
        },
    )


class GetTaskSchema(Schema):
    """The parameters of GET /tasks/ID."""

    class Meta:
        unknown = EXCLUDE

    script_format = fields.String(data_key="script-format", load_default="")
    dot_view = fields.String(data_key="dot-view", load_default="")
    replay_id = fields.String(data_key="replay-id", load_default="")
    view = fields.String(load_default="", metadata={"doc": "`svg`: its graph as a picture, in place of JSON."})


class ListTasksSchema(Schema):
    """The parameters of GET /tasks. offset and limit are texts here: what is wrong with them has its own error."""

    class Meta:
        unknown = EXCLUDE

    pattern = fields.String(load_default="")
    fields_ = fields.List(fields.String(), data_key="fields", load_default=list)
    script_format = fields.String(data_key="script-format", load_default="")
    dot_view = fields.String(data_key="dot-view", load_default="")
    offset = fields.String(load_default="")
    limit = fields.String(load_default="")

    @pre_load
    def as_text(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        return {k: str(v) if isinstance(v, int) else v for k, v in data.items()}


class DefinitionSchema(Schema):
    """What a task is, apart from its id and from whether it runs."""

    type = fields.String(required=True, validate=validate.OneOf(TYPES))
    dbrps = fields.List(fields.Nested(DbrpSchema), required=True)
    script = fields.String(required=True)
    vars = fields.Dict(keys=fields.String(), values=fields.Nested(VarSchema), required=True)
    template_id = fields.String(data_key="template-id", load_default="")

    class Meta:
        unknown = EXCLUDE


class TaskSchema(Schema):
    """A task as it is shown. Lists leave out template-id."""

    link = fields.Nested(LinkSchema)
    id = fields.String()
    template_id = fields.String(data_key="template-id", attribute="template-id")
    type = fields.String(validate=validate.OneOf(TYPES))
    dbrps = fields.List(fields.Nested(DbrpSchema))
    script = fields.String()
    vars = fields.Dict(keys=fields.String(), values=fields.Nested(VarSchema))
    dot = fields.String(metadata={"doc": "The graph in DOT, with statistics while it runs."})
    status = fields.String(validate=validate.OneOf(STATUSES))
    executing = fields.Boolean()
    error = fields.String(metadata={"doc": "Why it could not start or has ended; empty if nothing is wrong."})
    stats = fields.Raw(
        allow_none=True, metadata={"doc": "See schemas.requests.engine.StatsSchema; null or {} if not run."}
    )
    created = fields.String(metadata={"doc": "RFC 3339."})
    modified = fields.String()
    last_enabled = fields.String(data_key="last-enabled", attribute="last-enabled")
    made_from = fields.String(
        data_key="made-from",
        attribute="made-from",
        metadata={"doc": "The id of its template. In lists alone, where `fields` asks for it."},
    )
    worker = fields.String(metadata={"doc": "Who runs it. In lists alone, where `fields` asks for it."})


class TaskListSchema(Schema):
    """Tasks."""

    tasks = fields.List(fields.Nested(TaskSchema))


class ValuesSchema(Schema):
    """Points of one series."""

    name = fields.String()
    tags = fields.Dict(keys=fields.String(), values=fields.String())
    columns = fields.List(fields.String(), metadata={"doc": "`time`, then the fields, by name."})
    values = fields.List(fields.List(fields.Raw(allow_none=True)), metadata={"doc": "A row a point; RFC 3339 times."})


class EndpointSchema(Schema):
    """What an httpOut node shows: the last point, or the last batch, of each group."""

    series = fields.List(fields.Nested(ValuesSchema), allow_none=True, metadata={"doc": "null before there was data."})
