"""[collectd]: the binary protocol of collectd's network plugin, over UDP."""

from __future__ import annotations

import errno
from pathlib import Path

from schemas.config.inputs import Collectd
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners.datagrams import Datagrams, receive_datagrams
from services.gateway.listeners.formats.collectd_packets import BadPacket, ValueList, value_lists
from services.gateway.listeners.formats.collectd_types import BadTypes, Types, read_types
from services.gateway.listeners.formats.lines import NoPoint, line_of
from services.gateway.listeners.input import Statistic
from services.gateway.listeners.outlet import Batching, Outlet
from services.process import log as logs

_log = logs.get("inputs")


class CollectdListener:
    """What [collectd] asks for."""

    def __init__(self, settings: Collectd, store: LineStore) -> None:
        """Raises ValueError where the names of database and retention policy are too long."""
        self._settings = settings
        self.address = settings.bind_address or ":25826"
        self._name = f"collectd {self.address}"
        size = settings.batch_size or 5000
        self._outlet = Outlet(
            self._name,
            store,
            store.subject(settings.database or "collectd", settings.retention_policy),
            Batching(size, settings.batch_timeout or 10.0, size * (settings.batch_pending or 10)),
        )
        self._types: Types = {}
        self._datagrams: Datagrams | None = None
        self._bytes = self._points = self._bad = self._invalid = 0

    async def start(self) -> None:
        """Listen. Raises OSError where the address or the file of types cannot be had."""
        path = Path(self._settings.typesdb or "/usr/share/collectd/types.db")
        try:
            self._types = read_types(path)
        except BadTypes as error:
            raise OSError(errno.EINVAL, f"typesdb: {error}") from error
        except OSError as error:
            raise OSError(error.errno, f"typesdb: {path}: {error.strerror}") from error
        self._datagrams = await receive_datagrams(self.address, self._settings.read_buffer, self._received)
        self.address = self._datagrams.address
        self._outlet.start()
        _log.info("listening", input="collectd", address=self.address)

    async def stop(self, timeout: float) -> None:
        """Listen no more; what has come has so many seconds to be stored."""
        if self._datagrams is not None:
            self._datagrams.close()
        await self._outlet.stop(timeout)

    def statistic(self) -> Statistic:
        values = {
            "pointsRx": self._points,
            "bytesRx": self._bytes,
            "pointsParseFail": self._bad,
            "readFail": self._datagrams.read_failed if self._datagrams else 0,
            "droppedPointsInvalid": self._invalid,
        }
        return "collectd", {"bind": self.address}, values | self._outlet.counts

    def _received(self, data: bytes) -> None:
        self._bytes += len(data)
        try:
            found = value_lists(data, self._types)
        except BadPacket as error:
            self._bad += 1
            _log.limited(f"bad {self._name}").warn("bad packet", input="collectd", address=self.address, err=error)
            return
        for one in found:
            self._take(one)

    def _take(self, one: ValueList) -> None:
        tags = {
            "host": one.host,
            "instance": one.plugin_instance,
            "type": one.type,
            "type_instance": one.type_instance,
        }
        for name, value in one.values:
            try:
                line = line_of(f"{one.plugin}_{name}", tags, "value", value, one.nanoseconds)
            except NoPoint as error:
                self._invalid += 1
                _log.limited(f"invalid {self._name}").warn("dropping point", input="collectd", err=error)
                continue
            self._points += 1
            self._outlet.put(line)
