"""A silence, which keeps alerts that fit all its matchers from handlers for a while: as asked for, and as shown."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from schemas.api.inspections.inspection import Moment, Span
from schemas.api.recording import ListSchema
from schemas.api.request import RequestSchema
from schemas.api.task import LinkSchema

STATES = ("pending", "active", "expired")
NAMES = "topic, id, task, level, name (the measurement), else a tag; `tag:NAME` is a tag whatever it is called"

_BOTH: dict[str, Any] = {"required": "a matcher has a name and a value"}
_OPERATORS = {"=": (False, True), "!=": (False, False), "=~": (True, True), "!~": (True, False)}


class MatcherSchema(RequestSchema):
    """What must be so of an alert: a text as `host=a`, `host!=a`, `host=~web.*` or `host!~web.*` (whole values), or
    these parts. What an alert lacks counts as empty."""

    name = fields.String(required=True, validate=validate.Length(min=1), error_messages=_BOTH, metadata={"doc": NAMES})
    value = fields.String(required=True, error_messages=_BOTH)
    is_regex = fields.Boolean(load_default=False, data_key="is-regex", metadata={"doc": "RE2, of the whole value."})
    is_equal = fields.Boolean(load_default=True, data_key="is-equal", metadata={"doc": "false: must not be so."})

    @pre_load
    def of_text(self, data: Any, **kwargs: Any) -> Any:
        """The parts of a text."""
        return parts_of(data) if isinstance(data, str) else data


class SilenceRequestSchema(RequestSchema):
    """POST /silences, and PATCH /silences/ID: there what is left out stays."""

    id = fields.String(metadata={"doc": "Letters, digits, '-', '.' and '_'; left out, one is made."})
    matchers = fields.List(fields.Nested(MatcherSchema), metadata={"doc": "An alert must fit all of them."})
    start = Moment(metadata={"doc": "From when on. Left out, or in the past: from when it is made."})
    end = Moment(metadata={"doc": "Until when."})
    duration = Span(metadata={"doc": "In place of the end: for how long from the start."})
    created_by = fields.String(data_key="created-by", metadata={"doc": "Who; left out, the user that asks."})
    comment = fields.String(metadata={"doc": "Why."})


class ListSilencesSchema(ListSchema):
    """The parameters of GET /silences: pattern, offset and limit are those of GET /tasks."""

    class Meta:
        unknown = EXCLUDE
        exclude = ("fields_",)

    status = fields.String(
        load_default="", metadata={"doc": f"Only those that are so: {', '.join(STATES)}; several by commas."}
    )


class ShownMatcherSchema(Schema):
    """A matcher as it is shown."""

    name = fields.String()
    value = fields.String()
    is_regex = fields.Boolean(data_key="is-regex")
    is_equal = fields.Boolean(data_key="is-equal")


class SilenceSchema(Schema):
    """A silence as it is shown."""

    link = fields.Nested(LinkSchema)
    id = fields.String()
    status = fields.String(validate=validate.OneOf(STATES))
    matchers = fields.List(fields.Nested(ShownMatcherSchema))
    start = fields.String(metadata={"doc": "RFC 3339"})
    end = fields.String(metadata={"doc": "RFC 3339"})
    created = fields.String(metadata={"doc": "RFC 3339"})
    created_by = fields.String(data_key="created-by")
    comment = fields.String()


class SilenceListSchema(Schema):
    """Silences, the one that ends last first."""

    silences = fields.List(fields.Nested(SilenceSchema))


def parts_of(text: str) -> dict[str, Any]:
    """The parts of a matcher that is written as a text, as MatcherSchema has them. ValidationError for any other."""
    at = next((i for i, c in enumerate(text) if c in "=!"), len(text))
    operator = text[at : at + 2] if text[at : at + 2] in _OPERATORS else text[at : at + 1]
    if not text[:at].strip() or operator not in _OPERATORS:
        raise ValidationError(f"no matcher: {text!r}; one is NAME=VALUE, NAME!=VALUE, NAME=~REGEX or NAME!~REGEX")
    value = text[at + len(operator) :].strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    is_regex, is_equal = _OPERATORS[operator]
    return {"name": text[:at].strip(), "value": value, "is-regex": is_regex, "is-equal": is_equal}
