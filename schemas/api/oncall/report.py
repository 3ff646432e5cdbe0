"""What a time was like: changes of alerts' levels, and for how long alerts were not OK, added up."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields

from schemas.api.task import LinkSchema
from schemas.requests.alerting import LEVELS, MOST_REPORT_ROWS

BY = ("topic", "id", "task", "name")


class ReportParametersSchema(Schema):
    """The parameters of GET /alerts/report."""

    class Meta:
        unknown = EXCLUDE

    since = fields.String(
        load_default="", metadata={"doc": "RFC 3339, or ns since 1970; a day before `until` unless set."}
    )
    until = fields.String(load_default="", metadata={"doc": "The same; now unless set."})
    by = fields.String(
        load_default="topic", metadata={"doc": f"By what to add up: {', '.join(BY)} (the measurement), or tag:NAME."}
    )
    match = fields.List(
        fields.String(), load_default=list, metadata={"doc": "A matcher as of a silence; repeated, all must fit."}
    )
    limit = fields.String(load_default="", metadata={"doc": f"1 to {MOST_REPORT_ROWS} rows; 1000 unless set."})
    format = fields.String(
        load_default="", metadata={"doc": "json or csv (times are seconds there); if left out what `Accept` says."}
    )


class ReportRowSchema(Schema):
    """What has one value."""

    of = fields.String(metadata={"doc": "The value."})
    topic = fields.String(metadata={"doc": "Of the alert, where it is added up by id."})
    alerts = fields.Integer(metadata={"doc": "How many alerts there were."})
    changes = fields.Dict(
        fields.String(),
        fields.Integer(),
        metadata={"doc": f"How many changes to a level, by level: {', '.join(LEVELS)}."},
    )
    time = fields.Dict(
        fields.String(),
        fields.String(),
        metadata={"doc": "For how long alerts were at it, all together, by level but OK: Go durations."},
    )
    held = fields.Integer(metadata={"doc": "Changes that handlers were not told of, by silences, mutes or flapping."})


class ReportSchema(Schema):
    """The rows, what was not OK for longest first."""

    link = fields.Nested(LinkSchema)
    since = fields.String(metadata={"doc": "RFC 3339."})
    until = fields.String(metadata={"doc": "RFC 3339."})
    by = fields.String()
    rows = fields.List(fields.Nested(ReportRowSchema))
    left = fields.Integer(metadata={"doc": "How many rows there were besides."})
