"""What a run wants done outside, gathered: line by line, and what it comes to all in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from services.alertlog.info import LEVELS
from services.dryrun.backtesting.raised import RaisedEvent, raised
from services.dryrun.backtesting.verdicts import Verdicts
from services.dryrun.outcomes import Line, outcomes_of
from services.pipeline.graph import Graph
from services.runtime.effects import Alerts, Effect, Failure


def nobody(event: RaisedEvent) -> None:
    """Does nothing with an event."""


class Findings:
    """failed: why the task has ended of itself, "" while it has not; from there on nothing counts.

    tells: whether there are lines of it; without, they are only counted, in `untold`.
    """

    def __init__(
        self,
        graph: Graph,
        begin: int,
        end: int,
        raises: Callable[[RaisedEvent], None] = nobody,
    ) -> None:
        """begin, end: the time that is asked about, ns. raises: told of each alert event of that time, in order."""
        self._verdicts = Verdicts(begin, end)
        self._raises = raises
        self._handlers = {
            node.name: [use.kind for use in getattr(node.properties, "handlers", ())] for node in graph.nodes
        }
        self._kinds: Counter[str] = Counter()
        self._handled: Counter[str] = Counter()
        self.failed = ""
        self.tells, self.untold = True, 0

    def before(self, effects: Iterable[Effect]) -> list[Line]:
        """What came before the time that is asked about: of that nothing is told."""
        for effect in self._until_failed(effects):
            if isinstance(effect, Alerts):
                for event in raised(effect, effect.id_of, effect.message_of):
                    self._verdicts.before(_where(effect), event)
        return []

    def take(self, effects: Iterable[Effect]) -> list[Line]:
        """What there is to be told of effects, in order: lines as services.dryrun.outcomes has them.

        An alert's `previousLevel` is the one that its id had in all of this run, in the same topic.
        """
        lines: list[Line] = []
        for effect in self._until_failed(effects):
            if isinstance(effect, Alerts):
                lines += self._alerts(effect)
                continue
            found = list(outcomes_of(effect))
            self._kinds.update(line["kind"] for line in found)
            lines += self._told(found)
        return lines

    def fail(self, reason: str) -> None:
        """The task has ended."""
        self.failed = self.failed or reason

    def by_id(self) -> Iterator[Line]:
        """A line of each id, to come behind all others: {"kind": "id", …} as Verdicts.by_id has it."""
        return ({"kind": "id", **line} for line in self._verdicts.by_id())

    def summary(self) -> dict[str, Any]:
        """That of the verdicts, and {"outcomes": {kind of line: n}, "handlers": {kind of handler: n events},
        "failed": "" or why the task has ended}."""
        return {
            **self._verdicts.summary(),
            "outcomes": dict(sorted(self._kinds.items())),
            "handlers": dict(sorted(self._handled.items())),
            "failed": self.failed,
        }

    def _until_failed(self, effects: Iterable[Effect]) -> Iterable[Effect]:
        for effect in effects:
            if self.failed:
                return
            yield effect
            if isinstance(effect, Failure):
                self.fail(effect.reason)

    def _alerts(self, effect: Alerts) -> list[Line]:
        where, previous = _where(effect), list[int]()
        for event in raised(effect, effect.id_of, effect.message_of):
            previous.append(self._verdicts.take(where, event))
            self._raises(event)
        count = len(previous)
        self._kinds["alert"] += count
        for kind in self._handlers.get(effect.node, ()):
            self._handled[kind] += count
        if not self.tells:
            self.untold += count
            return []
        lines = list(outcomes_of(effect))
        for line, level in zip(lines, previous, strict=True):
            line["previousLevel"] = LEVELS[level]
        return lines

    def _told(self, lines: list[Line]) -> list[Line]:
        if self.tells:
            return lines
        self.untold += len(lines)
        return []


def _where(effect: Alerts) -> str:
    """The topic that the script names, else the node."""
    own = f":{effect.task}:{effect.node}"
    return next((topic for topic in effect.topics if not topic.endswith(own)), effect.node)
