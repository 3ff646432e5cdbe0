"""Asking the alerting service (see schemas.requests.alerting)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any

from schemas.requests import alerting as shapes
from schemas.requests.request import Request
from services.bus.connection import Bus
from services.bus.errors import RequestFailed
from services.bus.subjects import request_subject
from services.gateway.clients.answers import ServiceAnswer, asking, readable
from services.gateway.operations.operation_error import OperationError

_SECONDS, _TEST_SECONDS, _REPORT_SECONDS = 5.0, 40.0, 40.0
_STATS_SECONDS, _UNKNOWN_SECONDS = 2.0, 0.5


class AlertingClient:
    """Alerting as the gateway sees it: it answers on what this gateway knows of tasks, or on more."""

    def __init__(self, bus: Bus, position: Callable[[], int]) -> None:
        """position(): the last event of EVENTS that this gateway has seen."""
        self._bus = bus
        self._position = position
        self._alert = 0  # up to where in ALERTS answers must know

    @property
    def position(self) -> int:
        """The last event of EVENTS that this gateway has seen."""
        return self._position()

    async def topics(self) -> list[ServiceAnswer]:
        """All topics, by id. This and the others raise OperationError (503) while alerting does not answer."""
        found: list[ServiceAnswer] = (await self._ask(shapes.ALERTING_TOPICS))["topics"]
        return found

    async def topic(self, topic: str) -> ServiceAnswer | None:
        """One topic, None where it is not there."""
        found: ServiceAnswer | None = (await self._ask(shapes.ALERTING_TOPIC, topic=topic))["topic"]
        return found

    async def events(self, topic: str, min_level: str) -> list[ServiceAnswer] | None:
        """The events of a topic of at least a level, by id; None where the topic is not there."""
        found: list[ServiceAnswer] | None = (await self._ask(shapes.ALERTING_EVENTS, topic=topic, min_level=min_level))[
            "events"
        ]
        return found

    async def event(self, topic: str, event: str) -> ServiceAnswer | None:
        """One event, None where it is not there."""
        found: ServiceAnswer | None = (await self._ask(shapes.ALERTING_EVENT, topic=topic, event=event))["event"]
        return found

    async def levels(self, topic: str) -> dict[str, tuple[int, int, int]]:
        """Level, time and duration (ns) of each id of a topic, whether or not it is there for readers."""
        found: dict[str, dict[str, tuple[int, int, int]]] = await self._ask(shapes.ALERTING_LEVELS, topics=[topic])
        return found.get(topic, {})

    async def stats(self, expected: int) -> list[ServiceAnswer]:
        """What each alerting has done since it began (schemas.requests.alerting.AlertingStatsSchema). Raises BusError.

        expected: how many there are, 0 where that is not known.
        """
        stats, seconds = shapes.ALERTING_STATS, _STATS_SECONDS if expected else _UNKNOWN_SECONDS
        subject = request_subject(*stats.tokens())
        answers = await self._bus.request_all(subject, stats.encode_request(), expected or None, seconds)
        return sorted(readable(stats, answers), key=lambda one: str(one["alerting"]))

    async def inhibited(self, tasks: list[str]) -> dict[str, dict[str, list[int]]]:
        """How many alerts of each node of these tasks were inhibited since they were enabled, by level; see
        schemas.requests.alerting.ALERTING_INHIBITED."""
        found: dict[str, dict[str, list[int]]] = await self._ask(shapes.ALERTING_INHIBITED, tasks=tasks)
        return found

    async def folded(self, alert: int) -> None:
        """Have all answers from now on know what lies in ALERTS up to this sequence; returns once one does."""
        self._alert = max(self._alert, alert)
        await self._ask(shapes.ALERTING_FOLDED)

    async def delete(self, topic: str) -> None:
        """Forget the events of a topic; one that is not there is no error."""
        answer = await self._ask(shapes.ALERTING_DELETE, topic=topic, id=uuid.uuid4().hex)
        self._alert = max(self._alert, answer["alert"])

    async def transitions(self, up_to: int = 0, **question: Any) -> dict[str, Any]:
        """A page of changes of levels; see schemas.requests.alerting.TransitionsRequestSchema.

        up_to: the message of ALERTS that the answer must know.
        """
        data = {**question, "after": self._position(), "alert": max(self._alert, up_to)}
        found: dict[str, Any] = await self._answer(shapes.ALERTING_TRANSITIONS, _SECONDS, data)
        return found

    async def comments(self, topic: str, event: str) -> list[ServiceAnswer] | None:
        """What was said of an alert, oldest first; None where it is not there, and nothing was said of it."""
        found: list[ServiceAnswer] | None = (await self._ask(shapes.ALERTING_COMMENTS, topic=topic, event=event))[
            "comments"
        ]
        return found

    async def deliveries(self, topic: str, event: str, expected: int) -> list[ServiceAnswer] | None:
        """What handlers did with the events of an alert, newest first (schemas.requests.alerting.DeliverySchema); None
        where it is not there, and nothing was done with it.

        expected: how many alertings there are, 0 where that is not known: each tells what it did.
        """
        asked, seconds = shapes.ALERTING_DELIVERIES, _STATS_SECONDS if expected else _UNKNOWN_SECONDS
        data = asked.encode_request(topic=topic, event=event, after=self._position(), alert=self._alert)
        with asking("the alerting service"):
            answers = await self._bus.request_all(request_subject(*asked.tokens()), data, expected or None, seconds)
        found = [answer["deliveries"] for answer in readable(asked, answers)]
        if not found:
            raise OperationError(503, "the alerting service does not answer")
        return None if all(one is None for one in found) else _latest(one for some in found for one in some or ())

    async def report(self, **question: Any) -> dict[str, Any]:
        """What a time was like; see schemas.requests.alerting.ReportRequestSchema."""
        found: dict[str, Any] = await self._ask(shapes.ALERTING_REPORT, _REPORT_SECONDS, **question)
        return found

    async def tests(self) -> dict[str, dict[str, Any]]:
        """The services that can be tested, by name, each with the options of its test."""
        found: dict[str, dict[str, Any]] = await self._ask(shapes.ALERTING_TESTS)
        return found

    async def test(self, name: str, options: dict[str, Any]) -> str:
        """Test a service; why it failed, "" where it did not."""
        answer = await self._ask(shapes.ALERTING_TEST, _TEST_SECONDS, name=name, options=options)
        message: str = answer["message"]
        return message

    async def _ask(self, request: Request, seconds: float = _SECONDS, /, **question: Any) -> Any:
        return await self._answer(request, seconds, {**question, "after": self._position(), "alert": self._alert})

    async def _answer(self, request: Request, seconds: float, question: dict[str, Any]) -> Any:
        data = request.encode_request(**question)
        subject = request_subject(*request.tokens())
        with asking("the alerting service"):
            try:
                return request.decode_response(await self._bus.request(subject, data, seconds))
            except RequestFailed as error:
                raise OperationError(500, str(error)) from error


def _latest(deliveries: Iterable[ServiceAnswer]) -> list[ServiceAnswer]:
    """The last of an event with a handler counts: where handlers have moved, another alerting has gone on with it."""
    by_event: dict[tuple[str, tuple[int, ...]], ServiceAnswer] = {}
    for one in sorted(deliveries, key=lambda one: int(one["at"])):
        by_event[one["handler"], tuple(one["place"])] = one
    return sorted(by_event.values(), key=lambda one: int(one["at"]), reverse=True)[: shapes.MOST_DELIVERIES]
