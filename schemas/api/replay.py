"""A replay: how one is asked for, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, pre_load, validate

from schemas.api.effect import EffectSchema
from schemas.api.recording import RESULT_STATUSES, JobRequestSchema
from schemas.api.task import LinkSchema

CLOCKS = ("fast", "real")


class Flag(fields.Boolean):
    """true or false, and nothing that could pass for one."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class _ReplayRequest(JobRequestSchema):
    task = fields.String(load_default="", metadata={"doc": "The task that runs; an instance of its own."})
    recording_time = Flag(
        data_key="recording-time",
        load_default=False,
        metadata={"doc": "Whether points keep their times; otherwise they begin now and keep their distances."},
    )
    clock = fields.String(
        load_default="fast",
        metadata={"doc": "fast: as fast as it goes; real: as far apart as the points were."},
    )
    side_effects = Flag(
        data_key="side-effects",
        load_default=True,
        metadata={
            "doc": "Whether alerts are sent, and what nodes do outside is done. Otherwise nothing leaves, and all that "
            "would have been done is kept: see GET /replays/{id}/effects."
        },
    )


class CreateReplaySchema(_ReplayRequest):
    """POST /replays, and the command replay.create."""

    recording = fields.String(load_default="")


class ReplayBatchSchema(_ReplayRequest):
    """POST /replays/batch, and the command replay.batch: a task's queries, without a recording in between."""

    start = fields.String(load_default=None, metadata={"doc": "RFC 3339."})
    stop = fields.String(load_default=None, metadata={"doc": "RFC 3339; now where it is left out."})


class ReplayQuerySchema(_ReplayRequest):
    """POST /replays/query, and the command replay.query: one query, without a recording in between."""

    query = fields.String(load_default="", metadata={"doc": "InfluxQL."})
    cluster = fields.String(load_default="")


class ReplaySchema(Schema):
    """A replay as it is shown. Lists leave out stats."""

    link = fields.Nested(LinkSchema)
    id = fields.String()
    recording = fields.String()
    task = fields.String()
    recording_time = fields.Boolean(data_key="recording-time", attribute="recording-time")
    clock = fields.String(validate=validate.OneOf(CLOCKS))
    side_effects = fields.Boolean(
        data_key="side-effects",
        attribute="side-effects",
        metadata={"doc": "false; left out of replays that have them."},
    )
    date = fields.String(metadata={"doc": "RFC 3339; when it was asked for."})
    error = fields.String()
    status = fields.String(validate=validate.OneOf(RESULT_STATUSES))
    progress = fields.Float(metadata={"doc": "0 to 1; told anew every ten seconds."})
    stats = fields.Dict(metadata={"doc": "See schemas.requests.engine.StatsSchema; {} until it has finished."})


class EffectsParametersSchema(Schema):
    """The parameters of GET /replays/{id}/effects. offset and limit are texts, as in other lists."""

    class Meta:
        unknown = EXCLUDE

    offset = fields.String(load_default="", metadata={"doc": "Of the first effect; 0 where it is left out."})
    limit = fields.String(
        load_default="", metadata={"doc": "How many at most, 1,000 where it is left out; fewer where they are long."}
    )

    @pre_load
    def as_text(self, data: Any, **kwargs: Any) -> Any:
        return {k: str(v) if isinstance(v, int) else v for k, v in data.items()} if isinstance(data, dict) else data


class EffectsSchema(Schema):
    """What a replay without side effects would have done, as far as it has come: that of each node in its order."""

    effects = fields.List(fields.Nested(EffectSchema))
    next = fields.Integer(metadata={"doc": "The offset of the effect behind them."})
    count = fields.Integer(metadata={"doc": "How many there are by now."})
    left_out = fields.Integer(
        data_key="left-out", attribute="left-out", metadata={"doc": "How many more there were than are kept."}
    )


class ReplayListSchema(Schema):
    """Replays."""

    replays = fields.List(fields.Nested(ReplaySchema))
