"""What looks at the past work with: traces, backtests, and questions that a recorder answers at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.bus.buckets.suspects import Suspects
from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.bus.positions import WritesSeq
from services.dryrun.kept_state import KeptStates
from services.dryrun.log_run import LogRun
from services.dryrun.starting import DryTasks
from services.runtime.progress.topic_levels import Remembering
from services.store.folds.task_records import RunRecord


@dataclass(frozen=True, slots=True)
class Past:
    """bus: with the logs. kept: states of tasks, which save going through the log from a run's beginning.

    writes: looks whether the log of writes has gone back. remembering: how alerts stood when runs started. suspects:
    in what recorders died.
    """

    bus: Bus
    tasks: DryTasks
    kept: KeptStates
    writes: WritesLog
    remembering: Remembering
    suspects: Suspects

    async def from_beginning(self, tasks: DryTasks, id: str, run: RunRecord, position: WritesSeq) -> LogRun:
        """A run of a task as it began, or as if it had begun behind a later place in the log.

        Raises CannotRun, BusError.
        """
        levels = run.levels or await self.remembering.find(run.remembered)
        return await replace(tasks, levels=levels).from_nothing(id, run.definition, position, run.began)
