"""What runs of tasks there were: a fold over EVENTS. They say which handlers an alert node has, and when topics live.

The bucket `tasks` of the state, by owner, holds records of plain data. The owner is the task's id, or
`<replay id>:<task id>` of one that runs in a replay: it counts as deleted when the replay ends.
    deleted   sequence of the task's last deletion, 0 for none
    open      whether a worker runs it
    runs      the last runs, oldest first, each with
        enabled   sequence of the event that enabled it
        first     sequence of its first run.started; another worker that takes it over says `started` again
        alerts    [{"node", "topic", "handlers": [{"kind", "options"}]}] as the last run.started says
The bucket `ended` holds, under "", the owners of the replays that have ended and are still known, oldest first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from schemas.events import run as run_events
from services.alerting.topics import Life, own_topic
from services.bus.connection import Bus
from services.bus.events import Event, decode
from services.bus.streams import EVENTS
from services.store.projection import Change, Projection, State
from services.store.store import Store

SUBJECTS = (
    "tickbus.event.run.>",
    "tickbus.event.task.*.deleted",
    "tickbus.event.replay.*.started",
    "tickbus.event.replay.*.finished",
    "tickbus.event.replay.*.failed",
    "tickbus.event.replay.*.deleted",
)

_TASKS = "tasks"
_ENDED = "ended"
_KEPT_REPLAYS = 256  # that have ended, for events that are not handled yet
_KEPT = 16  # runs of a task whose handlers are still known, for events that are not handled yet

Record = dict[str, Any]

_NONE: Record = {"deleted": 0, "open": False, "runs": []}


@dataclass(frozen=True, slots=True)
class HandlerOf:
    """A handler that a run's alert node has. key: tells it from all others, and is the same after a restart."""

    key: str
    topic: str
    kind: str
    options: Any


class Runs:
    """The fold, kept in a store, and what is asked of it."""

    def __init__(self, store: Store) -> None:
        self._projection: Projection[Event] = Projection(store, fold, EVENTS)

    @property
    def position(self) -> int:
        """Sequence of the last event folded."""
        return self._projection.position

    async def start(self, bus: Bus) -> None:
        """Follow the log; returns once its present end is reached."""
        self._bus = bus
        await self._projection.start(bus, SUBJECTS, decode)

    async def stop(self) -> None:
        """Follow no more, and save."""
        await self._projection.stop()

    async def reached(self, seq: int, timeout: float | None = None) -> None:
        """Wait until the fold has come to this event, or to all before it that are in it. TimeoutError after seconds.

        Raises BusError.
        """
        if self.position < seq:
            ours = await asyncio.gather(*map(self._bus.last_subject_sequence, SUBJECTS))
            await self._projection.reached(min(seq, max(ours)), timeout)

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call with the id of each task of which something has changed."""

        def changed(changes: list[Change]) -> None:
            for change in changes:
                if change.bucket == _TASKS:
                    listener(change.key)

        self._projection.on_change(changed)

    def life(self, task: str, started: int) -> Life:
        """What folding a message of this task, sent under `started`, has to know."""
        record = self._record(task)
        last = record["runs"][-1] if record["runs"] else None
        began = last["first"] if last is not None and last["first"] <= started else 0
        return Life(record["deleted"], began)

    def handlers(self, task: str, started: int, topic: str) -> list[HandlerOf]:
        """The handlers of a task's own topic, as the run that said `started` has them."""
        for run in reversed(self._record(task)["runs"]):
            if run["first"] <= started:
                return list(_handlers(task, run, topic))
        return []

    def handler(self, key: str) -> HandlerOf | None:
        """The handler of this key, None where its run is not known any more."""
        task = _task_of(key)
        for run in self._record(task)["runs"]:
            for alert in run["alerts"]:
                for handler in _handlers(task, run, alert["topic"]):
                    if handler.key == key:
                        return handler
        return None

    def open_topics(self) -> Iterator[str]:
        """The own topics of all alert nodes that run."""
        for task, record in self._projection.state.bucket(_TASKS).items():
            if record["open"]:
                yield from (alert["topic"] for alert in record["runs"][-1]["alerts"] if _own(task, alert))

    def is_open(self, task: str, topic: str) -> bool:
        """Whether the task runs and has an alert node with this topic as its own."""
        record = self._record(task)
        return record["open"] and any(a["topic"] == topic and _own(task, a) for a in record["runs"][-1]["alerts"])

    def open(self, task: str) -> bool:
        """Whether it runs."""
        running: bool = self._record(task)["open"]
        return running

    def deleted(self, task: str) -> int:
        """Sequence of the task's last deletion, 0 for none."""
        deleted: int = self._record(task)["deleted"]
        return deleted

    def began(self, task: str) -> int:
        """Sequence of the first run.started of the task's last run, 0 for none."""
        runs = self._record(task)["runs"]
        return runs[-1]["first"] if runs else 0

    def _record(self, task: str) -> Record:
        record: Record = self._projection.state.get(_TASKS, task) or _NONE
        return record


def fold(state: State, event: Event) -> None:
    """Take one event in. ValueError where it is none of these kinds, and nothing is changed."""
    record: Record = state.get(_TASKS, event.id) or _NONE
    if (event.kind, event.what) == ("task", "deleted"):
        state.put(_TASKS, event.id, record | {"deleted": event.seq})
        return
    if event.kind == "replay":
        _replayed(state, event)
        return
    schema = run_events.SCHEMAS.get(event.what) if event.kind == "run" else None
    if schema is None:
        raise ValueError(f"no such event: {event.kind} {event.what}")
    try:
        data = schema().load(event.data)
        new = _FOLDS[event.what](record, event.seq, data)
    except (ValidationError, KeyError, TypeError) as error:
        raise ValueError(f"{event.kind} {event.what} #{event.seq}: {error!r}") from error
    if new is not record:
        state.put(_TASKS, event.id, new)


def _replayed(state: State, event: Event) -> None:
    """What a recorder says of a replay: its topics are there while it runs, and are forgotten with its end."""
    owner = f"{event.id}:{event.data.get('task')}"
    record: Record = state.get(_TASKS, owner) or _NONE
    if event.what == "started":
        try:
            # begun anew by another recorder it is the same run still
            enabled = record["runs"][-1]["enabled"] if record["open"] else event.seq
            data = {"enabled": enabled, "alerts": event.data["alerts"]}
            state.put(_TASKS, owner, _started(record, event.seq, data))
        except (KeyError, TypeError) as error:
            raise ValueError(f"replay started #{event.seq}: {error!r}") from error
    elif record["open"]:
        state.put(_TASKS, owner, record | {"open": False, "deleted": event.seq})
        ended = [one for one in state.get(_ENDED, "") or () if one != owner] + [owner]
        for old in ended[:-_KEPT_REPLAYS]:
            if not (state.get(_TASKS, old) or _NONE)["open"]:
                state.delete(_TASKS, old)
        state.put(_ENDED, "", ended[-_KEPT_REPLAYS:])


def _started(record: Record, seq: int, data: Record) -> Record:
    runs = record["runs"]
    alerts = [_alert(alert) for alert in data["alerts"]]
    last = runs[-1] if runs else None
    if last is not None and data["enabled"] < last["enabled"]:
        return record
    if last is not None and data["enabled"] == last["enabled"]:
        runs = [*runs[:-1], last | {"alerts": alerts}]
    else:
        runs = [*runs, {"enabled": data["enabled"], "first": seq, "alerts": alerts}][-_KEPT:]
    return record | {"open": True, "runs": runs}


def _alert(alert: Record) -> Record:
    handlers = [{"kind": str(h["kind"]), "options": dict(h["options"])} for h in alert["handlers"]]
    return {"node": str(alert["node"]), "topic": str(alert["topic"]), "handlers": handlers}


def _failed(record: Record, seq: int, data: Record) -> Record:
    runs = record["runs"]
    if not record["open"] or not runs or runs[-1]["enabled"] != data["enabled"]:
        return record
    return record | {"open": False}


def _stopped(record: Record, seq: int, data: Record) -> Record:
    runs = record["runs"]
    if not record["open"] or not runs or runs[-1]["enabled"] > data["disabled"]:
        return record
    return record | {"open": False}


_FOLDS: dict[str, Callable[[Record, int, Record], Record]] = {
    "started": _started,
    "failed": _failed,
    "stopped": _stopped,
}


def _own(task: str, alert: Record) -> bool:
    topic: str = alert["topic"]
    return topic == own_topic(task, alert["node"])


def _handlers(task: str, run: Record, topic: str) -> Iterator[HandlerOf]:
    for alert in run["alerts"]:
        if alert["topic"] == topic and _own(task, alert):
            for number, handler in enumerate(alert["handlers"]):
                key = f"{run['enabled']}/{number}/{alert['node']}/{task}"
                yield HandlerOf(key, topic, handler["kind"], handler["options"])


def _task_of(key: str) -> str:
    return key.split("/", 3)[3]
