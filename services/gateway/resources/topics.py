"""The resource /alerts/topics over HTTP: topics and their events."""

from __future__ import annotations

import posixpath
from typing import Any

from quart import Blueprint, Response, request

from grammar.gotemplate.strconv import quote
from schemas.events.alerts import LEVELS
from services.gateway.alerting import Alerting
from services.gateway.answers import BASE, answer, refusal_answer
from services.gateway.commands.refusal import Refusal
from services.gateway.glob import compile_glob

_TOPICS = f"{BASE}/alerts/topics"
_MALFORMED = compile_glob("[")


def blueprint(alerting: Alerting) -> Blueprint:
    """The routes."""
    routes = Blueprint("topics", __name__)

    @routes.get("/alerts/topics")
    async def list_topics() -> Response:
        fits = _pattern()
        least = LEVELS.index(_min_level())
        found = [t for t in await alerting.topics() if LEVELS.index(t["level"]) >= least]
        topics = [_topic(t) for t in found if fits is None or fits.fullmatch(t["id"])]
        return answer(200, {"link": _link(_requested()), "topics": topics})

    @routes.get("/alerts/topics/<rest:path>")
    async def get_topic(path: str) -> Response:
        topic, _, rest = path.partition("/")
        what, slash, id = rest.partition("/")
        if what == "events" and slash and id:
            return answer(200, await _one_event(alerting, topic, id))
        if what == "events":
            return answer(200, await _events(alerting, topic))
        if rest == "handlers":
            _pattern()
            return answer(200, {"link": _link(_requested()), "topic": topic, "handlers": []})
        found = await alerting.topic(topic)
        if found is None:
            raise Refusal(404, f"unknown topic: {quote(topic)}")
        return answer(200, _topic(found))

    @routes.delete("/alerts/topics/<rest:topic>")
    async def delete_topic(topic: str) -> Response:
        if "/" not in topic:
            await alerting.delete(topic)
        return answer(204)

    routes.register_error_handler(Refusal, refusal_answer)
    return routes


async def _events(alerting: Alerting, topic: str) -> dict[str, Any]:
    least = _min_level()
    found = await alerting.events(topic, least)
    if found is None:
        raise Refusal(500, f"failed to get topic events: unknown topic {quote(topic)}")
    events = [_event(topic, event) for event in found]
    return {"link": _link(_path(topic, "events")), "topic": topic, "events": events}


async def _one_event(alerting: Alerting, topic: str, id: str) -> dict[str, Any]:
    found = await alerting.event(topic, id)
    if found is None:
        raise Refusal(404, f"unknown event {quote(id)} in topic {quote(topic)}")
    return _event(topic, found)


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


def _requested() -> str:
    """The URL as it was asked for, under the usual base."""
    query = request.query_string.decode("latin-1")
    return request.path + (f"?{query}" if query else "")


def _pattern() -> Any:
    pattern = request.args.get("pattern", "")
    if not pattern:
        return None
    compiled = compile_glob(pattern)
    if compiled is _MALFORMED:
        raise Refusal(400, "invalid pattern: syntax error in pattern")
    return compiled


def _min_level() -> str:
    """A level by its beginning, in any case, as Kapacitor 1.5.7 reads it; none is OK."""
    given = request.args.get("min-level", "").upper()
    together = "".join(LEVELS)
    at = together.find(given)
    for level in LEVELS:
        if at == together.index(level):
            return level
    raise Refusal(400, f"unknown alert level '{given}'")
