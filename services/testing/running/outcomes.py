"""All that has come of a task, as plain data, each kind of things in the order in which they came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from grammar.golang.times import format_rfc3339
from services.alertlog.info import LEVELS
from services.columns.frame import Message
from services.dryrun.rows import plain_fields, rows_of
from services.lineprotocol import reference_parser
from services.process.log import Log
from services.runtime.effects import Alerts, Effect, Failure, Withheld, Write
from services.runtime.task import TaskRun
from services.testing.input.lines import point_of
from services.testing.input.times import format_length

NO_TOPIC = "tickbus.test"
"""The topic of alerts that the script sends to none."""
OWN_KINDS = ("alerts", "posts", "influxdb", "loopbacks", "log", "scale")
_OF_WITHHELD = {"post": "posts", "influxdb": "influxdb", "log": "log", "scale": "scale"}
_WORDS = {"ok": 0, "info": 1, "warn": 2, "crit": 3}

Item = dict[str, Any]


@dataclass(slots=True)
class Outcomes:
    """What has come, by kind; of nodes by name.

    spoke: nodes that have given something. failure: why the task has ended. notes: what nodes complained of.
    """

    kinds: dict[str, list[Item]] = field(default_factory=lambda: {kind: [] for kind in OWN_KINDS})
    nodes: dict[str, list[Item]] = field(default_factory=dict)
    spoke: set[str] = field(default_factory=set)
    levels: dict[str, set[int]] = field(default_factory=dict)
    failure: str = ""
    notes: list[str] = field(default_factory=list)

    def add(self, effects: Sequence[Effect]) -> None:
        """What a task wants done."""
        for effect in effects:
            if isinstance(effect, Alerts):
                self.kinds["alerts"] += _alerts(effect)
                self.levels.setdefault(effect.node, set()).update(effect.level.tolist())
            elif isinstance(effect, Write):
                self.kinds["loopbacks"] += _points(effect.database, effect.retention_policy, effect.lines)
            elif isinstance(effect, Withheld):
                self.kinds[_OF_WITHHELD[effect.kind]] += _withheld(effect)
            elif isinstance(effect, Failure):
                self.failure = effect.reason

    def length(self, kind: str, name: str) -> int:
        """How many have come of a kind, or of a node."""
        return len(self.nodes.get(name, ()) if kind == "nodes" else self.kinds[kind])

    def since(self, kind: str, name: str, first: int) -> list[Item]:
        """What has come of a kind, or of a node, from a number on."""
        return (self.nodes.get(name, []) if kind == "nodes" else self.kinds[kind])[first:]


class Watching:
    """Told of what nodes give (services.runtime.observer). wanted: the nodes whose points are kept."""

    def __init__(self, run: TaskRun, outcomes: Outcomes, wanted: frozenset[str]) -> None:
        self._names = [node.name for node, _ in run.nodes()]
        self._table, self._outcomes, self._wanted = run.table, outcomes, wanted

    def enters(self, node: int, inputs: Sequence[Sequence[Message]]) -> None:
        pass

    def leaves(self, node: int, messages: Sequence[Message]) -> None:
        name = self._names[node]
        if any(len(message) for message in messages):
            self._outcomes.spoke.add(name)
        if name in self._wanted:
            kept = self._outcomes.nodes.setdefault(name, [])
            for message in messages:
                kept += rows_of(message, self._table)


class Notes(Log):
    """A log whose errors are kept with the outcomes, and nothing is written."""

    def __init__(self, outcomes: Outcomes) -> None:
        super().__init__("test")
        self._outcomes = outcomes

    def limited(self, key: str, pause: float = 0.0) -> Log:
        return self

    def bind(self, **keys: Any) -> Log:
        return self

    def enabled(self, level: str) -> bool:
        return level in ("WARN", "ERROR")

    def _write(self, level: int, msg: str, keys: dict[str, Any]) -> None:
        if "node" in keys and len(self._outcomes.notes) < _MOST_NOTES:
            self._outcomes.notes.append(f"{keys['node']}: {msg}")


_MOST_NOTES = 100


def level_number(word: str) -> int:
    """The number of a level as counts name it."""
    return _WORDS[word]


def _alerts(effect: Alerts) -> Iterator[Item]:
    topic = effect.topics[-1] if effect.topics else ""
    for i, level in enumerate(effect.level.tolist()):
        series = effect.series[int(effect.series_of[i])]
        found: Item = {
            "id": effect.ids[int(effect.id_of[i])],
            "level": LEVELS[level],
            "message": effect.messages[int(effect.message_of[i])],
            "time": format_rfc3339(int(effect.time[i])),
            "duration": format_length(int(effect.duration[i])),
            "topic": "" if topic == NO_TOPIC else topic,
            "node": effect.node,
            "name": series["name"],
            "tags": dict(series.get("tags") or {}),
        }
        if effect.data is None:
            values = {name: column.value(i) for name, column in effect.columns.items()}
            found["fields"] = plain_fields({name: value for name, value in values.items() if value is not None})
        else:
            rows = effect.data[i]
            columns = rows.get("columns", [])
            found["points"] = [plain_fields(dict(zip(columns, row, strict=True))) for row in rows.get("values", [])]
        if effect.details is not None:
            found["details"] = effect.details[i]
        yield found


def _withheld(effect: Withheld) -> Iterator[Item]:
    if effect.kind == "influxdb":
        lines = effect.what["lines"]
        text = "\n".join(lines) if isinstance(lines, list) else lines
        database, policy = effect.what.get("database", ""), effect.what.get("retentionPolicy", "")
        yield from _points(database, policy, text.encode())
        return
    yield {"node": effect.node, "time": format_rfc3339(effect.time), **effect.what}


def _points(database: str, policy: str, lines: bytes) -> Iterator[Item]:
    for line in reference_parser.lines(lines):
        time = reference_parser.parse(line, 1)[2] or 0
        point = point_of(line, time)
        fields: Any = point["fields"]
        yield {"db": database, "rp": policy, **point, "fields": plain_fields(fields), "time": format_rfc3339(time)}
