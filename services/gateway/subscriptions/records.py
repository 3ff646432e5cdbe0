"""What gateways keep of their subscriptions on the bus, so that another goes on with them, and any can show them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import orjson

from services.bus.buckets.kv import Bucket
from services.bus.connection import Bus
from services.bus.errors import ApiError
from services.bus.subjects import escape, unescape
from services.process import log as logs

_BUCKET, _ADDRESSES = "subscriptions", "gateways"
_log = logs.get("influxdb")


@dataclass(frozen=True, slots=True)
class Record:
    """Of one cluster. name: of its subscriptions there, "" where none were made. tokens: the users that theirs make.

    count: how many there are. error: why they are not as they should be, "" where they are.
    """

    name: str = ""
    tokens: tuple[str, ...] = ()
    count: int = 0
    error: str = ""


class Records:
    """The records, by the names of clusters, and the addresses of gateways.

    The bucket of records is made with the first gateway whose configuration wants subscriptions. An address is kept
    for ten minutes after its gateway said it last: one that is started anew is still subscribed to.
    """

    def __init__(self, bus: Bus, replicas: int) -> None:
        self._bus, self._replicas = bus, replicas
        self._records: Bucket | None = None
        self._addresses: Bucket | None = None

    async def are_there(self) -> bool:
        """Whether there ever was a record. Raises BusError."""
        if self._records is None:
            try:
                await self._bus.stream_state(f"KV_{_BUCKET}")
            except ApiError as error:
                if error.code == 404:
                    return False
                raise
        return True

    async def all(self) -> dict[str, Record]:
        """All records. Raises BusError."""
        if not await self.are_there():
            return {}
        found = {}
        for entry in await (await self._of_clusters()).entries():
            with contextlib.suppress(ValueError):
                found[unescape(entry.key)] = _record(entry.key, entry.value)
        return found

    async def get(self, cluster: str) -> Record:
        """A cluster's record. Raises BusError."""
        entry = await (await self._of_clusters()).get(escape(cluster))
        return Record() if entry is None else _record(entry.key, entry.value)

    async def put(self, cluster: str, record: Record) -> None:
        """Keep a cluster's record. Raises BusError."""
        await (await self._of_clusters()).put(escape(cluster), orjson.dumps(asdict(record)))

    async def delete(self, cluster: str) -> None:
        """Keep no record of a cluster. Raises BusError."""
        await (await self._of_clusters()).delete(escape(cluster))

    async def announce(self, gateway: str, addresses: Mapping[str, str]) -> None:
        """Say where InfluxDB reaches a gateway, by cluster. Raises BusError."""
        await (await self._of_gateways()).put(gateway, orjson.dumps(dict(addresses)))

    async def addresses(self, cluster: str) -> set[str]:
        """Where a cluster reaches all gateways. Raises BusError."""
        found = set()
        for entry in await (await self._of_gateways()).entries():
            with contextlib.suppress(ValueError, AttributeError):
                found.add(orjson.loads(entry.value).get(cluster, ""))
        return {address for address in found if isinstance(address, str) and address}

    async def _of_clusters(self) -> Bucket:
        if self._records is None:
            self._records = await self._bus.bucket(_BUCKET, replicas=self._replicas)
        return self._records

    async def _of_gateways(self) -> Bucket:
        if self._addresses is None:
            self._addresses = await self._bus.bucket(_ADDRESSES, replicas=self._replicas)
        return self._addresses


def _record(key: str, value: bytes) -> Record:
    """A record, an empty one where it cannot be read."""
    try:
        found = orjson.loads(value)
        return Record(str(found["name"]), tuple(map(str, found["tokens"])), int(found["count"]), str(found["error"]))
    except (ValueError, KeyError, TypeError) as error:
        _log.warn("a record of subscriptions cannot be read", key=key, err=error)
        return Record()
