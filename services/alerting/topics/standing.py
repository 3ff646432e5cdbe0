"""An alert as it stands in its topic, as an event that can be told once more."""

from __future__ import annotations

from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.topic import Topic


def as_it_stands(topic: Topic, id: str) -> AlertEvent | None:
    """The last event of an id, its previous level being OK; None where there is none.

    Where no more is known of it than how the alert stands and its texts, it has neither tags nor fields.
    """
    state, last = topic.state(id), topic.last(id)
    if state is None:
        return None
    before = last.event if last is not None else None
    return AlertEvent(
        topic=topic.name,
        task=before.task if before else topic.task,
        id=id,
        message=state.message,
        given_details=state.details,
        level=state.level,
        previous=0,
        time=state.time,
        duration=state.duration,
        recoverable=before.recoverable if before else True,
        name=before.name if before else "",
        group=before.group if before else "",
        tags=before.tags if before else {},
        fields=before.fields if before else {},
        rows=None,
        server=before.server if before else ("", "", ""),
    )
