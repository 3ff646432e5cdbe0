"""The resource /alerts/topics: topics and their events."""

from __future__ import annotations

import posixpath
from typing import Any

from grammar.gotemplate.strconv import quote
from schemas.api.topic import (
    EventListSchema,
    EventSchema,
    ListEventsSchema,
    ListTopicsSchema,
    TopicListSchema,
    TopicSchema,
)
from schemas.events.alerts import LEVELS
from services.gateway.alerting import Alerting
from services.gateway.answers import BASE
from services.gateway.commands.refusal import Refusal
from services.gateway.operation import Operation, Question, Reply
from services.gateway.resources.parameters import pattern, text

_TOPICS = f"{BASE}/alerts/topics"


def operations(alerting: Alerting) -> list[Operation]:
    """What can be asked of topics and their events."""

    async def list_(asked: Question) -> Reply:
        fits = pattern(asked)
        least = LEVELS.index(_min_level(asked))
        found = [t for t in await alerting.topics() if LEVELS.index(t["level"]) >= least]
        topics = [_topic(t) for t in found if fits is None or fits.matches(t["id"])]
        return 200, {"link": _link(asked.link), "topics": topics}

    async def get(asked: Question) -> Reply:
        topic = asked.id.partition("/")[0]
        found = await alerting.topic(topic)
        if found is None:
            raise Refusal(404, f"unknown topic: {quote(topic)}")
        return 200, _topic(found)

    async def delete(asked: Question) -> Reply:
        if "/" not in asked.id:
            await alerting.delete(asked.id)
        return 204, None

    async def events(asked: Question) -> Reply:
        topic = asked.names["topic"]
        found = await alerting.events(topic, _min_level(asked))
        if found is None:
            raise Refusal(500, f"failed to get topic events: unknown topic {quote(topic)}")
        shown = [_event(topic, event) for event in found]
        return 200, {"link": _link(_path(topic, "events")), "topic": topic, "events": shown}

    async def event(asked: Question) -> Reply:
        topic, id = asked.names["topic"], asked.id
        if not id:
            return await events(asked)
        found = await alerting.event(topic, id)
        if found is None:
            raise Refusal(404, f"unknown event {quote(id)} in topic {quote(topic)}")
        return 200, _event(topic, found)

    return [
        Operation(
            kind="topic",
            verb="list",
            method="GET",
            path="/alerts/topics",
            about="Topics, by id.",
            parameters=ListTopicsSchema,
            answers={200: TopicListSchema},
            run=list_,
        ),
        Operation(
            kind="topic",
            verb="get",
            method="GET",
            path="/alerts/topics/{id}",
            about="A topic.",
            answers={200: TopicSchema},
            errors=(404,),
            run=get,
        ),
        Operation(
            kind="topic",
            verb="delete",
            method="DELETE",
            path="/alerts/topics/{id}",
            about="Forget a topic's events; no error where there is none.",
            answers={204: None},
            run=delete,
        ),
        Operation(
            kind="topic",
            verb="events",
            method="GET",
            path="/alerts/topics/{topic}/events",
            about="The last event of each id in a topic. 500: there is no such topic.",
            parameters=ListEventsSchema,
            answers={200: EventListSchema},
            errors=(400, 500),
            run=events,
        ),
        Operation(
            kind="topic",
            verb="event",
            method="GET",
            path="/alerts/topics/{topic}/events/{id}",
            about="The last event of an id in a topic.",
            answers={200: EventSchema},
            errors=(404, 500),
            run=event,
        ),
    ]


def _topic(shown: dict[str, Any]) -> dict[str, Any]:
    id = shown["id"]
    return {
        "link": _link(_path(id)),
        "id": id,
        "level": shown["level"],
        "collected": shown["collected"],
        "events-link": _link(_path(id, "events"), "events"),
        "handlers-link": _link(_path(id, "handlers"), "handlers"),
    }


def _event(topic: str, shown: dict[str, Any]) -> dict[str, Any]:
    return {"link": _link(_path(topic, "events", shown["id"])), "id": shown["id"], "state": shown["state"]}


def _link(href: str, rel: str = "self") -> dict[str, str]:
    return {"rel": rel, "href": href}


def _path(*names: str) -> str:
    return posixpath.normpath("/".join((_TOPICS, *names)))


def _min_level(asked: Question) -> str:
    """A level by its beginning, in any case, as Kapacitor 1.5.7 reads it; none is OK."""
    given = text(asked, "min-level").upper()
    together = "".join(LEVELS)
    at = together.find(given)
    for level in LEVELS:
        if at == together.index(level):
            return level
    raise Refusal(400, f"unknown alert level '{given}'")
