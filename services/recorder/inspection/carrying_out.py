"""Carrying out a trace or a backtest, and saying how it ended."""

from __future__ import annotations

from typing import Any

from services.bus.errors import BusError, Full
from services.dryrun.starting import CannotRun
from services.process import log as logs
from services.recorder.inspection.job import InspectionFailed, InspectionJob
from services.recorder.results import Results
from services.runtime.errors import TaskFailed
from services.store.folds.inspections import InspectionRecord

log = logs.get("recorder")

MOST_AT_ONCE = 3
"""How many one recorder works on: each has a task's whole state in memory, and all share one processor."""


async def carried_out(job: InspectionJob, record: InspectionRecord, results: Results) -> tuple[str, dict[str, Any]]:
    """What is to be said of it, `finished` or `failed`, and the data of that event. Raises BusError."""
    try:
        writer = await results.writer(record.sequence)
        try:
            summary = await job.run(writer)
        finally:
            await writer.flush()
        return "finished", {"summary": {**summary, "results": writer.count, "left-out": writer.left_out}}
    except (InspectionFailed, CannotRun) as error:
        return "failed", {"error": str(error)}
    except TaskFailed as error:
        return "failed", {"error": f"the task ended: {error}"}
    except Full as error:
        return "failed", {"error": f"NATS has no room for what it finds: {error}"}
    except BusError:
        raise
    except Exception as error:
        log.exception("a look at the log broke", error, kind=record.kind, id=record.id)
        return "failed", {"error": f"internal error: {type(error).__name__}: {error}"}
