"""One group of alerts: what has been told of it, what there is to tell, and when.

What is told of a group is what Alertmanager tells: the first time `wait` after its first alert, then `interval` after
the last time where something has changed, and `repeat` after it where nothing has. Nothing is written down of that but
the digests themselves: what was told last stands in the digest's own fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from services.alerting.topics.alert_event import AlertEvent
from services.alertlog.info import LEVELS

TOLD = "alerts"
"""The field of a digest that says which alerts it told as not OK: a JSON object, levels by ids."""


@dataclass(frozen=True, slots=True)
class Times:
    """Durations in ns, as Alertmanager's group_wait, group_interval and repeat_interval; repeat 0: never."""

    wait: int
    interval: int
    repeat: int


@dataclass(slots=True)
class Group:
    """The alerts of a topic that have these values of some tags.

    firing: those that are not OK, by id. told: levels by id, as the last digest told them; at: when that was (ns), 0
    for never. held: of these the ones that are silenced, of which nothing new is told. since: when there was something
    to tell first (ns), 0 for nothing.
    """

    id: str
    labels: Mapping[str, str]
    firing: dict[str, AlertEvent] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    at: int = 0
    since: int = 0

    def levels(self) -> dict[str, int]:
        """How its alerts stand that are not OK; those that are silenced as they were told."""
        return {**self.held, **{id: event.level for id, event in self.firing.items()}}

    def resolved(self) -> list[str]:
        """The ids that were told, and are OK since."""
        return sorted(self.told.keys() - self.firing.keys() - self.held.keys())

    def due(self, times: Times, now: int) -> int | None:
        """When it is to be told next (ns), None where there is nothing to tell."""
        # a clock that was set back must not keep it waiting for as long
        self.at, self.since = min(self.at, now), min(self.since, now)
        changed = self.levels() != self.told
        if not changed:
            self.since = 0
            return self.at + times.repeat if self.firing and times.repeat else None
        self.since = self.since or now
        if not self.told:
            return self.since + times.wait
        return max(self.at + times.interval, self.since)

    def tell(self, now: int) -> None:
        """It is told as it stands."""
        self.told, self.at, self.since = self.levels(), now, 0

    @property
    def over(self) -> bool:
        """Whether there is nothing left of it."""
        return not self.firing and not self.told


def told_text(levels: Mapping[str, int]) -> str:
    """What stands in the field TOLD."""
    return orjson.dumps({id: LEVELS[level] for id, level in sorted(levels.items())}).decode()


def read_told(text: object) -> dict[str, int]:
    """The inverse; {} for anything else."""
    try:
        found = orjson.loads(text) if isinstance(text, str) else {}
        return {str(id): LEVELS.index(level) for id, level in found.items()}
    except (ValueError, AttributeError):
        return {}
