"""What alerting is asked over the bus: `tickbus.ask.alerting.<what>`. See schemas.events.alerts for the shapes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from marshmallow import Schema

from grammar.gotemplate.gotime import format_duration
from schemas.events import alerts as shapes
from services.alerting.service import Alerting
from services.alerting.topics import State
from services.bus.ask import Answering
from services.bus.connection import Bus
from services.bus.subjects import ask_subject
from services.engine.alerts.info import LEVELS
from services.engine.result import rfc3339

_ENDINGS_SECONDS = 3.0  # for the alerts of a deleted task to end, before a task is told how its topics stand
_EVENTS_SECONDS = 10.0  # longer than anybody waits for the answer: to him it is no failure, but silence

Question = dict[str, Any]


class Asks:
    """Answers from when it is made until `stop`."""

    def __init__(self, bus: Bus, alerting: Alerting) -> None:
        self._alerting = alerting
        self._answering: list[Answering] = [
            bus.answer(ask_subject("alerting", what), self._answer(schema(), make))
            for what, schema, make in (
                ("levels", shapes.LevelsQuestionSchema, self._levels),
                ("ticked", shapes.TickedQuestionSchema, self._ticked),
                ("topics", shapes.TopicsQuestionSchema, self._topics),
                ("topic", shapes.TopicQuestionSchema, self._topic),
                ("events", shapes.EventsQuestionSchema, self._events),
                ("event", shapes.EventQuestionSchema, self._event),
                ("delete", shapes.TopicQuestionSchema, self._delete),
                ("folded", shapes.FoldedQuestionSchema, self._folded),
                ("unhandled", shapes.UnhandledQuestionSchema, self._unhandled),
                ("inhibited", shapes.InhibitedQuestionSchema, self._inhibited),
                ("tests", shapes.TestsQuestionSchema, self._tests),
                ("test", shapes.TestQuestionSchema, self._test),
                ("stats", shapes.AlertingStatsQuestionSchema, self._stats),
            )
        ]

    def stop(self) -> None:
        """Answer no more."""
        for answering in self._answering:
            answering.stop()

    def _answer(
        self, schema: Schema, make: Callable[[Question], Awaitable[dict[str, Any]]]
    ) -> Callable[[bytes, Any], Awaitable[bytes]]:
        async def answer(data: bytes, headers: Any) -> bytes:
            question = schema.load(orjson.loads(data) if data else {})
            if question.get("after"):
                await self._alerting.known.reached(question["after"], _EVENTS_SECONDS)
            return orjson.dumps(await make(question))

        return answer

    async def _levels(self, question: Question) -> dict[str, Any]:
        await self._alerting.caught_up()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ENDINGS_SECONDS):
                await self._alerting.endings.settled(question["topics"])
        found = ((name, self._alerting.alive(name)) for name in question["topics"])
        return {name: topic.levels() for name, topic in found if topic is not None}

    async def _ticked(self, question: Question) -> dict[str, Any]:
        await self._alerting.caught_up()
        return {"tick": self._alerting.topics.ticked(question["task"], question["started"], question["topics"])}

    async def _topics(self, question: Question) -> dict[str, Any]:
        return {"topics": [self._shown(name) for name in self._alerting.names()]}

    async def _topic(self, question: Question) -> dict[str, Any]:
        name = question["topic"]
        return {"topic": self._shown(name) if self._alerting.visible(name) else None}

    async def _events(self, question: Question) -> dict[str, Any]:
        name = question["topic"]
        if not self._alerting.visible(name):
            return {"events": None}
        topic = self._alerting.alive(name)
        states = topic.states(LEVELS.index(question["min_level"])) if topic is not None else []
        return {"events": [_event(state) for state in states]}

    async def _event(self, question: Question) -> dict[str, Any]:
        name = question["topic"]
        topic = self._alerting.alive(name) if self._alerting.visible(name) else None
        state = topic.state(question["event"]) if topic is not None else None
        return {"event": None if state is None else _event(state)}

    async def _delete(self, question: Question) -> dict[str, Any]:
        await self._alerting.delete(question["topic"])
        return {}

    async def _folded(self, question: Question) -> dict[str, Any]:
        await self._alerting.folded(question["alert"])
        return {}

    async def _unhandled(self, question: Question) -> dict[str, Any]:
        waiting, done = await self._alerting.unhandled(question["replay"])
        return {"waiting": waiting, "done": done}

    async def _inhibited(self, question: Question) -> dict[str, Any]:
        return {task: self._alerting.inhibited(task) for task in question["tasks"]}

    async def _tests(self, question: Question) -> dict[str, Any]:
        return self._alerting.tests()

    async def _test(self, question: Question) -> dict[str, Any]:
        return {"message": await self._alerting.test(question["name"], question["options"])}

    async def _stats(self, question: Question) -> dict[str, Any]:
        return self._alerting.stats()

    def _shown(self, name: str) -> dict[str, Any]:
        topic = self._alerting.alive(name)
        if topic is None:
            return {"id": name, "level": LEVELS[0], "collected": 0}
        return {"id": name, "level": LEVELS[topic.max_level()], "collected": self._alerting.collected(topic)}


def _event(state: State) -> dict[str, Any]:
    return {
        "id": state.id,
        "state": {
            "message": state.message,
            "details": state.details,
            "time": rfc3339(state.time),
            "duration": format_duration(state.duration),
            "level": LEVELS[state.level],
        },
    }
