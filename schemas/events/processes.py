"""What every process of tickbus is asked: `tickbus.ask.process.<what>`, answered by all of them.

A process says `tickbus.process.here` when it begins to answer, with what it answers to `here`. Its log lines go to
`tickbus.log.<service>`, as lines of logfmt, while somebody has asked for them (`listen`).
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.config.sections import LEVELS

HERE = "tickbus.process.here"
LOGS = "tickbus.log.>"


class _Shape(Schema):
    class Meta:
        unknown = EXCLUDE


class HereAnswerSchema(_Shape):
    """`here`: who is there."""

    id = fields.String(required=True, metadata={"doc": "Unique to the process."})
    service = fields.String(required=True, metadata={"doc": "gateway, engine, alerting …"})
    host = fields.String(required=True)
    pid = fields.Integer(required=True)


class LevelQuestionSchema(_Shape):
    """`level`: write logs from this level up until the process ends. The answer is {}."""

    level = fields.String(required=True, validate=validate.OneOf(LEVELS))


class ListenQuestionSchema(_Shape):
    """`listen`: tell log lines for so many seconds more. The answer is {}."""

    level = fields.String(load_default="DEBUG", validate=validate.OneOf(LEVELS))
    seconds = fields.Float(required=True, validate=validate.Range(min=0, max=3600))


class FiguresAnswerSchema(HereAnswerSchema):
    """`figures`: what the process takes."""

    started = fields.Float(metadata={"doc": "Seconds since 1970."})
    cpu_seconds = fields.Float()
    resident_bytes = fields.Integer()
    most_resident_bytes = fields.Integer()
    objects = fields.Integer(metadata={"doc": "Blocks of memory that Python has given out."})
    collections = fields.Integer(metadata={"doc": "Runs of the garbage collector."})
    threads = fields.Integer()


class ProfileQuestionSchema(_Shape):
    """`profile`: sample what its threads compute for so many seconds. The answer is a SamplesAnswerSchema, in ns."""

    seconds = fields.Float(load_default=30.0, validate=validate.Range(min=0.01, max=600))


class SamplesAnswerSchema(HereAnswerSchema):
    """Stacks and what was counted on each.

    `heap` gives one too, with types for frames, objects and bytes; `threads` gives what there are threads for.
    """

    samples = fields.List(
        fields.Tuple((fields.List(fields.List(fields.Raw())), fields.List(fields.Integer()))),
        metadata={"doc": "[[[function, file, line] outermost first …], [count …]]"},
    )


class WaitsQuestionSchema(_Shape):
    """`waits`: sample where its threads and coroutines wait. The answer is a SamplesAnswerSchema, waits and ns."""

    seconds = fields.Float(load_default=1.0, validate=validate.Range(min=0.01, max=600))
    locks = fields.Boolean(load_default=False, metadata={"doc": "Only what waits for a lock."})


class StacksAnswerSchema(SamplesAnswerSchema):
    """`stacks`: what all its threads and coroutines are at, to be read and counted."""

    text = fields.String()
