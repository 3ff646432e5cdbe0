"""Deciding when topics' alerts flap. HTTP and the bus both come here."""

from __future__ import annotations

from typing import Any

from schemas.api.topic import TopicRequestSchema
from schemas.requests.alerting import LEVELS
from services.bus.connection import Bus
from services.bus.subjects import escape
from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.decisions import Decisions
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.reading import read_strictly
from services.gateway.readmodels.oncall import OnCallReadModel
from services.process import log as logs

_SHORTEST, _LONGEST = 10**9, 7 * 86400 * 10**9  # ns
_REQUEST = TopicRequestSchema()

_log = logs.get("gateway")


class FlappingCommands:
    """Each command is decided on the read model, and decided anew where somebody else was first."""

    def __init__(self, bus: Bus, state: OnCallReadModel, alerting: AlertingClient, disk: NatsDisk) -> None:
        self._state, self._alerting = state, alerting
        self._decisions = Decisions(bus, state, "flapping", disk)

    async def update(self, topic: str, body: Any) -> dict[str, Any]:
        """Say when a topic's alerts flap, or (null) that they do not; gives the topic, as alerting has it. Raises
        OperationError."""
        given = read_strictly(_REQUEST, body)
        _check_topic(topic)
        flapping = given.get("flapping")
        if flapping is not None:
            _check(flapping)
        elif "flapping" not in {key.casefold() for key in body}:
            return await self._topic(topic)

        async def declare(expected_version: int) -> None:
            there = self._state.flapping(topic)
            if flapping is not None:
                if there is None or flapping != {"window": there.window, "low": there.low, "high": there.high}:
                    await self._decisions.publish(topic, "declared", flapping, expected_version)
            elif there is not None:
                await self._decisions.publish(topic, "withdrawn", {}, expected_version)

        async with self._decisions.alone(topic):
            await self._decisions.decide(topic, declare)
        return await self._topic(topic)

    async def _topic(self, topic: str) -> dict[str, Any]:
        there = self._state.flapping(topic)
        said = {} if there is None else {"window": there.window, "low": there.low, "high": there.high}
        found: dict[str, Any] = {"id": topic, "level": LEVELS[0], "collected": 0, "flaps": 0}
        try:
            found |= await self._alerting.topic(topic) or {}
        except OperationError as error:
            # what was said is stored, and counts once alerting runs
            _log.warn("alerting does not say how a topic stands", topic=topic, err=error)
        return {**found, **({"flapping": said} if said else {})}


def _check_topic(topic: str) -> None:
    try:
        escape(topic)
    except ValueError as error:
        raise OperationError(400, f"topic: {error}") from error
    if not topic:
        raise OperationError(400, "topic: must not be empty")


def _check(flapping: dict[str, Any]) -> None:
    if not _SHORTEST <= flapping["window"] <= _LONGEST:
        raise OperationError(400, "flapping.window: must be from 1s to 168h")
    if not 0 < flapping["low"] <= flapping["high"] < 1:
        raise OperationError(400, "flapping: low must be over 0, high at least low and below 1")
