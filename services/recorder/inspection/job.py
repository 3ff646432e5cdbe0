"""What traces and backtests are to the recorder that carries them out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from services.recorder.past import Past
from services.recorder.results import ResultWriter
from services.store.folds.inspections import InspectionRecord


class InspectionFailed(Exception):
    """It cannot be carried out; str() is its error."""


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


MakeJob = Callable[[Past, InspectionRecord], InspectionJob]
