"""Deciding whether an alert can be acknowledged. HTTP and the bus both come here."""

from __future__ import annotations

from typing import Any

from grammar.golang.quoting import quote
from schemas.api.oncall.acknowledgement import AcknowledgeSchema
from schemas.requests.alerting import LEVELS
from services.alertlog.acknowledgement import Acknowledgement, encode
from services.bus.connection import Bus
from services.gateway.access.audit import caller
from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.oncall.alert_message import store_in_alerts
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.reading import read_strictly

_REQUEST = AcknowledgeSchema()


class AcknowledgementCommands:
    """An acknowledgement lies in ALERTS: its place among the alert's events says which it counts for."""

    def __init__(self, bus: Bus, alerting: AlertingClient, disk: NatsDisk) -> None:
        self._bus, self._alerting, self._disk = bus, alerting, disk

    async def acknowledge(self, topic: str, id: str, body: Any) -> None:
        """Note that somebody sees to an alert. Raises OperationError."""
        given = read_strictly(_REQUEST, {} if body is None else body)
        event = await self._there(topic, id)
        if event["state"]["level"] == LEVELS[0]:
            raise OperationError(400, f"cannot acknowledge {quote(id)}: it is OK")
        await self._publish(topic, Acknowledgement(id, given["by"] or caller().user, given["comment"], True))

    async def take_back(self, topic: str, id: str) -> None:
        """Note that nobody does any more; no error where nobody did. Raises OperationError."""
        await self._there(topic, id)
        await self._publish(topic, Acknowledgement(id, caller().user, "", False))

    async def _there(self, topic: str, id: str) -> dict[str, Any]:
        event = await self._alerting.event(topic, id)
        if event is None:
            raise OperationError(404, f"unknown event {quote(id)} in topic {quote(topic)}")
        return dict(event)

    async def _publish(self, topic: str, said: Acknowledgement) -> None:
        seq = await store_in_alerts(self._bus, self._disk, topic, encode(said), "acknowledgement")
        await self._alerting.folded(seq)
