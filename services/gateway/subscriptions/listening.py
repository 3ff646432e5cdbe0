"""The ports that a cluster's subscriptions over UDP lead to."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.config import InfluxDB
from schemas.config.inputs import Udp
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners.input import Statistic
from services.gateway.listeners.udp import UdpListener
from services.gateway.subscriptions.catalogue import Place
from services.process import log as logs
from services.process.listening import join_host_port

_STOP_SECONDS = 1.0
_log = logs.get("influxdb")


class Listening:
    """One port for each retention policy."""

    def __init__(self, store: LineStore) -> None:
        self._store = store
        self._open: dict[Place, UdpListener] = {}

    async def on(self, cluster: InfluxDB, place: Place, port: int) -> int:
        """Listen for what is written there, at a port, 0 for a free one. The port. Raises OSError, ValueError."""
        listener = self._open.get(place)
        if listener is not None and port in (0, _port(listener)):
            return _port(listener)
        if listener is not None:
            await self._end(place)
        settings = Udp(
            bind_address=join_host_port(cluster.udp_bind, port),
            database=place[0],
            retention_policy=place[1],
            read_buffer=cluster.udp_read_buffer,
            buffer=cluster.udp_buffer,
        )
        listener = UdpListener(settings, self._store)
        await listener.start()
        self._open[place] = listener
        _log.info("listening for a subscription", db=place[0], rp=place[1], address=listener.address)
        return _port(listener)

    async def only(self, places: Iterable[Place]) -> None:
        """Listen for nothing else any more."""
        kept = set(places)
        for place in [place for place in self._open if place not in kept]:
            await self._end(place)

    def statistics(self) -> list[Statistic]:
        """What each has counted."""
        return [listener.statistic() for listener in self._open.values()]

    async def _end(self, place: Place) -> None:
        await self._open.pop(place).stop(_STOP_SECONDS)


def _port(listener: UdpListener) -> int:
    return int(listener.address.rpartition(":")[2])
