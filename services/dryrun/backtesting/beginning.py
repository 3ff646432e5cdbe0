"""Where a backtest of the log begins: at a state that was kept of the task, or with nothing some time before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grammar.golang.times import format_rfc3339
from services.bus.connection import Bus
from services.bus.positions import WritesSeq
from services.bus.reading.places_by_time import position_at, whole_since
from services.bus.streams import WRITES
from services.dryrun.backtesting.log_backtest import Stretch
from services.dryrun.backtesting.warm_up import looks_back
from services.dryrun.kept_state import KeptStates
from services.dryrun.log_run import LogRun
from services.dryrun.starting import CannotRun, DryTasks
from services.store.folds.definition import TaskDefinition


class NotInLog(Exception):
    """The log does not hold that time any more; str() says from when on it does."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be run. own: whether that is the task as it is defined, whose kept states then count.

    begin, end: the time that is asked about, ns. warm_up: ns that are read before; None: as far as the script looks
    back.
    """

    task: str
    definition: TaskDefinition
    own: bool
    begin: int
    end: int
    warm_up: int | None


@dataclass(frozen=True, slots=True)
class Beginning:
    """A run that has not begun yet, and the part of the log for it.

    told: {"began": "state", "warm-up" or "nothing", "began-at": time, "notes": what should be known of it}.
    """

    run: LogRun
    stretch: Stretch
    told: dict[str, Any]


async def beginning(bus: Bus, tasks: DryTasks, kept: KeptStates, asked: Asked) -> Beginning:
    """The run, to be used as a context manager. Raises CannotRun, NotInLog or BusError."""
    counted, until = await position_at(bus, asked.begin), await position_at(bus, asked.end)
    first = await whole_since(bus)
    if asked.end < first:
        raise NotInLog(f"the log reaches back to {format_rfc3339(first)} only")
    notes: list[str] = []
    if asked.begin < first:
        notes.append(f"the log reaches back to {format_rfc3339(first)} only: nothing before that is in here")
    found = await _from_kept(tasks, kept, asked, counted, notes) if asked.own else None
    if found is not None:
        run, since, time = found
        if since < (await bus.stream_state(WRITES)).first_seq - 1:
            kept_at, whole = format_rfc3339(time), format_rfc3339(first)
            notes.append(f"what was written between the state, of {kept_at}, and {whole} is no longer in the log")
        stretch = Stretch(asked.begin, asked.end, run.position, counted, until)
        return Beginning(run, stretch, {"began": "state", "began-at": format_rfc3339(time), "notes": notes})
    warm_up = asked.warm_up
    if warm_up is None:
        warm_up = looks_back(await tasks.graph(asked.definition))
    begins = asked.begin - warm_up
    if begins < first <= asked.begin:
        notes.append(f"the log reaches back to {format_rfc3339(first)} only: the warm-up is shorter than it should be")
    after = await position_at(bus, begins) if warm_up else counted
    run = await tasks.from_nothing(asked.task, asked.definition, after, began=begins)
    told = {"began": "warm-up" if warm_up else "nothing", "began-at": format_rfc3339(begins), "notes": notes}
    return Beginning(run, Stretch(asked.begin, asked.end, after, counted, until), told)


async def _from_kept(
    tasks: DryTasks, kept: KeptStates, asked: Asked, counted: WritesSeq, notes: list[str]
) -> tuple[LogRun, WritesSeq, int] | None:
    """The task where a state of it was kept, from where on the log was needed for it, and when that was; None where
    none is that can be used."""
    state = await kept.nearest(asked.task, counted)
    if state is None or state.ended:
        return None
    if state.definition != asked.definition:
        notes.append("the state that is kept of the task is that of another version of its script, and is not used")
        return None
    try:
        return await tasks.from_kept(state), state.since, state.time
    except CannotRun as error:
        notes.append(str(error))
        return None
