"""What gateway and engine workers ask each other, and answer. Ids stand in subjects escaped (services.bus.subjects)."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields


class NodeStatsSchema(Schema):
    """One node's statistics. Some nodes count more than this, each under a name of its own."""

    class Meta:
        unknown = EXCLUDE

    collected = fields.Integer()
    emitted = fields.Integer()
    errors = fields.Integer()
    working_cardinality = fields.Integer()
    avg_exec_time_ns = fields.Integer()


class StatsSchema(Schema):
    """`stats` of a task that runs."""

    task_stats = fields.Dict(data_key="task-stats", metadata={"doc": '{"throughput": points/s}'})
    node_stats = fields.Dict(data_key="node-stats", values=fields.Nested(NodeStatsSchema))


class TaskStatsAnswerSchema(Schema):
    """`tickbus.ask.task.<id>.stats`, answered by the worker that runs the task."""

    executing = fields.Boolean()
    stats = fields.Nested(StatsSchema)


class EngineStatsQuestionSchema(Schema):
    """`tickbus.ask.engine.stats`, answered by every worker for the tasks it runs."""

    ids = fields.List(fields.String(), allow_none=True, metadata={"doc": "null: all."})


class EngineStatsAnswerSchema(Schema):
    """A worker's answer: what each of its tasks would answer, by id."""

    worker = fields.String()
    lag = fields.Integer(metadata={"doc": "Messages of WRITES that it has not taken yet."})
    refused = fields.Integer(metadata={"doc": "Messages since its start that were no line protocol."})
    ingress = fields.List(
        fields.Tuple((fields.String(), fields.String(), fields.String(), fields.Integer())),
        metadata={"doc": "Points it has read since its start, by database, retention policy and measurement."},
    )
    tasks = fields.Dict(values=fields.Nested(TaskStatsAnswerSchema))


class EngineReloadQuestionSchema(Schema):
    """`tickbus.ask.engine.reload`: every worker reads anew what sideload nodes look up."""


class EngineReloadAnswerSchema(Schema):
    """A worker's answer once it has."""

    error = fields.String(metadata={"doc": "Why a source could not be read, empty where all could."})


class EndpointQuestionSchema(Schema):
    """`tickbus.ask.task.<id>.endpoint`: what a task's httpOut shows."""

    endpoint = fields.String(required=True)


class EndpointAnswerSchema(Schema):
    """An answer as it goes out over HTTP; the body of an error is {"error": text}."""

    status = fields.Integer(required=True)
    body = fields.Raw(required=True)


class GatewayWritesQuestionSchema(Schema):
    """`tickbus.ask.gateway.writes`: every gateway answers {} while it takes writes."""
