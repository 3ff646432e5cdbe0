"""A file of tests, and what is in it."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from schemas.rule_tests.fields import NOTHING, AnyText, Items, Texts

ALERT = (
    "id",
    "level",
    "previous",
    "message",
    "time",
    "duration",
    "topic",
    "node",
    "name",
    "tags",
    "fields",
    "details",
    "points",
)
ROW = ("point", "batch", "barrier", "group", "time", "tags", "fields", "points", "deletes")
POINT = ("node", "db", "rp", "name", "tags", "fields", "time")
POST = ("node", "time", "url", "endpoint", "headers", "body")
LOG = ("node", "time", "level", "prefix", "point", "batch", "group", "tags", "fields", "points")
SCALE = ("node", "time", "cluster", "resource", "resource-kind", "namespace", "old", "new")
LEVELS = ("ok", "info", "warn", "crit")

_INVALID: dict[type, str] = {
    fields.List: "must be a list",
    fields.Dict: "must be a mapping",
    fields.String: "must be a text",
    fields.Integer: "must be a whole number",
}


class _Shape(Schema):
    error_messages = {"unknown": "unknown key", "type": "must be a mapping"}  # noqa: RUF012

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        for field in (field_obj, getattr(field_obj, "inner", None), getattr(field_obj, "value_field", None)):
            if field is not None:
                field.error_messages |= {"required": "is missing", "null": "is empty"}
                field.error_messages |= {"invalid": _INVALID[type(field)]} if type(field) in _INVALID else {}


def _field(kind: type[fields.Field[Any]], doc: str, **more: Any) -> Any:
    return kind(metadata={"doc": doc}, **more)


class SeriesSchema(_Shape):
    """A series of an answer of InfluxDB."""

    name = fields.String(metadata={"doc": "The measurement; unless given, the query's first."})
    tags = fields.Dict(keys=fields.String(), metadata={"doc": "What it is grouped by."})
    points = fields.List(
        fields.Dict(keys=fields.String()),
        required=True,
        metadata={"doc": "Each its fields by name, and its `time`; unless given, the beginning of the query's span."},
    )


class Answers(fields.Field[Any]):
    """Line protocol, or a list of series; or one of those by the name of the query node."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.series = fields.List(fields.Nested(SeriesSchema))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            return self.series.deserialize(value)
        if not isinstance(value, dict):
            raise ValidationError("must be line protocol, a list of series, or one of those by the name of a query")
        found, wrong = {}, {}
        for name, part in value.items():
            try:
                found[name] = part if isinstance(part, str) else self.series.deserialize(part)
            except ValidationError as error:
                wrong[name] = error.messages
        if wrong:
            raise ValidationError(wrong)
        return found


class ExpectSchema(_Shape):
    """What must have come. What is not named may be anything."""

    alerts = _field(Items, "Events of alerts, as topics get them.", known=ALERT)
    counts = fields.Dict(
        keys=fields.String(validate=validate.OneOf(LEVELS)),
        values=fields.Integer(strict=True, validate=validate.Range(0)),
        metadata={"doc": "How many events there were of each level, whichever alert node raised them."},
    )
    nodes = fields.Dict(
        keys=fields.String(), values=Items(ROW), metadata={"doc": "What nodes have given, by the name of the node."}
    )
    http_out = fields.Dict(
        keys=fields.String(),
        data_key="httpOut",
        metadata={"doc": "What the endpoints of httpOut nodes show at this moment, by their names."},
    )
    posts = _field(Items, "What httpPost nodes would have posted.", known=POST)
    influxdb = _field(Items, "Points that influxDBOut nodes would have written.", known=POINT)
    loopbacks = _field(Items, "Points that kapacitorLoopback nodes would have written.", known=POINT)
    log = _field(Items, "What log nodes would have logged.", known=LOG)
    scale = _field(Items, "What autoscale nodes would have set.", known=SCALE)
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(strict=True, validate=validate.Range(0)),
        metadata={"doc": "How many errors nodes have counted, by the name of the node."},
    )
    fails = _field(AnyText, "With what error the task ends, or does not even start.")

    @validates_schema
    def _check(self, data: dict[str, Any], **kwargs: Any) -> None:
        if not any(value != {} for value in data.values()):
            raise ValidationError(f"names nothing: write `{NOTHING}` where nothing is to come")


class ExpectField(fields.Field[Any]):
    """What ExpectSchema has, or the word `nothing`."""

    nested = ExpectSchema

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if value == NOTHING:
            return value
        if not isinstance(value, dict):
            raise ValidationError(f"must be a mapping, or {NOTHING}")
        return ExpectSchema().load(value)


class StepSchema(_Shape):
    """What happens next. Within a step: first the clock, then what comes in, then what must have come."""

    at = _field(AnyText, "The clock goes to this time: 10m since the start, +10s from now, or RFC 3339.")
    lines = _field(
        Texts,
        "Line protocol. A line's time may be left out (now), be 10m (since the start) or +10s (after the line before).",
    )
    every = _field(AnyText, "The lines come again and again, so long after each other, from now on.")
    until = _field(AnyText, "With `every`: until then, that time included.")
    file = _field(Texts, "Files beside this one: line protocol, or recordings (.srpl, .brpl, .jsonl).")
    answers = Answers(metadata={"doc": "What InfluxDB answers to queries from now on."})
    dbrp = _field(AnyText, "Where lines and files go to, as db.rp; unless given, to the task's first.")
    expect = ExpectField(metadata={"doc": "What must have come since the `expect` before it."})

    @validates_schema
    def _check(self, data: dict[str, Any], **kwargs: Any) -> None:
        if ("every" in data) != ("until" in data):
            raise ValidationError("every and until go together", "every" if "every" in data else "until")
        if "every" in data and "lines" not in data:
            raise ValidationError("is of lines, and there are none", "every")
        if not data:
            raise ValidationError("says nothing")


class InputField(fields.Field[Any]):
    """Line protocol, or a list of steps; loads steps."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.steps = fields.List(fields.Nested(StepSchema))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            return [{"lines": [value]}]
        if not isinstance(value, list):
            raise ValidationError("must be line protocol, or a list of steps")
        return self.steps.deserialize(value)


class VarsField(fields.Field[Any]):
    """Vars by name, each a value or {type, value}; or the path of a file with vars, YAML or JSON."""

    json_schema = {"anyOf": [{"type": "string"}, {"type": "object"}]}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str | dict):
            raise ValidationError("must be a mapping, or the path of a file")
        return value


class _Common(_Shape):
    script = fields.String(metadata={"doc": "The TICKscript itself."})
    file = fields.String(metadata={"doc": "The path of the TICKscript, from this file."})
    template = fields.String(metadata={"doc": "The path of a template, from this file; `vars` has its values."})
    vars = VarsField(metadata={"doc": "By name; or the path of a file with them."})
    task = _field(AnyText, "The id of the task; unless given, the name of the script's file.")
    dbrps = _field(Texts, "What the task reads, as db.rp; unless given, what the script says.")
    start = _field(AnyText, "When the task is enabled, RFC 3339; unless given, with the first time in the input.")
    precision = fields.String(
        validate=validate.OneOf(("ns", "us", "ms", "s", "m", "h")),
        metadata={"doc": "Of times in line protocol; ns unless given."},
    )

    @validates_schema
    def _check_script(self, data: dict[str, Any], **kwargs: Any) -> None:
        given = [key for key in ("script", "file", "template") if key in data]
        if len(given) > 1:
            raise ValidationError(f"stands beside {given[0]}: give one of them", given[1])


class RuleTestSchema(_Common):
    """One test."""

    name = _field(AnyText, "What it is about, as a sentence; unique in its file.")
    input = InputField(metadata={"doc": "What comes in, step by step."})
    expect = ExpectField(metadata={"doc": "What must have come in the whole test."})


class RuleTestsSchema(_Common):
    """A file of tests. What stands beside `tests` holds for those that do not say otherwise."""

    tests = fields.List(
        fields.Nested(RuleTestSchema),
        required=True,
        validate=validate.Length(1, error="there are none"),
        metadata={"doc": "The tests, each run by itself."},
    )


class UnitTestSchema(_Shape):
    """A test as kapacitor-unit has it."""

    name = _field(AnyText, "What it is about.")
    description = _field(AnyText, "More of it.")
    task_name = fields.String(metadata={"doc": "The script's file in the directory of --dir."})
    task_id = fields.String(metadata={"doc": "The same."})
    db = _field(AnyText, "The database.", load_default="")
    rp = _field(AnyText, "The retention policy.", load_default="")
    type = fields.String(validate=validate.OneOf(("stream", "batch")), load_default="stream")
    data = _field(Texts, "Line protocol.", load_default=list)
    data_path = fields.String(load_default="", metadata={"doc": "A file with the lines, a list in YAML."})
    recording_id = _field(AnyText, "A recording, which a server would have.", load_default="")
    recordind_id = _field(AnyText, "As kapacitor-unit's own example spells it.", load_default="")
    precision = fields.String(load_default="")
    clock = fields.String(load_default="")
    offset_unit = fields.String(load_default="")
    reset_topics = fields.Boolean(load_default=False)
    shift = fields.String(load_default="")
    expects = fields.Dict(
        keys=fields.String(validate=validate.OneOf(("ok", "warn", "crit"))),
        values=fields.Integer(strict=True),
        load_default=dict,
    )


class UnitTestsSchema(_Shape):
    """A file of kapacitor-unit's."""

    tests = fields.List(fields.Nested(UnitTestSchema), required=True)
