"""The records of traces and backtests, and how each fares. recordings.py beside this folds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.events import backtest, trace
from services.bus.events import Event
from services.bus.positions import EventsSeq
from services.store.folds.event_data import Plain, schemas_of

TRACES, BACKTESTS = "traces", "backtests"
KINDS = {"trace": TRACES, "backtest": BACKTESTS}
"""The bucket of each kind."""
SCHEMAS = {"trace": schemas_of(trace.SCHEMAS), "backtest": schemas_of(backtest.SCHEMAS)}


@dataclass(frozen=True, slots=True)
class InspectionRecord:
    """A trace or a backtest: a look at the log by way of a task, with nothing done outside."""

    kind: str
    """trace or backtest."""
    asked: Mapping[str, Any]
    """What its event `defined` says (see schemas.events, by the kind), with what that left out."""
    id: str
    sequence: EventsSeq
    """Of that event: it names the results in the object store."""
    date: int
    """ns since 1970."""
    status: str = "running"
    """running, finished or failed."""
    error: str = ""
    ended: int = 0
    """When it finished or failed, ns since 1970."""
    summary: Mapping[str, Any] | None = None
    """Once it has finished."""


def new(event: Event, data: Plain) -> InspectionRecord:
    """Of an event `defined`."""
    return InspectionRecord(event.kind, data, event.id, event.seq, event.time_ns)


def ended(event: Event, data: Plain) -> dict[str, Any]:
    """What an event `finished` or `failed` changes in the record."""
    result = {"summary": data["summary"]} if event.what == "finished" else {"error": data["error"]}
    return {"status": event.what, "ended": event.time_ns, **result}
