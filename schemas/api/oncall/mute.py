"""A mute, which keeps alerts from handlers in windows that come again: as asked for, and as shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate

from schemas.api.oncall.silence import MatcherSchema, ShownMatcherSchema
from schemas.api.recording import ListSchema
from schemas.api.request import RequestSchema
from schemas.api.task import LinkSchema

STATES = ("active", "waiting")


class RangeText(fields.String):
    """A range as a text, `1:5`, or one number."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        plain = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        return super()._deserialize(plain, attr, data, **kwargs)


class TimesText(fields.String):
    """Times of a day as a text, `22:00-24:00`, or as {"start_time", "end_time"}."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if isinstance(value, dict):
            if not {"start_time", "end_time"} <= value.keys():
                raise ValidationError("must have a start_time and an end_time")
            value = f"{value['start_time']}-{value['end_time']}"
        return super()._deserialize(value, attr, data, **kwargs)


class MuteIntervalSchema(RequestSchema):
    """A window, as one of Alertmanager's time_intervals: all that is said of it must be so. A key that is not known is
    refused, since without it the window would be a longer one."""

    class Meta:
        unknown = RAISE

    times = fields.List(
        TimesText(),
        metadata={
            "doc": "Of the day, the end not included: `22:00-24:00`, or {start_time, end_time}; none is over midnight."
        },
    )
    weekdays = fields.List(RangeText(), metadata={"doc": "`monday:friday`, `sunday`."})
    days_of_month = fields.List(RangeText(), metadata={"doc": "`1:5`; `-3:-1`: the last three."})
    months = fields.List(RangeText(), metadata={"doc": "`january:march`, `1:3`, `12`."})
    years = fields.List(RangeText(), metadata={"doc": "`2026:2027`."})
    location = fields.String(metadata={"doc": "A time zone, as Europe/Berlin; UTC unless set."})


class MuteRequestSchema(RequestSchema):
    """POST /mutes, and PATCH /mutes/ID: there what is left out stays."""

    id = fields.String(metadata={"doc": "Letters, digits, '-', '.' and '_'; left out, one is made."})
    matchers = fields.List(
        fields.Nested(MatcherSchema),
        metadata={"doc": "As of a silence: an alert must fit all of them. None: all alerts, where handlers are given."},
    )
    handlers = fields.List(
        fields.String(validate=validate.Length(min=1)),
        metadata={"doc": "Ids of handlers of topics, or kinds, that do not get the alerts. None: no handler does."},
    )
    intervals = fields.List(fields.Nested(MuteIntervalSchema), metadata={"doc": "When: in any of them."})
    created_by = fields.String(data_key="created-by", metadata={"doc": "Who; left out, the user that asks."})
    comment = fields.String(metadata={"doc": "Why."})


class ListMutesSchema(ListSchema):
    """The parameters of GET /mutes: pattern, offset and limit are those of GET /tasks."""

    class Meta:
        unknown = EXCLUDE
        exclude = ("fields_",)

    status = fields.String(load_default="", metadata={"doc": f"Only those that are so: {' or '.join(STATES)}."})


class ShownIntervalSchema(Schema):
    """A window as it is shown; what is not said of it is left out."""

    times = fields.List(fields.String())
    weekdays = fields.List(fields.String())
    days_of_month = fields.List(fields.String())
    months = fields.List(fields.String())
    years = fields.List(fields.String())
    location = fields.String()


class MuteSchema(Schema):
    """A mute as it is shown."""

    link = fields.Nested(LinkSchema)
    id = fields.String()
    status = fields.String(validate=validate.OneOf(STATES), metadata={"doc": "Whether it mutes at this moment."})
    until = fields.String(metadata={"doc": "RFC 3339: of an active one, until when at least; else empty."})
    matchers = fields.List(fields.Nested(ShownMatcherSchema))
    handlers = fields.List(fields.String())
    intervals = fields.List(fields.Nested(ShownIntervalSchema))
    created = fields.String(metadata={"doc": "RFC 3339"})
    created_by = fields.String(data_key="created-by")
    comment = fields.String()


class MuteListSchema(Schema):
    """Mutes, by id."""

    mutes = fields.List(fields.Nested(MuteSchema))
