"""What every process of tickbus is asked, answered by all of them.

A process announces itself on HERE when it begins to answer, with what it answers to `here`. Its log lines go to
`tickbus.log.<service>`, as lines of logfmt, while somebody has asked for them (`listen`).
"""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.config.settings import LEVELS
from schemas.requests.request import Message, NothingSchema, Request

HERE = "tickbus.process.here"
LOGS = "tickbus.log.>"


class HereSchema(Message):
    """Who is there."""

    id = fields.String(required=True, metadata={"doc": "Unique to the process."})
    service = fields.String(required=True, metadata={"doc": "gateway, engine, alerting …"})
    host = fields.String(required=True)
    pid = fields.Integer(required=True)


class LevelRequestSchema(Message):
    """From which level up logs are to be written until the process ends."""

    level = fields.String(required=True, validate=validate.OneOf(LEVELS))


class ListenRequestSchema(Message):
    """For how many seconds more log lines are to be published."""

    level = fields.String(load_default="DEBUG", validate=validate.OneOf(LEVELS))
    seconds = fields.Float(required=True, validate=validate.Range(min=0, max=3600))


class FiguresSchema(HereSchema):
    """What the process takes."""

    started = fields.Float(metadata={"doc": "Seconds since 1970."})
    cpu_seconds = fields.Float()
    resident_bytes = fields.Integer()
    most_resident_bytes = fields.Integer()
    objects = fields.Integer(metadata={"doc": "Blocks of memory that Python has given out."})
    collections = fields.Integer(metadata={"doc": "Runs of the garbage collector."})
    threads = fields.Integer()
    dead_letters = fields.Dict(
        values=fields.Integer(), metadata={"doc": "Messages that it has set aside since its start, by stream."}
    )


class ReadySchema(HereSchema):
    """Whether it is ready."""

    lacks = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"doc": "What is not ready, and why; {} where all is."},
    )


class ProfileRequestSchema(Message):
    """For how many seconds its threads are sampled."""

    seconds = fields.Float(load_default=30.0, validate=validate.Range(min=0.01, max=600))


class WaitsRequestSchema(Message):
    """For how many seconds is looked where its threads and coroutines wait."""

    seconds = fields.Float(load_default=1.0, validate=validate.Range(min=0.01, max=600))
    locks = fields.Boolean(load_default=False, metadata={"doc": "Only what waits for a lock."})


class SamplesSchema(HereSchema):
    """Stacks and what was counted on each."""

    samples = fields.List(
        fields.Tuple((fields.List(fields.List(fields.Raw(allow_none=True))), fields.List(fields.Integer()))),
        required=True,
        metadata={"doc": "[[[function, file, line] outermost first …], [count …]]"},
    )


class StacksSchema(SamplesSchema):
    """Stacks, to be read and counted."""

    text = fields.String(required=True)


PROCESS_HERE = Request("process.here", NothingSchema, HereSchema)
PROCESS_LEVEL = Request("process.level", LevelRequestSchema, NothingSchema)
PROCESS_LISTEN = Request("process.listen", ListenRequestSchema, NothingSchema)
PROCESS_FIGURES = Request("process.figures", NothingSchema, FiguresSchema)
PROCESS_READY = Request("process.ready", NothingSchema, ReadySchema)
PROCESS_PROFILE = Request("process.profile", ProfileRequestSchema, SamplesSchema)
"""What its threads compute: samples and ns of CPU time."""
PROCESS_HEAP = Request("process.heap", NothingSchema, SamplesSchema)
"""Types in place of frames: objects and bytes."""
PROCESS_STACKS = Request("process.stacks", NothingSchema, StacksSchema)
"""What all its threads and coroutines are at."""
PROCESS_THREADS = Request("process.threads", NothingSchema, SamplesSchema)
"""What there are threads for."""
PROCESS_WAITS = Request("process.waits", WaitsRequestSchema, SamplesSchema)
"""Where its threads and coroutines wait: waits and ns."""
