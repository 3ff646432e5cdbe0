"""[[udp]]: line protocol over UDP."""

from __future__ import annotations

import time

from schemas.config.inputs import Udp
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners.datagrams import Datagrams, receive_datagrams
from services.gateway.listeners.input import Statistic
from services.gateway.listeners.outlet import Batching, Outlet
from services.lineprotocol.timed import with_times
from services.lineprotocol.validate import check
from services.process import log as logs

_MESSAGE_DATAGRAMS = 5000
_BUFFER = 1000
_LONGEST_ERROR = 1000  # in the log: there may be one for each of thousands of lines
_log = logs.get("inputs")


class UdpListener:
    """Stores what one UDP socket receives, for one database. A datagram with a bad line is dropped as a whole.

    address: where it listens; once it has started, with the port that it has got.
    """

    def __init__(self, settings: Udp, store: LineStore) -> None:
        """Raises ValueError where the names of database and retention policy are too long."""
        self.address = settings.bind_address
        self._read_buffer = settings.read_buffer
        self._name = f"udp {settings.bind_address}"
        self._outlet = Outlet(
            self._name,
            store,
            store.subject(settings.database, settings.retention_policy),
            Batching(_MESSAGE_DATAGRAMS, 0.0, settings.buffer or _BUFFER),
        )
        self._datagrams: Datagrams | None = None
        self._bytes = self._points = self._bad = 0

    async def start(self) -> None:
        """Listen. Raises OSError where the address cannot be had."""
        self._datagrams = await receive_datagrams(self.address, self._read_buffer, self._received)
        self.address = self._datagrams.address
        self._outlet.start()
        _log.info("listening", input="udp", address=self.address)

    async def stop(self, timeout: float) -> None:
        """Listen no more; what has come has so many seconds to be stored."""
        if self._datagrams is not None:
            self._datagrams.close()
        await self._outlet.stop(timeout)

    @property
    def waiting(self) -> int:
        """Datagrams that wait to be stored, without those on their way."""
        return self._outlet.waiting

    def statistic(self) -> Statistic:
        """In Kapacitor's words; a datagram that could not be stored, or for which there was no room, is one tx_fail."""
        values = {
            "bytes_rx": self._bytes,
            "points_parse_fail": self._bad,
            "points_rx": self._points,
            "points_tx": self._outlet.points,
            "read_fail": self._datagrams.read_failed if self._datagrams else 0,
            "tx_fail": self._outlet.lost,
        }
        return "udp", {"bind": self.address}, values

    def _received(self, data: bytes) -> None:
        self._bytes += len(data)
        error = check(data, "n")
        if error is not None:
            self._bad += 1
            _log.limited(f"bad {self._name}").warn(
                "bad datagram", input="udp", address=self.address, err=error[:_LONGEST_ERROR]
            )
            return
        body, points = with_times(data, time.time_ns())
        self._points += points
        if points:
            self._outlet.put(body, points)
