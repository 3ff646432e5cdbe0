"""What engine workers are asked, of one task by its id or of all that they run."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.requests.request import Message, NothingSchema, Request


class NodeStatsSchema(Message):
    """One node's statistics. Some nodes count more than this, each under a name of its own."""

    collected = fields.Integer(required=True)
    emitted = fields.Integer(required=True)
    errors = fields.Integer(required=True)
    working_cardinality = fields.Integer(required=True)
    avg_exec_time_ns = fields.Integer(required=True)


class StatsSchema(Message):
    """`stats` of a task that runs; {} of a replay whose task does not run yet."""

    task_stats = fields.Dict(data_key="task-stats", metadata={"doc": '{"throughput": points/s}'})
    node_stats = fields.Dict(data_key="node-stats", values=fields.Nested(NodeStatsSchema))
    error = fields.String(metadata={"doc": "Why a task is in trouble that goes on in spite of it."})


class TaskStatsSchema(Message):
    """What the worker says that runs the task."""

    executing = fields.Boolean(required=True)
    stats = fields.Nested(StatsSchema, required=True)


class EngineStatsRequestSchema(Message):
    """Of which tasks."""

    ids = fields.List(fields.String(), load_default=None, allow_none=True, metadata={"doc": "null: all."})


class HistoryFiguresSchema(Message):
    """States of the past that are kept of a worker's tasks."""

    states = fields.Integer(required=True)
    bytes = fields.Integer(required=True)
    oldest = fields.Integer(required=True, metadata={"doc": "When what is at its place in WRITES was stored, ns."})
    failed = fields.Integer(required=True, metadata={"doc": "How many could not be kept since the worker's start."})


class EngineStatsSchema(Message):
    """A worker's answer: what each of its tasks would answer, by id."""

    worker = fields.String(required=True)
    lag = fields.Integer(required=True, metadata={"doc": "Messages of WRITES that it has not taken yet."})
    refused = fields.Integer(required=True, metadata={"doc": "Messages since its start that were no line protocol."})
    went_back = fields.Integer(metadata={"doc": "How often since its start WRITES was found to have gone back."})
    ingress = fields.List(
        fields.Tuple((fields.String(), fields.String(), fields.String(), fields.Integer())),
        metadata={"doc": "Points it has read since its start, by database, retention policy and measurement."},
    )
    history = fields.Nested(HistoryFiguresSchema)
    tasks = fields.Dict(keys=fields.String(), values=fields.Nested(TaskStatsSchema), required=True)


class EngineFiguresSchema(Message):
    """A worker's answer in short, for who looks on all the time."""

    worker = fields.String(required=True)
    lag = fields.Integer(required=True, metadata={"doc": "Messages of WRITES that it has not taken yet."})
    lag_ns = fields.Integer(required=True, metadata={"doc": "How old the last one is that it has taken; 0: no lag."})
    points = fields.List(
        fields.Tuple((fields.String(), fields.String(), fields.Integer())),
        required=True,
        metadata={"doc": "Those it has read since its start, by database and retention policy."},
    )
    tasks = fields.Dict(
        keys=fields.String(),
        values=fields.Tuple((fields.Integer(), fields.Integer(), fields.Integer(), fields.String())),
        required=True,
        metadata={"doc": "Of each: points or batches taken, errors of its nodes, groups, what it is in trouble with."},
    )


class DoneSchema(Message):
    """A worker's answer once it has done what it was asked."""

    error = fields.String(load_default="", metadata={"doc": "Why it could not, empty where it could."})


class EndpointRequestSchema(Message):
    """Which of the task's endpoints."""

    endpoint = fields.String(required=True)


class EndpointSchema(Message):
    """An answer as it goes out over HTTP. The body of an error is {"error": text}, else it is JSON in a string."""

    status = fields.Integer(required=True)
    body = fields.Raw(required=True)
    rows = fields.List(
        fields.Tuple((fields.String(), fields.Integer(), fields.Integer())),
        metadata={
            "doc": "Of a part of a task, and instead of the body: each row of the result as JSON, when (ns) its group "
            "first came, and in which row of its message."
        },
    )


class TapRequestSchema(Message):
    """What of a task's nodes is to be told, to whom, and for how long without another such request."""

    tap = fields.String(required=True, metadata={"doc": "Who asks: rows go to `tickbus.tap.<tap>`."})
    node = fields.String(load_default="", metadata={"doc": "Of which node; empty: of all."})
    tags = fields.Dict(
        keys=fields.String(), values=fields.String(), load_default=dict, metadata={"doc": "What rows have to have."}
    )
    rate = fields.Integer(required=True, validate=validate.Range(min=1), metadata={"doc": "Rows/s at most."})
    seconds = fields.Float(required=True, validate=validate.Range(min=0, max=60), metadata={"doc": "0: it ends."})


class TapSchema(Message):
    """Whether it is told: 200; 404: there is no such node; 503: the task is tapped by too many."""

    status = fields.Integer(required=True)
    error = fields.String(load_default="")


TASK_STATS = Request("task.{id}.stats", NothingSchema, TaskStatsSchema)
"""Answered by the worker that runs the task. Where that runs in parts, id is `TASK/LAYOUT.PART.SHARD` here and below,
and each part is asked (services.store.folds.layouts)."""
TASK_ENDPOINT = Request("task.{id}.endpoint", EndpointRequestSchema, EndpointSchema)
"""What a task's httpOut shows."""
TASK_TAP = Request("task.{id}.tap", TapRequestSchema, TapSchema)
"""What leaves a task's nodes is told for a while, on a subject of the asker's, as lines of JSON."""
ENGINE_STATS = Request("engine.stats", EngineStatsRequestSchema, EngineStatsSchema, long="tasks")
"""Answered by every worker for the tasks it runs; with a worker's name behind it by that one alone."""
ENGINE_FIGURES = Request("engine.figures", NothingSchema, EngineFiguresSchema, long="tasks")
"""Answered by every worker for all tasks it runs."""
ENGINE_RELOAD = Request("engine.reload", NothingSchema, DoneSchema)
"""Every worker reads anew what sideload nodes look up."""
ENGINE_SHARE = Request("engine.share", NothingSchema, DoneSchema)
"""Every worker brings the states of its tasks to the bus, for a backup to hold them."""
