"""Storing in ALERTS what somebody says of an alert."""

from __future__ import annotations

from services.bus.connection import Bus
from services.bus.errors import BusError, PayloadTooLarge
from services.bus.subjects import alert_subject
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.operations.operation_error import OperationError


async def store_in_alerts(bus: Bus, disk: NatsDisk, topic: str, data: bytes, what: str) -> int:
    """Store a message of a topic; gives its sequence. what: in a word, for errors. Raises OperationError."""
    full = disk.refuses_changes()
    if full:
        raise OperationError(503, f"the {what} cannot be stored: {full}")
    try:
        return (await bus.publish(alert_subject(topic), data)).seq
    except PayloadTooLarge as error:
        raise OperationError(413, f"too large: {error}") from error
    except BusError as error:
        raise OperationError(503, f"the {what} could not be stored: {error}") from error
