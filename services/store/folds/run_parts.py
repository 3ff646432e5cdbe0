"""What workers say of runs in parts: a fold of services.store.folds.tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from services.bus.events import Event
from services.store.folds.event_data import Plain
from services.store.folds.layouts import Layout
from services.store.folds.state import State
from services.store.folds.task_records import ENDED, TASKS, RunRecord, ended_of, task_of


def split(state: State, event: Event, data: Plain) -> bool:
    """A run goes on in other parts. One that does not run yet, or that another change is under way of, does not."""
    record = task_of(state, event.id)
    run = None if record is None else record.run
    if record is None or run is None or run.enabled != data["enabled"] or run.state != "started" or not data["shards"]:
        return False
    if run.layout is not None and not run.layout.settled:
        return False
    before = None if run.layout is None else replace(run.layout, before=None)
    layout = Layout(event.seq, event.time_ns, tuple(data["shards"]), tuple(data["tags"]), data["star"], before)
    state.put(TASKS, event.id, replace(record, run=replace(run, layout=layout)))
    return True


def paused(state: State, event: Event, data: Plain) -> bool:
    """A unit of the layout before sees nothing more until all of them are as far."""
    part, position = data["part"], data["position"]
    return _change(state, event, data, lambda layout: replace(layout, paused={part: position, **layout.paused}))


def handed(state: State, event: Event, data: Plain) -> bool:
    """A unit of the layout before has stopped, and its state lies ready."""
    return _change(state, event, data, lambda layout: replace(layout, handed=layout.handed | {data["part"]}))


def part_started(state: State, event: Event, data: Plain) -> bool:
    """A part runs, perhaps on another worker than before."""
    return _change(
        state, event, data, lambda layout: replace(layout, workers={**layout.workers, data["part"]: data["worker"]})
    )


def part_stopped(state: State, event: Event, data: Plain) -> bool:
    """A part of a run that was ended is gone. Once all are, a worker says that the run has stopped."""
    ended = ended_of(state, event.id)
    changed = tuple(
        replace(one, stopped=one.stopped | {data["part"]}) if one.sequence == data["disabled"] else one for one in ended
    )
    if changed == tuple(ended):
        return False
    state.put(ENDED, event.id, changed)
    return True


def _change(state: State, event: Event, data: Plain, change: Callable[[Layout], Layout]) -> bool:
    """Change the layout of the run that an event is of, be it meant or ended."""

    def changed(run: RunRecord) -> RunRecord:
        layout = run.layout
        if run.enabled != data["enabled"] or layout is None or layout.sequence != data["layout"]:
            return run
        return replace(run, layout=change(layout))

    record = task_of(state, event.id)
    if record is not None and record.run is not None and (run := changed(record.run)) is not record.run:
        state.put(TASKS, event.id, replace(record, run=run))
        return True
    ended = ended_of(state, event.id)
    runs = [changed(one.run) for one in ended]
    if all(run is one.run for run, one in zip(runs, ended, strict=True)):
        return False
    state.put(ENDED, event.id, tuple(replace(one, run=run) for run, one in zip(runs, ended, strict=True)))
    return True
