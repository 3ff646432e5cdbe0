"""[[graphite]]: Graphite's plaintext protocol, over TCP or UDP."""

from __future__ import annotations

import asyncio
import math
import time

from grammar.golang.numbers import float_of
from schemas.config.inputs.graphite import Graphite
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners.connections import Connections, LineTooLong, Reader, lines
from services.gateway.listeners.datagrams import Datagrams, receive_datagrams
from services.gateway.listeners.formats.graphite_templates import Templates
from services.gateway.listeners.formats.lines import line_of, words
from services.gateway.listeners.input import Statistic
from services.gateway.listeners.outlet import Batching, Outlet
from services.lineprotocol.text import decode
from services.process import log as logs

_EARLIEST, _LATEST = -2147558400, 2147472000  # 1901-12-13 and 2038-01-19, in seconds
_NOW = -1.0  # a time that stands for the present
_log = logs.get("inputs")


class NotANumber(ValueError):
    """A value is NaN, which Graphite leaves out without a word."""


class GraphiteParser:
    """Reads lines `NAME VALUE [TIME]`."""

    def __init__(self, settings: Graphite) -> None:
        self._templates = Templates(settings.templates, settings.separator or ".")
        self._tags = dict(tag.split("=", 1) for tag in settings.tags)

    def parse(self, line: str, now: int) -> bytes:
        """The line as line protocol. now: the time of a line that says none, ns.

        Raises NotANumber, and ValueError for what is no such line.
        """
        parts = words(line)
        if len(parts) not in (2, 3):
            raise ValueError("it does not have the required fields")
        name = self._templates.apply(parts[0])
        value = _float(parts[1], "value")
        if math.isnan(value):
            raise NotANumber
        at = _time(parts[2], now) if len(parts) == 3 else now
        tags = self._tags | name.tags
        return line_of(name.measurement or parts[0], tags, name.field or "value", value, at)


class GraphiteListener:
    """One element of [[graphite]]."""

    def __init__(self, settings: Graphite, store: LineStore) -> None:
        """Raises ValueError where the names of database and retention policy are too long."""
        self._settings = settings
        self._protocol = settings.protocol.lower() or "tcp"
        self.address = settings.bind_address or ":2003"
        self._name = f"graphite {self.address}"
        self._parser = GraphiteParser(settings)
        size = settings.batch_size or 5000
        self._outlet = Outlet(
            self._name,
            store,
            store.subject(settings.database or "graphite", settings.retention_policy),
            Batching(size, settings.batch_timeout or 1.0, size * (settings.batch_pending or 10)),
        )
        self._connections = Connections(self._name, self._connected)
        self._datagrams: Datagrams | None = None
        self._bytes = self._lines = self._bad = self._nan = 0

    async def start(self) -> None:
        """Listen. Raises OSError where the address cannot be had."""
        if self._protocol == "tcp":
            self.address = await self._connections.start(self.address)
        else:
            self._datagrams = await receive_datagrams(self.address, self._settings.udp_read_buffer, self._received)
            self.address = self._datagrams.address
        self._outlet.start()
        _log.info("listening", input="graphite", protocol=self._protocol, address=self.address)

    async def stop(self, timeout: float) -> None:
        """Listen no more; what has come has so many seconds to be stored."""
        if self._datagrams is not None:
            self._datagrams.close()
        await self._connections.stop()
        await self._outlet.stop(timeout)

    def statistic(self) -> Statistic:
        values = {
            "pointsRx": self._lines,
            "bytesRx": self._bytes,
            "pointsParseFail": self._bad,
            "pointsNaNFail": self._nan,
        }
        tags = {"proto": self._protocol, "bind": self.address}
        return "graphite", tags, values | self._outlet.counts | self._connections.counts

    async def _connected(self, reader: Reader, writer: asyncio.StreamWriter) -> None:
        try:
            async for line in lines(reader):
                self._lines += 1
                self._bytes += len(line)
                point = self._point(line, time.time_ns())
                if point is not None:
                    await self._outlet.room()
                    self._outlet.put(point)
        except LineTooLong as error:
            self._complain(b"", error)

    def _received(self, data: bytes) -> None:
        found = data.split(b"\n")
        self._lines += len(found)
        self._bytes += len(data)
        now = time.time_ns()
        for line in found:
            point = self._point(line, now)
            if point is not None:
                self._outlet.put(point)

    def _point(self, line: bytes, now: int) -> bytes | None:
        if not line.strip():
            return None
        try:
            return self._parser.parse(decode(line), now)
        except NotANumber:
            self._nan += 1
        except ValueError as error:
            self._complain(line, error)
        return None

    def _complain(self, line: bytes, error: Exception) -> None:
        self._bad += 1
        _log.limited(f"bad {self._name}").warn(
            "unable to parse line", input="graphite", address=self.address, line=decode(line[:200]), err=error
        )


def _float(text: str, what: str) -> float:
    value = float_of(text)
    if value is None:
        raise ValueError(f"its {what} {text[:50]!r} is no number")
    return value


def _time(text: str, now: int) -> int:
    seconds = _float(text, "time")
    if seconds == _NOW:
        return now
    if not _EARLIEST <= seconds <= _LATEST:
        raise ValueError("timestamp out of range")
    return int(seconds) * 10**9 + int((seconds - math.floor(seconds)) * 1e9)
