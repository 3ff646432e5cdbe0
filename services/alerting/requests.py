"""What alerting is asked over the bus (see schemas.requests.alerting)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from grammar.golang.durations import format_go_duration
from grammar.golang.times import format_rfc3339
from schemas.requests import alerting as shapes
from schemas.requests.request import Request
from services.alerting.service import Alerting
from services.alerting.silencing.labels import labels_in
from services.alerting.topics.topic import EventState, Topic, TopicLevels
from services.alerting.transitions.comments import Comment
from services.alerting.transitions.report import ReportQuestion, TooManyChanges
from services.alertlog.info import LEVELS
from services.alertlog.matchers import matcher
from services.bus.connection import Bus
from services.bus.requests import Responder
from services.bus.subjects import request_subject
from services.process.pools import Pool

_ENDINGS_SECONDS = 3.0  # for the alerts of a deleted task to end, before a task is told how its topics stand
_SHOWN_COMMENTS = 10  # with an event
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
                (shapes.ALERTING_COMMENTS, self._comments),
                (shapes.ALERTING_DELIVERIES, self._deliveries),
                (shapes.ALERTING_TESTS, self._tests),
                (shapes.ALERTING_STATS, self._stats),
            )
        ]
        # what is done by answering, or is much work, is done once
        for request, make in ((shapes.ALERTING_TEST, self._test), (shapes.ALERTING_REPORT, self._report)):
            subject = request_subject(*request.tokens())
            self._responders.append(bus.answer(subject, self._answer(request, make), queue="alerting"))

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

    async def _comments(self, question: Question) -> dict[str, Any]:
        found = self._alerting.comments.of(question["topic"], question["event"])
        if not found and (await self._event(question))["event"] is None:
            return {"comments": None}
        return {"comments": list(map(_comment, found))}

    async def _deliveries(self, question: Question) -> dict[str, Any]:
        found = self._alerting.dispatcher.outcomes.of(question["topic"], question["event"])
        if not found and (await self._event(question))["event"] is None:
            return {"deliveries": None}
        return {"deliveries": list(map(asdict, found))}

    async def _report(self, question: Question) -> dict[str, Any]:
        matchers = [matcher(**one) for one in question["matchers"]]
        asked = ReportQuestion(matchers, question["since"], question["until"], question["by"])
        try:
            rows = await self._alerting.report(asked)
        except TooManyChanges:
            return {"rows": [], "left": 0, "too_many": True}
        shown = [
            {"of": row.of, "topic": row.topic, "alerts": len(row.alerts)}
            | {"changes": row.changes, "time": row.time, "held": row.held}
            for row in rows[: question["limit"]]
        ]
        return {"rows": shown, "left": len(rows) - len(shown), "too_many": False}

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
        comments = self._alerting.comments.of(topic.name, state.id)[-_SHOWN_COMMENTS:]
        if comments:
            found["comments"] = list(map(_comment, comments))
        return found | self._held_by(topic, state.id)

    def _held_by(self, topic: Topic, id: str) -> dict[str, Any]:
        """What keeps an alert from handlers at this moment, as its last event is."""
        holding, now = self._alerting.holding, time.time_ns()
        found: dict[str, Any] = {}
        if holding.any_at(now):
            labels = labels_in(topic, id)
            found["silenced-by"] = holding.silences.of(labels, now)
            found["muted-by"] = sorted(one.record.id for one in holding.mutes.of(labels, now))
        found["flapping"] = holding.flaps(topic, id, now)
        return {key: value for key, value in found.items() if value}

    def _topic_view(self, name: str) -> dict[str, Any]:
        topic = self._alerting.view.alive(name)
        found: dict[str, Any] = {"id": name, "level": LEVELS[0], "collected": 0}
        if topic is not None:
            found |= {"level": LEVELS[topic.max_level()], "collected": self._alerting.view.collected(topic)}
        now, holding = time.time_ns(), self._alerting.holding
        settings = holding.settings(name, now)
        if settings is not None:
            found["flapping"] = {"window": settings.window, "low": settings.low, "high": settings.high}
            found["flaps"] = sum(holding.flaps(topic, id, now) for id in topic.flaps.told) if topic is not None else 0
        return found


def _levels(levels: dict[str, TopicLevels], not_ok: bool) -> dict[str, Any]:
    chosen = set().union(*(one.not_ok() for one in levels.values())) if not_ok else None
    return {name: one.of(chosen) for name, one in levels.items()}


def _comment(comment: Comment) -> dict[str, str]:
    return {"by": comment.by, "text": comment.text, "time": format_rfc3339(comment.time)}


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
