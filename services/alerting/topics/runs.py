"""What runs of tasks there were: a part of the fold over EVENTS (see services/alerting/projection.py). They say which
handlers an alert node has, and when topics live.

The bucket `tasks` of the state, by owner, holds records of plain data. The owner is the task's id, or
`<replay id>:<task id>` of one that runs in a replay: it counts as deleted when the replay ends.
    deleted   sequence of the task's last deletion, 0 for none; those that keep its alerts do not count
    ending    [sequence, ns] of the deletion that its alerts are to end with, and that come before it; None for none
    open      whether a worker runs it
    runs      the last runs, oldest first, each with
        enabled   sequence of the event that enabled it
        first     sequence of its first run.started; another worker that takes it over says `started` again
        alerts    [{"node", "topic", "handlers": [{"kind", "options"}]}] as the last run.started says
The bucket `ended` holds, under "", the owners of the replays that have ended and are still known, oldest first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from schemas.events import run as run_events
from services.alerting.topics.topic import TaskHistory, own_topic, owner_of
from services.bus.events import Event
from services.store.compaction import Gone
from services.store.folds.state import State

TASKS = "tasks"

_FOLDED = {
    ("task", "deleted"),
    *(("replay", what) for what in ("started", "finished", "failed", "deleted")),
    *(("run", what) for what in ("started", "failed", "stopped")),
}

_ENDED = "ended"
_KEPT_REPLAYS = 256  # that have ended, for events that are not handled yet
_KEPT = 16  # runs of a task whose handlers are still known, for events that are not handled yet

Record = dict[str, Any]

_NONE: Record = {"deleted": 0, "ending": None, "open": False, "runs": []}


@dataclass(frozen=True, slots=True)
class BoundHandler:
    """A handler that a run's alert node has, or a topic. key: tells it from all others, after a restart too.

    match: what events must fulfil, "" for nothing. began: when a topic was given it, ns. id: what it is called in its
    topic, "" where a script has it.
    """

    key: str
    topic: str
    kind: str
    options: Any
    match: str = ""
    began: int = 0
    id: str = ""


class Runs:
    """What is asked of the fold."""

    def __init__(self, state: Callable[[], State]) -> None:
        """state(): the fold's, as it is now."""
        self._state = state

    def life(self, task: str, started: int) -> TaskHistory:
        """What folding a message of this task, sent under `started`, has to know."""
        record = self._record(task)
        last = record["runs"][-1] if record["runs"] else None
        began = last["first"] if last is not None and last["first"] <= started else 0
        return TaskHistory(record["deleted"], began)

    def handlers(self, task: str, started: int, topic: str) -> list[BoundHandler]:
        """The handlers of a task's own topic, as the run that said `started` has them."""
        for run in reversed(self._record(task)["runs"]):
            if run["first"] <= started:
                return list(_handlers(task, run, topic))
        return []

    def handler(self, key: str) -> BoundHandler | None:
        """The handler of this key, None where its run is not known any more."""
        task = _task_of(key)
        for run in self._record(task)["runs"]:
            for alert in run["alerts"]:
                for handler in _handlers(task, run, alert["topic"]):
                    if handler.key == key:
                        return handler
        return None

    def owns(self, topic: str) -> bool:
        """Whether it is the own topic of an alert node, by the last run of its task, be that over or not."""
        owner = owner_of(topic)
        runs = self._record(owner)["runs"]
        return bool(runs) and any(alert["topic"] == topic and _own(owner, alert) for alert in runs[-1]["alerts"])

    def is_open(self, topic: str) -> bool:
        """Whether it is the own topic of an alert node that runs."""
        return self.open(owner_of(topic)) and self.owns(topic)

    def open_topics(self) -> Iterator[str]:
        """The own topics of all alert nodes that run."""
        for task, record in self._state().bucket(TASKS).items():
            if record["open"]:
                yield from (alert["topic"] for alert in record["runs"][-1]["alerts"] if _own(task, alert))

    def open(self, task: str) -> bool:
        """Whether it runs."""
        running: bool = self._record(task)["open"]
        return running

    def deleted(self, task: str) -> int:
        """Sequence of the task's last deletion, 0 for none."""
        deleted: int = self._record(task)["deleted"]
        return deleted

    def ending(self, task: str) -> tuple[int, int] | None:
        """Sequence and moment (ns) of the deletion that a task's alerts are to end with; None where they are not, or
        where its run is not over yet."""
        record = self._record(task)
        ending = record["ending"]
        if ending is None or (record["open"] and self.began(task) < ending[0]):
            return None
        return ending[0], ending[1]

    def ends_with(self, task: str) -> int:
        """Sequence of the deletion that a task's alerts are to end with, 0 where they are not."""
        ending = self._record(task)["ending"]
        return ending[0] if ending else 0

    def tasks(self) -> list[str]:
        """The owners of which something is known."""
        return list(self._state().bucket(TASKS))

    def began(self, task: str) -> int:
        """Sequence of the first run.started of the task's last run, 0 for none."""
        runs = self._record(task)["runs"]
        return runs[-1]["first"] if runs else 0

    def _record(self, task: str) -> Record:
        record: Record = self._state().get(TASKS, task) or _NONE
        return record


def fold(state: State, event: Event) -> None:
    """Take one event in, if it is of these kinds. ValueError where it is broken, and nothing is changed."""
    if (event.kind, event.what) not in _FOLDED:
        return
    record: Record = state.get(TASKS, event.id) or _NONE
    if (event.kind, event.what) == ("task", "deleted"):
        how = event.data.get("alerts")
        if how != "keep":
            ending = [event.seq, event.time_ns] if how == "end" else None
            state.put(TASKS, event.id, record | {"deleted": event.seq, "ending": ending})
        return
    if event.kind == "replay":
        _replayed(state, event)
        return
    try:
        data = run_events.SCHEMAS[event.what]().load(event.data)
        new = _FOLDS[event.what](record, event.seq, data)
    except (ValidationError, KeyError, TypeError) as error:
        raise ValueError(f"{event.kind} {event.what} #{event.seq}: {error!r}") from error
    if new is not record:
        state.put(TASKS, event.id, new)


def forget(state: State, gone: Gone) -> None:
    """Let go of what is kept of a task that is no more, once neither log holds anything of it."""
    record = state.get(TASKS, gone.id) if gone.kind == "task" else None
    if record is not None and not record["open"] and record["deleted"] <= gone.last:
        state.delete(TASKS, gone.id)


def _replayed(state: State, event: Event) -> None:
    """What a recorder says of a replay: its topics are there while it runs, and are forgotten with its end."""
    owner = f"{event.id}:{event.data.get('task')}"
    record: Record = state.get(TASKS, owner) or _NONE
    if event.what == "started":
        try:
            # begun anew by another recorder it is the same run still
            enabled = record["runs"][-1]["enabled"] if record["open"] else event.seq
            data = {"enabled": enabled, "alerts": event.data["alerts"]}
            state.put(TASKS, owner, _started(record, event.seq, data))
        except (KeyError, TypeError) as error:
            raise ValueError(f"replay started #{event.seq}: {error!r}") from error
    elif record["open"]:
        state.put(TASKS, owner, record | {"open": False, "deleted": event.seq})
        ended = [one for one in state.get(_ENDED, "") or () if one != owner] + [owner]
        for old in ended[:-_KEPT_REPLAYS]:
            if not (state.get(TASKS, old) or _NONE)["open"]:
                state.delete(TASKS, old)
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


def _handlers(task: str, run: Record, topic: str) -> Iterator[BoundHandler]:
    for alert in run["alerts"]:
        if alert["topic"] == topic and _own(task, alert):
            for number, handler in enumerate(alert["handlers"]):
                key = f"{run['enabled']}/{number}/{alert['node']}/{task}"
                yield BoundHandler(key, topic, handler["kind"], handler["options"])


def _task_of(key: str) -> str:
    return key.split("/", 3)[3]
