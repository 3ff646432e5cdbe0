"""Ids that follow from the cluster's: that of all services of one tickbus, which share what it keeps on NATS."""

from __future__ import annotations

import contextlib
import uuid

from services.bus.connection import Bus
from services.bus.errors import WrongSequence


async def cluster_id(bus: Bus, replicas: int) -> str:
    """The id of the cluster, which whoever asks first gives it, and which it keeps. Raises BusError.

    replicas: on how many servers of a cluster the bucket lies.
    """
    bucket = await bus.bucket("cluster", replicas=replicas)
    while (entry := await bucket.get("id")) is None:
        with contextlib.suppress(WrongSequence):
            await bucket.create("id", str(uuid.uuid4()).encode())
    return entry.value.decode()


def server_id(cluster: str, name: str) -> str:
    """The id of a process that runs tasks, by the cluster's and its name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{cluster}/{name}"))


def gateway_id(cluster: str, host: str) -> str:
    """The id of a gateway, by the cluster's and the name of its host."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{cluster}/gateway/{host}"))
