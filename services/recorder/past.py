"""What jobs that look at the past work with."""

from __future__ import annotations

from dataclasses import dataclass

from services.bus.connection import Bus
from services.dryrun.starting import DryTasks
from services.dryrun.state_history import StateHistory


@dataclass(frozen=True, slots=True)
class PastContext:
    """bus: with the log. history: states of the past. tasks: puts tasks under way that do nothing outside."""

    bus: Bus
    history: StateHistory
    tasks: DryTasks
