"""What matchers ask of an alert, by its event or as it stands."""

from __future__ import annotations

from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.topic import Topic
from services.alertlog.info import LEVELS
from services.alertlog.matchers import Labels


def labels_of(event: AlertEvent) -> Labels:
    """What matchers may ask of an event."""
    # anybody may publish to ALERTS: a name may be anything
    tags = {name: value for name, value in event.tags.items() if isinstance(value, str)}
    name = event.name if isinstance(event.name, str) else ""
    return Labels(event.topic, event.id, event.task, LEVELS[event.level], name, tags)


def labels_in(topic: Topic, id: str) -> Labels:
    """The same of the last event of an id; where no more is known than how the alert stands, of that."""
    last = topic.last(id)
    if last is not None:
        return labels_of(last.event)
    stood = topic.stood(id)
    return Labels(topic.name, id, topic.task, LEVELS[stood[0] if stood is not None else 0], "", {})
