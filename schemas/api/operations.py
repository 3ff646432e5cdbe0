"""Requests about the server itself."""

from __future__ import annotations

from marshmallow import EXCLUDE, INCLUDE, Schema, fields, validate

from schemas.api.request import RequestSchema
from schemas.api.task import LinkSchema

STORES = ("handler-specs", "topic-states", "tasks", "recordings", "replays", "overrides", "load")
"""What the API calls stores; here all of them are folds over the bus's log."""

LEVELS = ("DEBUG", "INFO", "ERROR")
"""Kapacitor 1.5.7 takes no WARN here."""

ACTIONS = ("rebuild",)


class LogLevelSchema(RequestSchema):
    """POST /loglevel: the level of every process's log, until it ends."""

    level = fields.String(load_default="", metadata={"doc": "DEBUG, INFO or ERROR, in either case."})


class StorageActionSchema(RequestSchema):
    """POST /storage/stores/NAME."""

    action = fields.String(load_default="", metadata={"doc": "rebuild"})


class HeapSchema(Schema):
    """The parameters of GET /debug/pprof/heap."""

    class Meta:
        unknown = EXCLUDE

    debug = fields.String(load_default="0", metadata={"doc": "1: as text, one line a stack."})


class ProfileSchema(HeapSchema):
    """The parameters of GET /debug/pprof/profile."""

    seconds = fields.String(load_default="30", metadata={"doc": "How long to sample: 0.01 to 300."})


class StacksSchema(HeapSchema):
    """The parameters of GET /debug/pprof/goroutine and threadcreate."""

    debug = fields.String(
        load_default="0", metadata={"doc": "1: as text, each stack once; 2: each thread and coroutine, to be read."}
    )


class WaitsSchema(HeapSchema):
    """The parameters of GET /debug/pprof/block and mutex."""

    debug = fields.String(load_default="0", metadata={"doc": "1: as text."})
    seconds = fields.String(load_default="1", metadata={"doc": "How long to sample: 0.01 to 300."})


class StoreSchema(Schema):
    """A store."""

    link = fields.Nested(LinkSchema)
    name = fields.String()


class StoreListSchema(Schema):
    """Stores."""

    link = fields.Nested(LinkSchema)
    storage = fields.List(fields.Nested(StoreSchema))


class RoutesSchema(Schema):
    """Paths, each with a list of methods."""

    class Meta:
        unknown = INCLUDE


class StatisticSchema(Schema):
    """One set of figures."""

    name = fields.String()
    tags = fields.Dict(keys=fields.String(), values=fields.String())
    values = fields.Dict(keys=fields.String())


class VarsSchema(Schema):
    """The figures of the whole server."""

    cluster_id = fields.String()
    server_id = fields.String()
    host = fields.String()
    platform = fields.String()
    product = fields.String()
    version = fields.String()
    cmdline = fields.List(fields.String())
    kapacitor = fields.Dict(keys=fields.String(), values=fields.Nested(StatisticSchema))
    memstats = fields.Dict(keys=fields.String())
    num_enabled_tasks = fields.Integer()
    num_subscriptions = fields.Integer()
    num_tasks = fields.Integer()
    uptime = fields.Float(metadata={"doc": "Seconds."})


class ErrorSchema(Schema):
    """What every answer but those of /write holds that tells of a mistake or a failure."""

    error = fields.String(required=True)


class HealthSchema(Schema):
    """The answer of GET /health, in InfluxDB 2.x's form."""

    name = fields.String()
    message = fields.String()
    status = fields.String(validate=validate.OneOf(("pass", "fail")))
    checks = fields.List(fields.Dict(), metadata={"doc": "Always empty."})
    version = fields.String(metadata={"doc": "Of tickbus."})


class WriteSchema(Schema):
    """The parameters of POST /write."""

    class Meta:
        unknown = EXCLUDE

    db = fields.String(required=True, metadata={"doc": "The database."})
    rp = fields.String(load_default="", metadata={"doc": "The retention policy; empty is one of its own."})
    precision = fields.String(load_default="n", metadata={"doc": "Of the times: n, u, ms, s, m or h; else n."})


class V2WriteSchema(Schema):
    """The parameters of POST /api/v2/write."""

    class Meta:
        unknown = EXCLUDE

    bucket = fields.String(
        required=True,
        metadata={"doc": "DB/RP, or DB with the default retention policy; or a name that the configuration has."},
    )
    org = fields.String(load_default="", metadata={"doc": "Of no effect."})
    precision = fields.String(load_default="ns", metadata={"doc": "Of the times: ns, us, ms or s."})


class V3WriteSchema(Schema):
    """The parameters of POST /api/v3/write_lp."""

    class Meta:
        unknown = EXCLUDE

    db = fields.String(
        required=True,
        metadata={"doc": "DB/RP, or DB with the default retention policy; or a name that the configuration has."},
    )
    precision = fields.String(
        load_default="auto",
        metadata={
            "doc": "Of the times: nanosecond, microsecond, millisecond or second; auto: of each what its size says."
        },
    )
    accept_partial = fields.String(load_default="true", metadata={"doc": "Of no effect: all is written or nothing."})
    no_sync = fields.String(load_default="false", metadata={"doc": "Of no effect: 204 says that it is stored."})
