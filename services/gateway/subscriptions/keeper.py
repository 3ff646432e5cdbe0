"""Keeping the subscriptions of one cluster: again and again, however often InfluxDB is away."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace

from schemas.config import InfluxDB
from services.bus.errors import BusError
from services.connectors.influxdb import InfluxDBError
from services.gateway.listeners.input import Statistic
from services.gateway.operations.operation_error import OperationError
from services.gateway.subscriptions.linking import CannotListen, LinkContext, Linking
from services.process import log as logs

_STARTUP_SECONDS, _SYNC_SECONDS = 300.0, 60.0  # where the configuration says 0s
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.5, 60.0, 1.5
FAILURES = (InfluxDBError, BusError, OperationError, CannotListen)
"""Of what is tried again."""
_log = logs.get("influxdb")


class Keeper:
    """Of one cluster, by the configuration that it was given last."""

    def __init__(self, cluster: InfluxDB, shared: LinkContext) -> None:
        self._cluster, self._shared = cluster, shared
        self._linking = Linking(cluster, shared)
        self._log = _log.bind(cluster=cluster.name)
        self._one_at_a_time = asyncio.Lock()
        self._wake, self._gone = asyncio.Event(), False
        self._failing: float | None = None  # since when
        self._said_long = False

    async def change(self, cluster: InfluxDB | None) -> None:
        """Go by another configuration. None: the cluster is in it no more, and what was made there is to be dropped."""
        if cluster == (None if self._gone else self._cluster):
            return
        async with self._one_at_a_time:
            self._gone = cluster is None
            if cluster is not None:
                self._cluster = cluster
                await self._linking.change(cluster)
        self._wake.set()

    async def run(self) -> None:
        """Keep them until it is cancelled."""
        pause = _FIRST_PAUSE
        try:
            while True:
                self._wake.clear()
                error = await self._tried()
                interval = self._cluster.subscriptions_sync_interval or _SYNC_SECONDS
                wait: float | None = interval
                if not self._wants_any and (error is None or self._is_long):
                    wait = None
                elif error is None:
                    pause = _FIRST_PAUSE
                elif _may_pass(error):
                    wait, pause = min(pause, interval), min(_GROWTH * pause, _LONGEST_PAUSE)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
        finally:
            await self._linking.close()

    async def link(self) -> None:
        """Look now. Raises what went wrong."""
        if self._wants_any:
            async with self._one_at_a_time:
                await self._linking.link()

    def statistics(self) -> list[Statistic]:
        """What its ports for UDP have counted."""
        return self._linking.statistics()

    @property
    def _wants_any(self) -> bool:
        return self._cluster.enabled and not self._cluster.disable_subscriptions and not self._gone

    @property
    def _is_long(self) -> bool:
        limit = self._cluster.startup_timeout or _STARTUP_SECONDS
        return self._failing is not None and time.monotonic() - self._failing >= limit

    async def _tried(self) -> Exception | None:
        """Do what is to be done; gives why that did not work."""
        try:
            async with self._one_at_a_time:
                await (self._linking.link() if self._wants_any else self._linking.unlink())
        except Exception as error:
            if not isinstance(error, FAILURES):
                self._log.exception("keeping subscriptions broke off", error)
            await self._say(error)
            return error
        if self._failing is not None:
            self._log.info("subscriptions are kept again", after=f"{time.monotonic() - self._failing:.0f}s")
        self._failing, self._said_long = None, False
        return None

    async def _say(self, error: Exception) -> None:
        """Say that something goes wrong: when it begins to, and once it has lasted longer than a start may."""
        if self._failing is None:
            self._failing = time.monotonic()
            self._log.warn("subscriptions cannot be kept, trying again", err=error)
        if self._is_long and not self._said_long:
            self._said_long = True
            self._log.error("subscriptions cannot be kept for longer than startup-timeout", err=error)
        with contextlib.suppress(BusError):
            record = await self._shared.records.get(self._cluster.name)
            if record.error != str(error):
                await self._shared.records.put(self._cluster.name, replace(record, error=str(error)))


def _may_pass(error: Exception) -> bool:
    """Whether it may be gone when it is tried again soon."""
    return isinstance(error, BusError) or (isinstance(error, InfluxDBError) and error.again)
