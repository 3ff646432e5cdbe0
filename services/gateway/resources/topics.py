"""The resource /alerts/topics: topics and their events."""

from __future__ import annotations

import posixpath
from typing import Any

from grammar.golang.durations import format_go_duration
from grammar.golang.quoting import quote
from schemas.api.topic import (
    EventListSchema,
    EventSchema,
    ListEventsSchema,
    ListTopicsSchema,
    TopicListSchema,
    TopicRequestSchema,
    TopicSchema,
)
from schemas.requests.alerting import LEVELS
from services.gateway.clients.alerting import AlertingClient
from services.gateway.commands.oncall.flapping import FlappingCommands
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.paths import BASE, one_segment
from services.gateway.operations.streamed_list import streamed_list
from services.gateway.queries.parameters import pattern, text

_TOPICS = f"{BASE}/alerts/topics"
_MORE = ("acknowledged", "silenced-by", "muted-by", "flapping", "comments")
"""What an event has where there is any of it."""


def resource(alerting: AlertingClient, flapping: FlappingCommands) -> Resource:
    """What can be asked of topics and their events, and said of topics."""
    return Resource("topics", _operations(alerting, flapping))


def _operations(alerting: AlertingClient, flapping: FlappingCommands) -> list[Operation]:
    async def list_(request: OperationRequest) -> Reply:
        fits = pattern(request)
        least = LEVELS.index(_min_level(request))
        found = [t for t in await alerting.topics() if LEVELS.index(t["level"]) >= least]
        chosen = [t for t in found if fits is None or fits.matches(t["id"])]
        return 200, streamed_list("topics", chosen, _topic, {"link": _link(request.link)})

    async def get(request: OperationRequest) -> Reply:
        topic = request.id
        found = await alerting.topic(topic)
        if found is None:
            raise OperationError(404, f"unknown topic: {quote(topic)}")
        return 200, _topic(found)

    async def update(request: OperationRequest) -> Reply:
        if request.beyond:
            raise OperationError(404, f"unknown topic: {quote(request.id + '/' + request.beyond)}")
        return 200, _topic(await flapping.update(request.id, request.body))

    async def delete(request: OperationRequest) -> Reply:
        if not request.beyond:
            await alerting.delete(request.id)
        return 204, None

    async def events(request: OperationRequest) -> Reply:
        topic = request.names["topic"]
        found = await alerting.events(topic, _min_level(request))
        if found is None:
            raise OperationError(500, f"failed to get topic events: unknown topic {quote(topic)}")
        before = {"link": _link(_path(topic, "events")), "topic": topic}
        return 200, streamed_list("events", found, lambda event: _event(topic, event), before)

    async def event(request: OperationRequest) -> Reply:
        topic, id = request.names["topic"], request.id
        if not id:
            return await events(request)
        found = await alerting.event(topic, id)
        if found is None:
            raise OperationError(404, f"unknown event {quote(id)} in topic {quote(topic)}")
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
            segment=True,
            about="A topic.",
            answers={200: TopicSchema},
            errors=(404,),
            run=get,
        ),
        Operation(
            kind="topic",
            verb="update",
            method="PATCH",
            path="/alerts/topics/{id}",
            segment=True,
            about="Say when alerts of a topic flap: handlers are told that they do, and once that they are steady "
            "again, and of nothing between. The topic may have no alerts yet.",
            body=TopicRequestSchema,
            answers={200: TopicSchema},
            errors=(400, 404),
            run=update,
        ),
        Operation(
            kind="topic",
            verb="delete",
            method="DELETE",
            path="/alerts/topics/{id}",
            segment=True,
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


def _topic(found: dict[str, Any]) -> dict[str, Any]:
    id = found["id"]
    shown: dict[str, Any] = {
        "link": _link(_path(id)),
        "id": id,
        "level": found["level"],
        "collected": found["collected"],
        "events-link": _link(_path(id, "events"), "events"),
        "handlers-link": _link(_path(id, "handlers"), "handlers"),
    }
    flapping = found.get("flapping")
    if flapping is not None:
        shown["flapping"] = {**flapping, "window": format_go_duration(flapping["window"])}
        shown["flaps"] = found["flaps"]
    return shown


def _event(topic: str, found: dict[str, Any]) -> dict[str, Any]:
    more: dict[str, Any] = {key: found[key] for key in _MORE if key in found}
    return {"link": _link(_path(topic, "events", found["id"])), "id": found["id"], "state": found["state"], **more}


def _link(href: str, rel: str = "self") -> dict[str, str]:
    return {"rel": rel, "href": href}


def _path(topic: str, *names: str) -> str:
    return posixpath.normpath("/".join((_TOPICS, one_segment(topic), *names)))


def _min_level(request: OperationRequest) -> str:
    """A level by its beginning, in any case, as Kapacitor 1.5.7 reads it; none is OK."""
    given = text(request, "min-level").upper()
    together = "".join(LEVELS)
    at = together.find(given)
    for level in LEVELS:
        if at == together.index(level):
            return level
    raise OperationError(400, f"unknown alert level '{given}'")
