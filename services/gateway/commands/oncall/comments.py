"""Taking comments on alerts. HTTP and the bus both come here."""

from __future__ import annotations

from typing import Any

from grammar.golang.quoting import quote
from schemas.api.oncall.comment import CommentRequestSchema
from services.alertlog.oncall.comment import SaidComment, encode
from services.bus.connection import Bus
from services.gateway.access.audit import caller
from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.oncall.alert_message import store_in_alerts
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.reading import read_strictly

_REQUEST = CommentRequestSchema()


class CommentCommands:
    """A comment lies in ALERTS, among the events of what it is on."""

    def __init__(self, bus: Bus, alerting: AlertingClient, disk: NatsDisk) -> None:
        self._bus, self._alerting, self._disk = bus, alerting, disk

    async def comment(self, topic: str, id: str, body: Any) -> None:
        """Say something of an alert. Raises OperationError."""
        given = read_strictly(_REQUEST, body)
        if await self._alerting.event(topic, id) is None:
            raise OperationError(404, f"unknown event {quote(id)} in topic {quote(topic)}")
        said = SaidComment(id, given["by"] or caller().user, given["text"])
        seq = await store_in_alerts(self._bus, self._disk, topic, encode(said), "comment")
        await self._alerting.folded(seq)
