"""All that has come of a task, as plain data, each kind of things in the order in which they came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from grammar.golang.times import format_rfc3339
from services.alertlog.info import LEVELS
from services.columns.frame import Message
from services.dryrun import outcomes as effects_as_lines
from services.dryrun.rows import plain_data, rows_of
from services.lineprotocol import reference_parser
from services.lineprotocol.reference_parser import multiplier
from services.process.log import Log
from services.runtime.effects import Alerts, Effect
from services.runtime.task import TaskRun
from services.testing.input.lines import point_of
from services.testing.input.times import format_length

NO_TOPIC = "tickbus.test"
"""The topic of alerts that the script sends to none."""
OWN_KINDS = ("alerts", "posts", "influxdb", "loopbacks", "log", "scale")
_KINDS = {"post": "posts", "influxdb": "influxdb", "loopback": "loopbacks", "log": "log", "scale": "scale"}

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
    _told: effects_as_lines.Outcomes = field(default_factory=effects_as_lines.Outcomes)

    def add(self, effects: Sequence[Effect]) -> None:
        """What a task wants done."""
        for effect in effects:
            for line in self._told.of([effect]):
                self._add(line, effect)

    def _add(self, line: Item, effect: Effect) -> None:
        kind = line.pop("kind")
        if isinstance(effect, Alerts):
            self.kinds["alerts"].append(_alert(line, effect.data is not None))
            self.levels.setdefault(effect.node, set()).add(LEVELS.index(line["level"]))
        elif kind == "failure":
            self.failure = line["error"]
        elif "lines" in line:
            self.kinds[_KINDS[kind]] += _points(line)
        elif kind in _KINDS and "command" not in line:
            self.kinds[_KINDS[kind]].append(line)

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
        if messages:
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
            why = f": {keys['err']}" if "err" in keys else ""
            self._outcomes.notes.append(f"{keys['node']}: {msg}{why}")


_MOST_NOTES = 100


def _alert(line: Item, batch: bool) -> Item:
    topic = line["topics"][-1] if line["topics"] else ""
    series = line["data"]["series"][0]
    rows = [dict(zip(series.get("columns", ()), row, strict=True)) for row in series.get("values", ())]
    found: Item = {
        "id": line["id"],
        "level": line["level"],
        "previous": line["previousLevel"],
        "message": line["message"],
        "time": line["time"],
        "duration": format_length(line["duration"]),
        "topic": "" if topic == NO_TOPIC else topic,
        "node": line["node"],
        "name": series["name"],
        "tags": series.get("tags", {}),
    }
    if batch:
        found["points"] = rows
    else:
        found["fields"] = {name: value for name, value in rows[0].items() if name != "time"}
    return found if line["details"] is None else {**found, "details": line["details"]}


def _points(line: Item) -> Iterator[Item]:
    unit = multiplier(line.get("precision") or "n")
    of = {"node": line["node"], "db": line["database"], "rp": line["retention-policy"]}
    for text in line["lines"]:
        time = reference_parser.parse(text.encode(), unit)[2] or 0
        point = point_of(text.encode(), time)
        yield {**of, **point, "fields": plain_data(point["fields"]), "time": format_rfc3339(time)}
