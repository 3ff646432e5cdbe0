"""Asking the alerting service. Shapes: schemas.events.alerts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from services.bus.connection import Bus
from services.bus.errors import AskFailed, BusError
from services.bus.subjects import ask_subject
from services.gateway.commands.refusal import Refusal

Shown = dict[str, Any]

_SECONDS, _TEST_SECONDS = 5.0, 40.0


class Alerting:
    """Alerting as the gateway sees it: it answers on what this gateway knows of tasks, or on more."""

    def __init__(self, bus: Bus, position: Callable[[], int]) -> None:
        """position(): the last event of EVENTS that this gateway has seen."""
        self._bus = bus
        self._position = position

    async def topics(self) -> list[Shown]:
        """All topics, by id. This and the others raise Refusal (503) while alerting does not answer."""
        found: list[Shown] = (await self._ask("topics"))["topics"]
        return found

    async def topic(self, topic: str) -> Shown | None:
        """One topic, None where it is not there."""
        found: Shown | None = (await self._ask("topic", topic=topic))["topic"]
        return found

    async def events(self, topic: str, min_level: str) -> list[Shown] | None:
        """The events of a topic of at least a level, by id; None where the topic is not there."""
        found: list[Shown] | None = (await self._ask("events", topic=topic, min_level=min_level))["events"]
        return found

    async def event(self, topic: str, event: str) -> Shown | None:
        """One event, None where it is not there."""
        found: Shown | None = (await self._ask("event", topic=topic, event=event))["event"]
        return found

    async def stats(self) -> Shown:
        """What alerting has done since it began (schemas.events.alerts.AlertingStatsSchema)."""
        found: Shown = await self._ask("stats")
        return found

    async def inhibited(self, tasks: list[str]) -> dict[str, dict[str, list[int]]]:
        """How many alerts of each node of these tasks were inhibited since they were enabled, by level; see
        schemas.events.alerts.InhibitedQuestionSchema."""
        found: dict[str, dict[str, list[int]]] = await self._ask("inhibited", tasks=tasks)
        return found

    async def folded(self, alert: int) -> None:
        """Wait until alerting has taken in what lies in ALERTS up to this sequence."""
        await self._ask("folded", alert=alert)

    async def delete(self, topic: str) -> None:
        """Forget the events of a topic; one that is not there is no error."""
        await self._ask("delete", topic=topic)

    async def tests(self) -> dict[str, dict[str, Any]]:
        """The services that can be tested, by name, each with the options of its test."""
        found: dict[str, dict[str, Any]] = await self._ask("tests")
        return found

    async def test(self, name: str, options: dict[str, Any]) -> str:
        """Test a service; why it failed, "" where it did not."""
        answer = await self._ask("test", _TEST_SECONDS, name=name, options=options)
        message: str = answer["message"]
        return message

    async def _ask(self, what: str, seconds: float = _SECONDS, /, **question: Any) -> Any:
        data = orjson.dumps({**question, "after": self._position()})
        try:
            return orjson.loads(await self._bus.ask(ask_subject("alerting", what), data, seconds))
        except AskFailed as error:
            raise Refusal(500, str(error)) from error
        except BusError as error:
            raise Refusal(503, f"the alerting service does not answer: {error}") from error
