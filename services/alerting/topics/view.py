"""Topics as those see them who ask: which are there, and what there is of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from services.alerting.topics.runs import Runs
from services.alerting.topics.topic import Topic, owner_of
from services.alerting.topics.topics import Topics
from services.process.metrics.latencies import OTHERS

_MOST = 1000
_NONE = np.zeros(4, dtype=np.int64)


class View:
    """Of topics and the runs that they belong to, as far as these are known."""

    def __init__(self, topics: Topics, runs: Runs) -> None:
        self._topics, self._runs = topics, runs

    def visible(self, name: str) -> bool:
        """Whether the topic is there for readers: a node's own while its task runs, others once they had events.

        Others are there, too, once they were given a handler. One that was deleted is there again with its next event,
        a node's own also when its task starts anew.
        """
        topic = self._topics.get(name)
        if self._owned(name, topic):
            return self._runs.is_open(name) and not self._deleted(name)
        return topic is not None and not topic.deleted

    def names(self) -> list[str]:
        """The topics that are there for readers, in the order of their bytes."""
        topics = self._topics.by_name.items()
        named = {name for name, topic in topics if not topic.deleted and not self._owned(name, topic)}
        own = {name for name in self._runs.open_topics() if not self._deleted(name)}
        return sorted(named | own, key=lambda name: name.encode("utf-8", "surrogatepass"))

    def active(self, most: int = _MOST) -> list[dict[str, Any]]:
        """How many ids of each topic are INFO, WARNING and CRITICAL; of so many topics, and then of all others."""
        rows: list[dict[str, Any]] = []
        others = np.zeros(4, dtype=np.int64)
        names = self.names()
        for name in names:
            topic = self.alive(name)
            counts = np.bincount(topic.level[: len(topic)], minlength=4) if topic is not None else _NONE
            if len(rows) < most:
                rows.append({"topic": name, "counts": counts[1:].tolist()})
            else:
                others += counts
        return [*rows, {"topic": OTHERS, "counts": others[1:].tolist()}] if len(names) > most else rows

    def alive(self, name: str) -> Topic | None:
        """What there is of a topic, whether or not it is there for readers; None where its task was deleted since."""
        topic = self._topics.get(name)
        if topic is None or (topic.anonymous and topic.started < self._runs.deleted(topic.task)):
            return None
        return topic

    def collected(self, topic: Topic) -> int:
        """How many events a topic had; one that is a node's own, since its task was enabled."""
        if topic.anonymous and topic.started < self._runs.began(topic.task):
            return 0
        return topic.collected

    def _owned(self, name: str, topic: Topic | None) -> bool:
        return (topic is not None and topic.anonymous) or self._runs.owns(name)

    def _deleted(self, name: str) -> bool:
        """Whether the own topic of a node was deleted, and its task has not started since."""
        topic = self._topics.get(name)
        return topic is not None and topic.deleted and self._runs.began(owner_of(name)) <= topic.deleted_after
