"""What traces and backtests are to the recorder that carries them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.dryrun.kept_state import KeptStates
from services.dryrun.starting import DryTasks
from services.recorder.results import Results, ResultWriter
from services.store.folds.inspections import InspectionRecord


class InspectionFailed(Exception):
    """It cannot be carried out; str() is its error."""


@dataclass(frozen=True, slots=True)
class InspectionContext:
    """What they need of their process. tasks: puts tasks under way. kept: their states of the past.

    writes: looks whether the log has gone back.
    """

    bus: Bus
    tasks: DryTasks
    kept: KeptStates
    results: Results
    writes: WritesLog


class InspectionJob(Protocol):
    """One under way. One that is begun anew, after its recorder has died, begins with nothing."""

    @property
    def progress(self) -> float:
        """How much is through: 0 to 1."""

    async def run(self, results: ResultWriter) -> dict[str, Any]:
        """Until all is looked at; gives the summary, plain data as JSON has it. What is found goes to `results`.

        It gives others their turn as it goes. Raises InspectionFailed, TaskFailed or CannotRun where it cannot go on,
        or BusError.
        """


MakeJob = Callable[[InspectionContext, InspectionRecord], InspectionJob]
