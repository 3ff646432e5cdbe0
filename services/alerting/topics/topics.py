"""All topics, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.alerting.topics.message import ReceivedMessage
from services.alerting.topics.topic import Folded, Inhibited, TaskHistory, Topic, own_topic
from services.alertlog.bringing_in import BroughtIn
from services.alertlog.taking_up import TakenUp
from services.bus.positions import PartOf


@dataclass(slots=True)
class Topics:
    """All topics."""

    by_name: dict[str, Topic] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)  # whose saved states are to go

    def get(self, name: str) -> Topic | None:
        """A topic, None where it never had an event."""
        return self.by_name.get(name)

    def fold(self, message: ReceivedMessage, life: TaskHistory, inhibited: Inhibited = None) -> Folded:
        """Take a message in. See Topic.fold."""
        topic = self.by_name.get(message.topic)
        if topic is None:
            topic = self.by_name[message.topic] = Topic(message.topic)
        return topic.fold(message, life, inhibited)

    def take_up(self, name: str, taken: TakenUp, life: TaskHistory) -> Topic | None:
        """Have a topic take up alerts that another has; gives it, None where nothing of that is new."""
        topic = self.by_name.get(name, Topic(name))
        if not topic.take_up(taken, life, self.by_name.get(taken.source)):
            return None
        self.by_name[name] = topic
        return topic

    def bring_in(self, name: str, brought: BroughtIn) -> Topic | None:
        """Have a topic take in how alerts stood in another server; gives it, None where nothing of that is new."""
        topic = self.by_name.get(name, Topic(name))
        if not topic.bring_in(brought):
            return None
        self.by_name[name] = topic
        return topic

    def apply(self, name: str, seq: int, begun: bool) -> Topic:
        """Take a mark in, from which on a topic has the handlers that it had at this event; gives the topic.

        begun: whether the event gave it one: then the topic is there for readers.
        """
        topic = self.by_name.get(name)
        if topic is None:
            topic = self.by_name[name] = Topic(name)
            topic.deleted = True
        topic.applied = max(topic.applied, seq)
        topic.deleted = topic.deleted and not begun
        return topic

    def ticked(self, owner: str, started: int, names: Sequence[str], part: PartOf | None = None) -> int:
        """The last tick of which a run's alerts were seen in some topics, 0 for none. started, part: the run's."""
        topics = [topic for name in names if (topic := self.by_name.get(name)) is not None]
        known = [one for topic in topics for (whose, _), one in topic.deduplicators.items() if whose == owner]
        return max((one.last_tick(started, part) for one in known), default=0)

    def delete(self, name: str, after: int, own: bool) -> Topic | None:
        """Take in that somebody has deleted a topic; gives it, None where there is none. Its handlers stay.

        after: the last event of EVENTS known then. own: whether it is a node's own: then it is there without events.
        """
        topic = self.by_name.get(name)
        if topic is None and own:
            topic = self.by_name[name] = Topic(name)
        if topic is not None:
            topic.clear()
            topic.deleted, topic.deleted_after = True, after
        return topic

    def drop_owner(self, owner: str) -> list[Topic]:
        """Forget the own topics of a replay that has ended; gives the topics that no longer know of it."""
        changed = []
        for topic in list(self.by_name.values()):
            mine = [key for key in topic.deduplicators if key[0] == owner]
            if mine and topic.name in {own_topic(*key) for key in mine}:
                changed += self.drop(topic.name)
            elif mine:
                for key in mine:
                    del topic.deduplicators[key]
                changed.append(topic)
        return changed

    def drop(self, name: str) -> list[Topic]:
        """Forget a topic whose task is no more; gives it where it stays, empty, for the sake of its handlers."""
        topic = self.by_name.get(name)
        if topic is None:
            return []
        if topic.applied:
            topic.clear()
            topic.task = topic.node = ""
            topic.deduplicators.clear()
            topic.taken_up.clear()
            topic.deleted = True
            return [topic]
        del self.by_name[name]
        self.dropped.add(name)
        return []
