"""What alerting is asked over the bus (see schemas.requests.alerting)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from grammar.golang.durations import format_go_duration
from grammar.golang.times import format_rfc3339
from schemas.requests import alerting as shapes
from schemas.requests.request import Request
from services.alerting.service import Alerting
from services.alerting.topics.topic import EventState, Topic, TopicLevels
from services.alertlog.info import LEVELS
from services.alertlog.matchers import matcher
from services.bus.connection import Bus
from services.bus.requests import Responder
from services.bus.subjects import request_subject
from services.process.pools import Pool

_ENDINGS_SECONDS = 3.0  # for the alerts of a deleted task to end, before a task is told how its topics stand
_EVENTS_SECONDS = 10.0  # longer than anybody waits for the answer: to him it is no failure, but silence

_threads = Pool("levels", 2)

Question = dict[str, Any]


class AlertingResponders:
    """Answers from when it is made until `stop`."""

    def __init__(self, bus: Bus, alerting: Alerting) -> None:
        self._alerting = alerting
        self._responders: list[Responder] = [
            bus.answer(request_subject(*request.tokens()), self._answer(request, make))
            for request, make in (
                (shapes.ALERTING_LEVELS, self._levels),
                (shapes.ALERTING_TICKED, self._ticked),
                (shapes.ALERTING_TOPICS, self._topics),
                (shapes.ALERTING_TOPIC, self._topic),
                (shapes.ALERTING_EVENTS, self._events),
                (shapes.ALERTING_EVENT, self._event),
                (shapes.ALERTING_DELETE, self._delete),
                (shapes.ALERTING_FOLDED, self._folded),
                (shapes.ALERTING_UNHANDLED, self._unhandled),
                (shapes.ALERTING_INHIBITED, self._inhibited),
                (shapes.ALERTING_TRANSITIONS, self._transitions),
                (shapes.ALERTING_TESTS, self._tests),
                (shapes.ALERTING_STATS, self._stats),
            )
        ]
        # what is done by answering is done once
        test = self._answer(shapes.ALERTING_TEST, self._test)
        subject = request_subject(*shapes.ALERTING_TEST.tokens())
        self._responders.append(bus.answer(subject, test, queue="alerting"))

    def stop(self) -> None:
        """Answer no more."""
        for responder in self._responders:
            responder.stop()

    def _answer(
        self, request: Request, make: Callable[[Question], Awaitable[dict[str, Any]]]
    ) -> Callable[[bytes, Any], Awaitable[bytes]]:
        async def answer(data: bytes, headers: Any) -> bytes:
            question = request.decode_request(data)
            if question["after"]:
                await self._alerting.projection.reached(question["after"], _EVENTS_SECONDS)
            await self._alerting.log.folded(question["alert"])
            made = await make(question)
            if request is shapes.ALERTING_LEVELS:
                # a topic may have so many ids that the loop must not wait for it
                return await _threads.run(request.encode_response, made)
            return request.encode_response(made)

        return answer

    async def _levels(self, question: Question) -> dict[str, Any]:
        await self._alerting.log.caught_up()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ENDINGS_SECONDS):
                await self._alerting.upkeep.endings.settled(question["topics"])
        found = ((name, self._alerting.view.alive(name)) for name in question["topics"])
        levels = {name: topic.levels() for name, topic in found if topic is not None}
        return await _threads.run(_levels, levels, question["not_ok"])

    async def _ticked(self, question: Question) -> dict[str, Any]:
        await self._alerting.log.caught_up()
        part = tuple(question["part"]) if question["part"] else None
        topics = self._alerting.topics
        return {"tick": topics.ticked(question["task"], question["started"], question["topics"], part)}

    async def _topics(self, question: Question) -> dict[str, Any]:
        return {"topics": [self._topic_view(name) for name in self._alerting.view.names()]}

    async def _topic(self, question: Question) -> dict[str, Any]:
        name = question["topic"]
        return {"topic": self._topic_view(name) if self._alerting.view.visible(name) else None}

    async def _events(self, question: Question) -> dict[str, Any]:
        name = question["topic"]
        if not self._alerting.view.visible(name):
            return {"events": None}
        topic = self._alerting.view.alive(name)
        states = topic.states(LEVELS.index(question["min_level"])) if topic is not None else []
        return {"events": [self._event_view(topic, state) for state in states] if topic is not None else []}

    async def _event(self, question: Question) -> dict[str, Any]:
        name = question["topic"]
        topic = self._alerting.view.alive(name) if self._alerting.view.visible(name) else None
        state = topic.state(question["event"]) if topic is not None else None
        return {"event": None if state is None or topic is None else self._event_view(topic, state)}

    async def _delete(self, question: Question) -> dict[str, Any]:
        return {"alert": await self._alerting.delete(question["topic"], question["id"])}

    async def _folded(self, question: Question) -> dict[str, Any]:
        return {}

    async def _unhandled(self, question: Question) -> dict[str, Any]:
        waiting, done = await self._alerting.unhandled(question["replay"])
        return {"waiting": waiting, "done": done}

    async def _inhibited(self, question: Question) -> dict[str, Any]:
        return {task: self._alerting.inhibited(task) for task in question["tasks"]}

    async def _transitions(self, question: Question) -> dict[str, Any]:
        matchers = [matcher(**one) for one in question["matchers"]]
        times = question["first"], question["last"]
        behind = tuple(question["behind"]) or None
        page = await _threads.run(self._alerting.transitions.page, matchers, *times, behind, question["limit"])
        found = [{**asdict(one), "stored": place[0]} for place, one in page.found]
        return {"transitions": found, "after": list(page.after or ())}

    async def _tests(self, question: Question) -> dict[str, Any]:
        return self._alerting.tests()

    async def _test(self, question: Question) -> dict[str, Any]:
        return {"message": await self._alerting.test(question["name"], question["options"])}

    async def _stats(self, question: Question) -> dict[str, Any]:
        return self._alerting.stats()

    def _event_view(self, topic: Topic, state: EventState) -> dict[str, Any]:
        found = _event(state)
        if state.id in topic.acknowledged:
            by, comment, at = topic.acknowledged[state.id]
            found["acknowledged"] = {"by": by, "comment": comment, "time": format_rfc3339(at)}
        silences = self._alerting.silenced_by(topic, state.id)
        return found | ({"silenced-by": silences} if silences else {})

    def _topic_view(self, name: str) -> dict[str, Any]:
        topic = self._alerting.view.alive(name)
        if topic is None:
            return {"id": name, "level": LEVELS[0], "collected": 0}
        return {"id": name, "level": LEVELS[topic.max_level()], "collected": self._alerting.view.collected(topic)}


def _levels(levels: dict[str, TopicLevels], not_ok: bool) -> dict[str, Any]:
    chosen = set().union(*(one.not_ok() for one in levels.values())) if not_ok else None
    return {name: one.of(chosen) for name, one in levels.items()}


def _event(state: EventState) -> dict[str, Any]:
    return {
        "id": state.id,
        "state": {
            "message": state.message,
            "details": state.details,
            "time": format_rfc3339(state.time),
            "duration": format_go_duration(state.duration),
            "level": LEVELS[state.level],
        },
    }
