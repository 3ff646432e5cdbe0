"""What EVENTS holds of each resource, in little: enough to tell which of it can go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from services.bus.events import Event

Name = tuple[str, str]
"""Kind and id. What workers say of a task's runs is of the kind `run`."""


@dataclass(slots=True)
class EventRecord:
    """One event. run: of the kind `run`, the event by which the run that it is about began, or for `stopped` ended."""

    seq: int
    what: str
    run: int = 0


@dataclass(slots=True)
class Life:
    """All that is told of one resource, in order.

    ends_alerts: when (ns) it was last deleted in a way that its alerts are to end with it, 0: it was not.
    """

    events: list[EventRecord] = field(default_factory=list)
    ends_alerts: int = 0

    @property
    def last(self) -> int:
        """The sequence of the last event."""
        return self.events[-1].seq if self.events else 0

    def last_of(self, what: str) -> int:
        """The sequence of the last event of this sort, 0 for none."""
        return next((one.seq for one in reversed(self.events) if one.what == what), 0)


class Lives:
    """All resources, and which of them are understood only together with others."""

    def __init__(self, until: int) -> None:
        """until: what is told from there on is not to go, but what it rests on is not either."""
        self._until = until
        self._lives: dict[Name, Life] = {}
        self._later: set[Name] = set()  # of which more is told from there on
        self._needs: dict[Name, set[Name]] = {}  # what must stay where these do
        self._bound: set[Name] = set()

    def take(self, event: Event) -> None:
        """Take the next event in. What is broken in it counts as not said."""
        name = (event.kind, event.id)
        if event.seq < self._until:
            life = self._lives.setdefault(name, Life())
            begins = "disabled" if event.what in ("stopped", "part-stopped") else "enabled"
            run = event.data.get(begins) if event.kind == "run" else 0
            life.events.append(EventRecord(event.seq, event.what, run if isinstance(run, int) else 0))
            if event.what == "deleted":
                life.ends_alerts = event.time_ns if event.data.get("alerts") == "end" else 0
        else:
            self._later.add(name)
        if event.kind == "task" and event.data.get("template-id"):
            self._needs.setdefault(name, set()).add(("template", str(event.data["template-id"])))
        for other in _changed_too(event):
            self._needs.setdefault(name, set()).add(other)
            self._needs.setdefault(other, set()).add(name)
            self._bound |= {name, other}

    def of(self, kind: str, id: str) -> Life:
        """What is told of one resource; nothing where it is not known."""
        return self._lives.get((kind, id)) or Life()

    def ids(self, *kinds: str) -> list[str]:
        """The ids of these kinds, in order."""
        return sorted({id for kind, id in self._lives if kind in kinds})

    def is_over(self, kind: str, id: str) -> bool:
        """Whether nothing more is told of it."""
        return (kind, id) not in self._later

    def is_bound(self, kind: str, id: str) -> bool:
        """Whether events of others have changed it, or its own have changed others."""
        return (kind, id) in self._bound

    def together(self, names: Iterable[Name]) -> Iterator[set[Name]]:
        """Of these resources, those that must go together, each time."""
        left = set(names)
        while left:
            found, new = set[Name](), {left.pop()}
            while new:
                found |= new
                new = {other for name in new for other in self._needs.get(name, ()) if other in left} - found
                left -= new
            yield found

    def removable(self, dead: Iterable[Name]) -> set[Name]:
        """Of resources that are no more, those that nothing needs that stays."""
        going = set(dead)
        while True:
            needed = {other for name, others in self._needs.items() if name not in going for other in others}
            stays = going & needed
            if not stays:
                return going
            going -= stays


def _changed_too(event: Event) -> Iterator[Name]:
    """What else an event changes, or would have if it had counted: what was renamed, the tasks of a template."""
    data: dict[str, Any] = event.data
    if event.kind in ("task", "template") and data.get("was", event.id) != event.id:
        yield event.kind, str(data["was"])
    if event.kind == "template" and isinstance(data.get("tasks"), dict):
        yield from (("task", task) for task in data["tasks"])
