"""A recording: how one is asked for, and how it is shown."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, pre_load, validate

from schemas.api.request import RequestSchema
from schemas.api.task import TYPES, LinkSchema

RESULT_STATUSES = ("running", "finished", "failed")


class JobRequestSchema(RequestSchema):
    """What requests for recordings and replays have in common."""

    id = fields.String(
        load_default="", metadata={"doc": "Letters, digits, '-', '.' and '_'; a UUID where it is left out."}
    )


class RecordStreamSchema(JobRequestSchema):
    """POST /recordings/stream, and the command recording.stream: what a task's databases are written."""

    task = fields.String(load_default="", metadata={"doc": "The task whose dbrps and measurements are recorded."})
    start = fields.String(
        load_default=None,
        metadata={
            "doc": "RFC 3339; from what was written then on, as if it had been asked for then. Without, it begins now."
        },
    )
    stop = fields.String(
        load_default=None,
        metadata={
            "doc": "RFC 3339; the first point of a later time ends the recording, and is not in it. So does the clock, "
            "15 s after the stop, unless the stop had passed when it was asked for, or at its start where it has one. "
            "With a start it may be left out: it is then now."
        },
    )


class RecordBatchSchema(JobRequestSchema):
    """POST /recordings/batch, and the command recording.batch: what a task's queries give."""

    task = fields.String(load_default="")
    start = fields.String(load_default=None, metadata={"doc": "RFC 3339."})
    stop = fields.String(load_default=None, metadata={"doc": "RFC 3339; now where it is left out."})


class RecordQuerySchema(JobRequestSchema):
    """POST /recordings/query, and the command recording.query: what one query gives."""

    type = fields.String(load_default="", metadata={"doc": "stream or batch: for which tasks it is to be."})
    query = fields.String(load_default="", metadata={"doc": "InfluxQL."})
    cluster = fields.String(load_default="")


class ImportRecordingSchema(JobRequestSchema):
    """The parameters of POST /recordings/import. The body is a recording's file as Kapacitor keeps it: .srpl, .brpl."""


class ListSchema(Schema):
    """The parameters of a list. offset and limit are texts here: what is wrong with them has its own error."""

    class Meta:
        unknown = EXCLUDE

    pattern = fields.String(load_default="")
    fields_ = fields.List(fields.String(), data_key="fields", load_default=list)
    offset = fields.String(load_default="")
    limit = fields.String(load_default="")

    @pre_load
    def as_text(self, data: Any, **kwargs: Any) -> Any:
        return {k: str(v) if isinstance(v, int) else v for k, v in data.items()} if isinstance(data, dict) else data


class RecordingSchema(Schema):
    """A recording as it is shown."""

    link = fields.Nested(LinkSchema)
    id = fields.String()
    type = fields.String(validate=validate.OneOf(TYPES))
    size = fields.Integer(metadata={"doc": "Bytes it takes, compressed."})
    date = fields.String(metadata={"doc": "RFC 3339; when it was asked for."})
    error = fields.String()
    status = fields.String(validate=validate.OneOf(RESULT_STATUSES))
    progress = fields.Float(metadata={"doc": "0 to 1; told anew every ten seconds."})


class RecordingListSchema(Schema):
    """Recordings."""

    recordings = fields.List(fields.Nested(RecordingSchema))
