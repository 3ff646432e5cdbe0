"""What events about traces and backtests have in common: `tickbus.event.<kind>.<id>.<what>`.

Each is published with the last sequence of `tickbus.event.<kind>.<id>.*` that its publisher knew. The sequence of
`defined` names the results in the object store, where they are kept.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields

from schemas.events.numbers import time_ns


class InspectionEvent(Schema):
    """The shape of any of them."""

    class Meta:
        unknown = EXCLUDE


class DefinedInspectionSchema(InspectionEvent):
    """What `defined` says in any case."""

    start = time_ns(required=True, metadata={"doc": "ns since 1970: where to begin."})
    stop = time_ns(required=True, metadata={"doc": "ns since 1970: where to end."})


class FinishedSchema(InspectionEvent):
    """`finished`: all of it is looked at, and its results lie in the object store."""

    summary = fields.Dict(
        keys=fields.String(), required=True, metadata={"doc": "What came of it, in short; see the resource."}
    )


class FailedSchema(InspectionEvent):
    """`failed`: it could not be carried out; what there is of its results stays."""

    error = fields.String(required=True)


class DeletedSchema(InspectionEvent):
    """`deleted`: it is no more, and neither are its results; if it ran it is to stop."""
