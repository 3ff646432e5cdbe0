"""Which alerts are inhibited: those of a category, for as long as an alert that inhibits the category is not OK.

Who inhibits and who is inhibited are alert nodes of any tasks, on any workers, so that no worker knows both. Here all
of it comes together in one order, that of ALERTS, and what is decided in that order is decided again just so by
whoever reads the log from its beginning. No worker's frames or speed are in it: an alert is inhibited if the one that
inhibits it was not OK at the place of what caused the alert. Places are the moments at which causes came, for points
when their write was stored (writes of one moment by their sequence and line), for the rest when the clock set it off.

What cannot be known is what is not in ALERTS yet: where the worker of the inhibiting task is behind that of the other,
an alert may come first, and is then not held back. Waiting for it would let one slow task silence others.

A node has told of each of its groups from when to when it inhibits. The runs of its task end by themselves: `release`
ends what they have begun, at a place in the log again (see services/alerting/upkeep/releases.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.alerting.topics.message import ReceivedMessage
from services.alerting.topics.topic import TaskHistory
from services.alertlog.deduplicator import Deduplicator
from services.alertlog.inhibition import Announced
from services.store import codec

_KEPT = 16  # changes of one inhibitor, for alerts that come late
_ANYWHERE = 2**63 - 1

Place = tuple[int, int, int]
"""Moment (ns), sequence and line of what caused something."""

Owner = tuple[str, str]
"""Owner (as in services.alerting.topics.message) and node."""

Names = tuple[str, ...]


@dataclass(slots=True)
class Inhibitor:
    """One of a node's inhibitors in one of its groups. changes: the last, in the order in which they came.

    started: of the run that told of the last one.
    """

    category: str
    tags: dict[str, str]
    started: int = 0
    changes: list[tuple[Place, bool]] = field(default_factory=list)

    @property
    def on(self) -> bool:
        """Whether it inhibits as things stand."""
        return bool(self.changes) and self.changes[-1][1]

    def at(self, place: Place) -> bool:
        """Whether it inhibited what was caused there."""
        for since, on in reversed(self.changes):
            if since <= place:
                return on
        return not self.changes[0][1]

    def change(self, place: Place, on: bool, started: int) -> None:
        """From there on it does, or does not."""
        self.started = max(self.started, started)
        self.changes.append((place, on))
        del self.changes[:-_KEPT]


@dataclass(slots=True)
class InhibitingNode:
    """What is kept of one alert node.

    deduplicator: of what it told. inhibitors: by its key. counted: of its own alerts that were inhibited and counted;
    inhibited: how many, by level, since its run `began`.
    """

    deduplicator: Deduplicator = field(default_factory=Deduplicator)
    inhibitors: dict[str, Inhibitor] = field(default_factory=dict)
    counted: Deduplicator = field(default_factory=Deduplicator)
    began: int = 0
    inhibited: list[int] = field(default_factory=lambda: [0, 0, 0, 0])


class Inhibitors:
    """All of them."""

    def __init__(self) -> None:
        self.nodes: dict[Owner, InhibitingNode] = {}
        self.changed: set[Owner] = set()  # and not saved
        # scope and category -> names of the tags that must be equal -> their values -> inhibitors
        self._index: dict[tuple[str, str], dict[Names, dict[Names, list[Inhibitor]]]] = {}

    def take(self, announced: Announced) -> None:
        """Take in what a node tells, but for what it has told before."""
        what, of = announced.inhibition, announced.inhibition.event_ids
        owner = (announced.owner, what.node)
        node = self._node(owner)
        first = node.deduplicator.first_new(announced.started, of.seq, of.row, of.ordinal)
        for i in range(first, len(what.keys)):
            inhibitor = node.inhibitors.get(what.keys[i])
            if inhibitor is None:
                inhibitor = node.inhibitors[what.keys[i]] = Inhibitor(what.categories[i], what.tags[i])
                self._enter(announced.owner, inhibitor)
            place = (int(of.processing_time[i]), int(of.seq[i]), int(of.row[i]))
            inhibitor.change(place, what.on[i], announced.started)

    def inhibited(self, message: ReceivedMessage) -> NDArray[np.bool_] | None:
        """Which alerts of a message are inhibited, bool[n]; None: none of them."""
        by_names = self._index.get((_scope(message.owner), message.category))
        if not by_names:
            return None
        found = [self._holds(by_names, message.tags(i), _place(message, i)) for i in range(len(message))]
        return np.array(found) if any(found) else None

    def count(self, message: ReceivedMessage, inhibited: NDArray[np.bool_], life: TaskHistory) -> None:
        """Count alerts that are inhibited, each once, in however many topics it would have been."""
        node = self._node((message.owner, message.node))
        if node.began < life.began:
            node.began, node.inhibited = life.began, [0, 0, 0, 0]
        first = node.counted.first_new(message.started, message.seq, message.row, message.ordinal)
        for i in range(first, len(message)):
            if inhibited[i]:
                node.inhibited[int(message.level[i])] += 1

    def counts(self, owner: str, began: int) -> dict[str, list[int]]:
        """How many alerts of each node were inhibited, by level, since the run that began then."""
        of = ((name, node) for (its, name), node in self.nodes.items() if its == owner)
        return {name: list(node.inhibited) for name, node in of if node.began == began and any(node.inhibited)}

    def owners(self) -> set[str]:
        """All of whom something is kept."""
        return {owner for owner, _ in self.nodes}

    def first(self, owner: str) -> int | None:
        """`started` of the first run of an owner that has begun what still inhibits; None where nothing does."""
        return min((i.started for i in self._of(owner) if i.on), default=None)

    def release(self, owner: str, until: int, processing_time: int) -> None:
        """What runs that started until then have begun ends at a moment."""
        for (its, name), node in self.nodes.items():
            if its == owner:
                for inhibitor in node.inhibitors.values():
                    if inhibitor.on and inhibitor.started <= until:
                        inhibitor.change((processing_time, _ANYWHERE, 0), False, 0)
                        self.changed.add((its, name))

    def drop(self, owner: str) -> None:
        """Forget an owner."""
        gone = [key for key in self.nodes if key[0] == owner]
        for key in gone:
            del self.nodes[key]
            self.changed.add(key)
        if gone:
            self._reindex()

    def pack(self, key: Owner) -> bytes | None:
        """A node as it is saved, None where it is to be saved no more."""
        node = self.nodes.get(key)
        if node is None:
            return None
        inhibitors = {k: [i.category, i.tags, i.started, i.changes] for k, i in node.inhibitors.items()}
        seen = [[s.point, s.started, s.tick] for s in (node.deduplicator, node.counted)]
        return codec.pack([seen, inhibitors, node.began, node.inhibited])

    def load(self, saved: Iterable[tuple[Owner, bytes]]) -> None:
        """Begin with what was saved. ValueError, TypeError where it is none of it."""
        self.nodes.clear()
        for key, raw in saved:
            (seen, counted), inhibitors, began, inhibited = codec.unpack(raw)
            found = {
                k: Inhibitor(category, dict(tags), started, [(tuple(place), bool(on)) for place, on in changes])
                for k, (category, tags, started, changes) in inhibitors.items()
            }
            self.nodes[key] = InhibitingNode(_seen(seen), found, _seen(counted), began, list(inhibited))
        self._reindex()

    def _node(self, key: Owner) -> InhibitingNode:
        self.changed.add(key)
        return self.nodes.setdefault(key, InhibitingNode())

    def _of(self, owner: str) -> Iterator[Inhibitor]:
        for (its, _), node in self.nodes.items():
            if its == owner:
                yield from node.inhibitors.values()

    def _enter(self, owner: str, inhibitor: Inhibitor) -> None:
        names = tuple(sorted(inhibitor.tags))
        by_names = self._index.setdefault((_scope(owner), inhibitor.category), {})
        by_values = by_names.setdefault(names, {})
        by_values.setdefault(tuple(inhibitor.tags[name] for name in names), []).append(inhibitor)

    def _reindex(self) -> None:
        self._index.clear()
        for (owner, _), node in self.nodes.items():
            for inhibitor in node.inhibitors.values():
                self._enter(owner, inhibitor)

    def _holds(
        self, by_names: Mapping[Names, Mapping[Names, list[Inhibitor]]], tags: Mapping[str, str], place: Place
    ) -> bool:
        for names, by_values in by_names.items():
            values = tuple(tags.get(name, "") for name in names)
            found = by_values.get(values, ()) if set(map(type, values)) <= {str} else ()
            if any(inhibitor.at(place) for inhibitor in found):
                return True
        return False


def _scope(owner: str) -> str:
    """Alerts of a replay inhibit and are inhibited within it alone."""
    return owner if ":" in owner else ""


def _place(message: ReceivedMessage, i: int) -> Place:
    """An alert in no category does not say when it came: then now is what counts."""
    processing_time = _ANYWHERE if message.processing_time is None else int(message.processing_time[i])
    return processing_time, int(message.seq[i]), int(message.row[i])


def _seen(saved: Any) -> Deduplicator:
    point, started, tick = saved
    return Deduplicator(tuple(point), started, tuple(tick))
