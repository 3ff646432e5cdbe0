"""[opentsdb]: OpenTSDB's telnet lines and its HTTP, on one port."""

from __future__ import annotations

import asyncio
import re
from collections import Counter

from schemas.config import Config, Http
from services.gateway.http.connections.bodies import Bodies
from services.gateway.http.connections.tls import Certificate
from services.gateway.http.rejection import RequestRejected
from services.gateway.http.writing.gathering import Gathering
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners.connections import LONGEST_LINE, Connections, LineTooLong, Reader, drained, lines
from services.gateway.listeners.formats.opentsdb_points import BadBody, BadLine, Put, read_body
from services.gateway.listeners.input import Statistic
from services.gateway.listeners.opentsdb_http import HttpConnection
from services.gateway.listeners.outlet import Batching, Outlet
from services.lineprotocol.text import decode
from services.process import log as logs
from services.process.pools import Pool

_VERSION = b"InfluxDB TSDB proxy"
_REQUEST_LINE = re.compile(rb"[A-Za-z]+ [^ ]+ HTTP/1\.[01]\r?\n")
_OFF_LOOP_BYTES = 64 << 10
_threads = Pool("opentsdb", 2)
_log = logs.get("inputs")


class OpenTsdbListener:
    """What [opentsdb] asks for."""

    def __init__(self, config: Config, store: LineStore, bodies: Bodies) -> None:
        """Raises ValueError where the names of database and retention policy are too long, OSError where the
        certificate cannot be used."""
        settings = config.opentsdb
        self.address = settings.bind_address or ":4242"
        self._name = f"opentsdb {self.address}"
        self._store, self._bodies, self._max_body = store, bodies, config.http.max_body_size
        self._subject = store.subject(settings.database or "opentsdb", settings.retention_policy)
        size = settings.batch_size or 1000
        batching = Batching(size, settings.batch_timeout or 1.0, size * (settings.batch_pending or 5))
        self._outlet = Outlet(self._name, store, self._subject, batching)
        self._gathering = Gathering(store.store)
        self._certificate: Certificate | None = None
        if settings.tls_enabled:
            self._certificate = Certificate(Http(https_certificate=settings.certificate), config.tls)
        self._logs = settings.log_point_errors
        self._connections = Connections(self._name, self._connected)
        self._counts: Counter[str] = Counter()

    async def start(self) -> None:
        """Listen. Raises OSError where the address cannot be had."""
        tls = self._certificate.context if self._certificate else None
        self.address = await self._connections.start(self.address, tls)
        self._outlet.start()
        _log.info("listening", input="opentsdb", address=self.address)

    def reload(self) -> None:
        """Read the certificate again, for connections from now on."""
        if self._certificate is not None:
            self._certificate.reload()

    async def stop(self, timeout: float) -> None:
        """Listen no more; what has come has so many seconds to be stored."""
        await self._connections.stop()
        await self._outlet.stop(timeout)

    def statistic(self) -> Statistic:
        counts = self._counts
        kinds = "httpConnsHandled tlConnsActive tlConnsHandled tlPointsRx tlBytesRx tlReadErr tlBadLine tlBadTime"
        values = {kind: counts[kind] for kind in (*kinds.split(), "tlBadTag", "tlBadFloat", "droppedPointsInvalid")}
        return "opentsdb", {"bind": self.address}, values | self._outlet.counts | self._connections.counts

    async def _connected(self, reader: Reader, writer: asyncio.StreamWriter) -> None:
        first = await _first_line(reader)
        if _REQUEST_LINE.match(first):
            self._counts["httpConnsHandled"] += 1
            await HttpConnection(reader, writer, self._put, self._bodies, self._max_body).serve(first)
            return
        self._counts["tlConnsHandled"] += 1
        self._counts["tlConnsActive"] += 1
        try:
            async for line in lines(reader, first, unended=True):
                await self._line(line, reader, writer)
        except (OSError, LineTooLong) as error:
            self._counts["tlReadErr"] += 1
            _log.limited(f"broken {self._name}").warn("cannot read on", input="opentsdb", err=error)
        finally:
            self._counts["tlConnsActive"] -= 1

    async def _line(self, line: bytes, reader: Reader, writer: asyncio.StreamWriter) -> None:
        line = line.rstrip(b"\r\n")
        self._counts["tlPointsRx"] += 1
        self._counts["tlBytesRx"] += len(line)
        text = decode(line)
        if text.split() == ["version"]:
            writer.write(_VERSION)
            await drained(reader, writer)
            return
        try:
            put = Put(text)
        except BadLine as error:
            self._complain(line, error)
            return
        for mistake in put.mistakes:
            self._complain(line, mistake)
        await self._outlet.room()
        self._outlet.put(put.line)

    def _complain(self, line: bytes, error: BadLine) -> None:
        self._counts[error.of] += 1
        if self._logs:
            _log.limited(f"bad {self._name}").warn(
                "bad line", input="opentsdb", address=self.address, line=decode(line[:200]), err=error
            )

    async def _put(self, body: bytes) -> None:
        try:
            read = await _threads.run(read_body, body) if len(body) > _OFF_LOOP_BYTES else read_body(body)
        except BadBody as error:
            raise RequestRejected(400, str(error)) from error
        self._counts["droppedPointsInvalid"] += read.refused
        if read.refused:
            _log.limited(f"bad {self._name}").warn("points dropped", input="opentsdb", err=read.why)
        if not read.lines:
            return
        text = b"\n".join(read.lines)
        try:
            if Gathering.takes(text):
                await self._gathering.write(self._subject, "n", text)
            else:
                await self._store.store(self._subject, text, "n")
        except RequestRejected as rejected:
            raise RequestRejected(rejected.status, f"write series error: {rejected}") from rejected


async def _first_line(reader: Reader) -> bytes:
    """As far as it comes, with what has come behind it."""
    first = b""
    while b"\n" not in first and len(first) <= LONGEST_LINE and (chunk := await reader.read(LONGEST_LINE)):
        first += chunk
    return first
