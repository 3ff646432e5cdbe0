"""Which alerts of a topic flap: the share of changes among their events, against two thresholds.

Counted are the events of an alert since its first change within the window, in a twentieth of the window at a time, by
when they were stored; so an alert that is steady takes no memory. What few events say is not taken for a share: less
than ten count as ten. One that flaps does so until that its share is below the lower threshold was told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

_PARTS = 20
_FEWEST = 10

Counts = list[list[int]]
"""Of the parts of a window in which there was an event, oldest first: number since 1970, events, changes."""


class FlapSettings(Protocol):
    """When an alert flaps: once the share is over `high`, until it is below `low`. window: ns. since: ns, from when on
    that is so."""

    @property
    def window(self) -> int: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def since(self) -> int: ...


@dataclass(slots=True)
class Flaps:
    """Of one topic. told: the alerts that flap, each with whether that was told. counts: by id. part: ns."""

    part: int = 0
    counts: dict[str, Counts] = field(default_factory=dict)
    told: dict[str, bool] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.counts or self.told)

    @property
    def window(self) -> int:
        """ns."""
        return self.part * _PARTS

    def add(self, settings: FlapSettings, id: str, changed: bool, time_ns: int) -> None:
        """An event has come; changed: with another level than before. time_ns: when it was stored."""
        part = max(1, settings.window // _PARTS)
        if self.part != part:
            self.part = part
            self.counts.clear()
        counts = self._recent(id, time_ns)
        if not counts and not changed:
            self.counts.pop(id, None)
            return
        number = time_ns // part
        if not counts or counts[-1][0] < number:
            counts.append([number, 0, 0])
        counts[-1][1] += 1
        counts[-1][2] += changed
        self.counts[id] = counts
        if _share(counts) > settings.high:
            self.told.setdefault(id, False)

    def flaps(self, settings: FlapSettings | None, id: str, time_ns: int) -> bool:
        """Whether an alert flaps at this time."""
        if settings is None or id not in self.told:
            return False
        return _share(self._recent(id, time_ns)) >= settings.low

    def changes(self, id: str, time_ns: int) -> int:
        """How many changes there were within the window."""
        return sum(changes for _, _, changes in self._recent(id, time_ns))

    def prune(self, time_ns: int) -> None:
        """Forget what counts no more."""
        for id in [id for id in self.counts if not self._recent(id, time_ns)]:
            del self.counts[id]

    def clear(self) -> None:
        """Forget all."""
        self.counts.clear()
        self.told.clear()

    def to_plain(self) -> list[Any]:
        """For a store to hold."""
        return [self.part, {id: [list(one) for one in counts] for id, counts in self.counts.items()}, dict(self.told)]

    @classmethod
    def of_plain(cls, plain: list[Any]) -> Flaps:
        """The inverse."""
        part, counts, told = plain
        return cls(part, {id: [list(one) for one in of] for id, of in counts.items()}, dict(told))

    def _recent(self, id: str, time_ns: int) -> Counts:
        """The counts of an id from its first change within the window on."""
        if not self.part:
            return []
        oldest = time_ns // self.part - _PARTS
        counts = self.counts.get(id, [])
        first = next((at for at, (number, _, changes) in enumerate(counts) if number > oldest and changes), None)
        return [] if first is None else counts[first:]


def _share(counts: Counts) -> float:
    events, changes = (sum(one[at] for one in counts) for at in (1, 2))
    return changes / max(events, _FEWEST)
