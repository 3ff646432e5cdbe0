"""What tasks there are, and how each fares: a fold over the events of the kinds `task` and `run`.

The shapes of the events are in schemas.events. A record is plain data:

    id, type, script, dbrps [{"db", "rp"}], vars, template-id   what defines the task
    status                     enabled or disabled
    created, modified, last_enabled   ns since 1970, 0 for never
    sequence                   of the last event that changed the task
    run                        None unless enabled: the run that is meant to be, with
        enabled, position      sequence of the event that enabled it, and the write after which it begins
        definition             type, script, dbrps, vars as they were then: what runs, whatever is changed meanwhile
        state                  "starting", "started" or "failed", as the workers say
        worker, alerts         of the last `started`
    error                      why it failed; it stays until the task is started again

Events that do not fit the state are left aside, by everybody alike: an update of a task that is not there, a rename
whose task was changed meanwhile, what a worker says of a run that is no longer meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Protocol

from marshmallow import ValidationError

from schemas.events import run, task

Record = dict[str, Any]

KINDS = ("task", "run")

_DEFINITION = ("type", "script", "dbrps", "vars")


class Fact(Protocol):
    """An event, as far as folds go."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def data(self) -> dict[str, Any]: ...
    @property
    def seq(self) -> int: ...
    @property
    def time_ns(self) -> int: ...


def apply(records: MutableMapping[str, Record], fact: Fact) -> bool:
    """Take one fact in. Whether it counted; ValueError where it is no event of these kinds at all."""
    schemas = {"task": task.SCHEMAS, "run": run.SCHEMAS}.get(fact.kind, {})
    if fact.what not in schemas:
        raise ValueError(f"no such event: {fact.kind} {fact.what}")
    try:
        data = schemas[fact.what]().load(fact.data)
    except ValidationError as error:
        raise ValueError(f"{fact.kind} {fact.what} #{fact.seq}: {error}") from error
    return _FOLDS[fact.kind, fact.what](records, fact, data)


def definition_of(record: Record) -> Record:
    """The part of a record that decides what runs."""
    return {key: record[key] for key in _DEFINITION}


def executing(record: Record) -> bool:
    """Whether a worker runs the task."""
    return record["run"] is not None and record["run"]["state"] == "started"


def _defined(records: MutableMapping[str, Record], fact: Fact, data: Record) -> bool:
    if fact.id in records:
        return False
    records[fact.id] = {
        "id": fact.id,
        **definition_of(data),
        "template-id": data["template_id"],
        "status": "disabled",
        "created": fact.time_ns,
        "modified": fact.time_ns,
        "last_enabled": 0,
        "sequence": fact.seq,
        "run": None,
        "error": "",
    }
    return True


def _updated(records: MutableMapping[str, Record], fact: Fact, data: Record) -> bool:
    was = data.get("was", fact.id)
    record = records.get(was)
    if record is None:
        return False
    if was != fact.id and (fact.id in records or record["sequence"] != data.get("was_sequence")):
        return False
    new = record | definition_of(data) | {"template-id": data["template_id"]}
    new |= {"id": fact.id, "modified": fact.time_ns, "sequence": fact.seq}
    if was != fact.id:
        del records[was]
        if new["run"] is not None:
            new["run"] = _new_run(fact.seq, data.get("position", 0), new)
    records[fact.id] = new
    return True


def _enabled(records: MutableMapping[str, Record], fact: Fact, data: Record) -> bool:
    record = records.get(fact.id)
    if record is None or record["status"] == "enabled":
        return False
    records[fact.id] = record | {
        "status": "enabled",
        "last_enabled": fact.time_ns,
        "modified": fact.time_ns,
        "sequence": fact.seq,
        "run": _new_run(fact.seq, data["position"], record),
    }
    return True


def _disabled(records: MutableMapping[str, Record], fact: Fact, data: Record) -> bool:
    record = records.get(fact.id)
    if record is None or record["status"] == "disabled":
        return False
    records[fact.id] = record | {
        "status": "disabled",
        "modified": fact.time_ns,
        "sequence": fact.seq,
        "run": None,
    }
    return True


def _deleted(records: MutableMapping[str, Record], fact: Fact, data: Record) -> bool:
    return records.pop(fact.id, None) is not None


def _started(records: MutableMapping[str, Record], fact: Fact, data: Record) -> bool:
    told = {"state": "started", "worker": data["worker"], "alerts": data["alerts"]}
    return _told(records, fact, data["enabled"], told, "")


def _failed(records: MutableMapping[str, Record], fact: Fact, data: Record) -> bool:
    return _told(records, fact, data["enabled"], {"state": "failed"}, data["error"])


def _stopped(records: MutableMapping[str, Record], fact: Fact, data: Record) -> bool:
    return True


def _told(records: MutableMapping[str, Record], fact: Fact, enabled: int, told: Record, error: str) -> bool:
    """What a worker says of the run that `enabled` began."""
    record = records.get(fact.id)
    if record is None or record["run"] is None or record["run"]["enabled"] != enabled:
        return False
    records[fact.id] = record | {"run": record["run"] | told, "error": error}
    return True


def _new_run(enabled: int, position: int, record: Record) -> Record:
    return {
        "enabled": enabled,
        "position": position,
        "definition": definition_of(record),
        "state": "starting",
        "worker": "",
        "alerts": [],
    }


_FOLDS: Mapping[tuple[str, str], Callable[[MutableMapping[str, Record], Fact, Record], bool]] = {
    ("task", "defined"): _defined,
    ("task", "updated"): _updated,
    ("task", "enabled"): _enabled,
    ("task", "disabled"): _disabled,
    ("task", "deleted"): _deleted,
    ("run", "started"): _started,
    ("run", "failed"): _failed,
    ("run", "stopped"): _stopped,
}
