"""Of all gateways one keeps the subscriptions, the others say where they are reached."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

from schemas.config import Config, InfluxDB
from schemas.requests.gateway import GATEWAY_LINK
from schemas.requests.shape import MalformedMessage
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.identity import cluster_id, gateway_id
from services.bus.leases.claims import TTL_SECONDS, Claim
from services.bus.subjects import request_subject
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners.input import Statistic
from services.gateway.operations.operation_error import OperationError
from services.gateway.subscriptions.destinations import UDP
from services.gateway.subscriptions.keeper import FAILURES, Keeper
from services.gateway.subscriptions.linking import LinkContext
from services.gateway.subscriptions.records import Record, Records
from services.gateway.subscriptions.tokens import Tokens
from services.process import log as logs
from services.process.listening import join_host_port
from services.store.live_config import LiveConfig

_CLAIMS, _KEY = "tickbus-gateway", "subscriptions"
_ANNOUNCE_SECONDS = 60.0
_LINK_SECONDS = 60.0
_TELL_SECONDS = 3600.0
_log = logs.get("influxdb")


class Subscriptions:
    """Use as an async context manager: this gateway takes part until it ends. Subscriptions outlast it."""

    def __init__(self, config: Config, bus: Bus, effective: LiveConfig, tokens: Tokens, store: LineStore) -> None:
        """effective: the configuration, which follows the log."""
        self._config, self._bus, self._effective = config, bus, effective
        self._records = Records(bus, config.nats.replicas)
        http = config.http
        self._shared = LinkContext(
            self._records, tokens, store, self._ids, self._own_address, http.auth_enabled, http.shared_secret
        )
        self._changed, self._to_announce = asyncio.Event(), asyncio.Event()
        self._keepers: dict[str, Keeper] = {}  # where this gateway keeps them
        self._tasks: list[asyncio.Task[None]] = []
        effective.on_change(self._on_change)

    async def __aenter__(self) -> Subscriptions:
        self._tasks = [asyncio.create_task(self._take_part()), asyncio.create_task(self._announce())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def records(self) -> Mapping[str, Record]:
        """How it stands with each cluster's, whichever gateway keeps them; nothing while the bus does not say."""
        try:
            return await self._records.all()
        except BusError:
            return {}

    def statistics(self) -> list[Statistic]:
        """What the ports for UDP have counted that this gateway listens on."""
        return [statistic for keeper in self._keepers.values() for statistic in keeper.statistics()]

    async def link(self) -> None:
        """Have whoever keeps them look at once whether they are as they should be. Raises OperationError."""
        if not self._wanted():
            return
        try:
            subject = request_subject(*GATEWAY_LINK.tokens())
            answer = await self._bus.request(subject, GATEWAY_LINK.encode_request(), _LINK_SECONDS)
        except BusError as error:
            raise OperationError(503, f"failed to link subscriptions: no gateway keeps them: {error}") from error
        try:
            problem = GATEWAY_LINK.decode_response(answer)["error"]
        except MalformedMessage as error:
            reason = f"failed to link subscriptions: the gateway that keeps them answers what cannot be read: {error}"
            raise OperationError(503, reason) from error
        if problem:
            raise OperationError(500, f"failed to link subscriptions: {problem}")

    def _on_change(self) -> None:
        self._changed.set()
        self._to_announce.set()

    def _wanted(self) -> list[InfluxDB]:
        """The clusters that are to have subscriptions."""
        return [c for c in self._effective.config.influxdb if c.enabled and not c.disable_subscriptions]

    async def _announce(self) -> None:
        """Say again and again where this gateway is reached."""
        gateway = _own_id(self._config.data_dir / "gateway" / "id")
        while True:
            self._to_announce.clear()
            wait = _ANNOUNCE_SECONDS
            if clusters := self._wanted():
                self._tell_of_protocols(clusters)
                try:
                    await self._records.announce(gateway, {c.name: self._own_address(c) for c in clusters})
                except BusError as error:
                    _log.limited("announce").warn("other gateways cannot be told of this one", err=error)
                    wait = TTL_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._to_announce.wait()

    def _tell_of_protocols(self, clusters: Iterable[InfluxDB]) -> None:
        """Say where InfluxDB would be sent to this gateway's own port in a protocol that is not spoken there."""
        spoken = "https" if self._config.http.https_enabled else "http"
        for cluster in clusters:
            given = cluster.subscription_protocol or "http"
            if given not in (spoken, UDP) and not cluster.http_port:
                log = _log.limited(f"protocol {cluster.name}", _TELL_SECONDS)
                log.warn("subscription-protocol is not what this gateway speaks", cluster=cluster.name, speaks=spoken)

    async def _take_part(self) -> None:
        """Keep them whenever no other gateway does."""
        owner = f"{os.getpid()}-{secrets.token_hex(8)}"
        while True:
            try:
                await self._until_concerned()
                claims = await self._bus.bucket(_CLAIMS, replicas=self._config.nats.replicas)
                claim = await Claim.take(claims, _KEY, owner)
                if claim is not None:
                    _log.info("this gateway keeps the subscriptions")
                    await claim.work(self._manage())
            except BusError as error:
                _log.limited("subscriptions").warn("subscriptions are not kept for now", err=error)
            except Exception as error:
                _log.exception("keeping subscriptions broke off", error)
            await asyncio.sleep(TTL_SECONDS / 2)

    async def _until_concerned(self) -> None:
        """Wait until there are subscriptions to keep or to drop: without any InfluxDB nothing is asked of the bus."""
        while True:
            self._changed.clear()  # first: what changes while the bus is asked counts
            if self._wanted() or await self._records.are_there():
                return
            await self._changed.wait()

    async def _manage(self) -> None:
        """Have a keeper for each cluster, as the configuration changes; answer who wants them to look at once."""
        for name in (await self._records.all()).keys() - {c.name for c in self._effective.config.influxdb}:
            await self._forget(name)
        async with asyncio.TaskGroup() as running:
            adopting = asyncio.Lock()

            async def adopt() -> None:
                async with adopting:
                    await self._adopt(running)

            async def link(data: bytes, headers: Mapping[str, str]) -> bytes:
                GATEWAY_LINK.decode_request(data)
                await adopt()
                return GATEWAY_LINK.encode_response({"error": await _link(self._keepers)})

            responder = self._bus.answer(request_subject(*GATEWAY_LINK.tokens()), link)
            try:
                while True:
                    self._changed.clear()
                    await adopt()
                    await self._changed.wait()
            finally:
                responder.stop()
                self._keepers.clear()

    async def _adopt(self, running: asyncio.TaskGroup) -> None:
        """Have the keepers go by the configuration as it is now."""
        clusters = {c.name: c for c in self._effective.config.influxdb}
        for name, keeper in self._keepers.items():
            await keeper.change(clusters.get(name))
        for name in clusters.keys() - self._keepers.keys():
            if clusters[name] in self._wanted() or name in await self._records.all():
                self._keepers[name] = Keeper(clusters[name], self._shared)
                running.create_task(self._keepers[name].run())

    async def _forget(self, name: str) -> None:
        """A cluster has left the configuration while no gateway ran: where it is nobody knows."""
        record = (await self._records.all())[name]
        if record.count:
            _log.warn(
                "subscriptions may be left in a cluster that is not configured any more", cluster=name, name=record.name
            )
        for user in record.tokens:
            await self._shared.tokens.revoke(user)
        await self._records.delete(name)

    async def _ids(self) -> tuple[str, str]:
        cluster = await cluster_id(self._bus, self._config.nats.replicas)
        return cluster, gateway_id(cluster, self._config.hostname)

    def _own_address(self, cluster: InfluxDB) -> str:
        port = int(self._config.http.bind_address.rpartition(":")[2])
        return join_host_port(cluster.kapacitor_hostname or self._config.hostname, cluster.http_port or port)


async def _link(keepers: Mapping[str, Keeper]) -> str:
    """Have them all look at once, whatever is wrong with another; what is wrong, "" where nothing is."""
    found = await asyncio.gather(*(_linked(name, keeper) for name, keeper in keepers.items()))
    return "; ".join(filter(None, found))


async def _linked(name: str, keeper: Keeper) -> str:
    try:
        await keeper.link()
    except FAILURES as error:
        return f"linking cluster {name}: {error}"
    return ""


def _own_id(path: Path) -> str:
    """This gateway's id, which its data directory keeps."""
    try:
        return uuid.UUID(path.read_text("ascii").strip()).hex
    except (OSError, ValueError):
        found = uuid.uuid4().hex
    with contextlib.suppress(OSError):  # another one next time then
        path.touch(0o600)
        path.write_text(f"{found}\n", "ascii")
    return found
