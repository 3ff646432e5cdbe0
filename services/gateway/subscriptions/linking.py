"""The subscriptions of one cluster: held against what the configuration says, made and dropped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from schemas.config import InfluxDB
from services.connectors.influxdb import InfluxDBClient, InfluxDBError
from services.gateway.access.names import token_user
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners.input import Statistic
from services.gateway.subscriptions.catalogue import Catalogue, Place, Subscription
from services.gateway.subscriptions.destinations import (
    UDP,
    Destinations,
    destinations_of,
    leads_to,
    port_of,
    token_in,
    wants,
)
from services.gateway.subscriptions.listening import Listening
from services.gateway.subscriptions.records import Record, Records
from services.gateway.subscriptions.tokens import Tokens
from services.process import log as logs

_LEGACY = "kapacitor"
_log = logs.get("influxdb")


class LinkContext:
    """What the links of all clusters share."""

    def __init__(
        self,
        records: Records,
        tokens: Tokens,
        store: LineStore,
        ids: Callable[[], Awaitable[tuple[str, str]]],
        own_address: Callable[[InfluxDB], str],
        with_tokens: bool,
        shared_secret: str,
    ) -> None:
        """ids: gives the id of the cluster that shares a NATS, and this gateway's. own_address(cluster): where InfluxDB
        reaches this gateway. with_tokens: whether writes need credentials. shared_secret: that of [http].
        """
        self.records, self.tokens, self.store = records, tokens, store
        self.ids, self.own_address, self.with_tokens = ids, own_address, with_tokens
        self.shared_secret = shared_secret


class Linking:
    """Of one cluster of the configuration. One call at a time."""

    def __init__(self, cluster: InfluxDB, shared: LinkContext) -> None:
        self._cluster, self._shared = cluster, shared
        self._client = InfluxDBClient(cluster, shared.shared_secret)
        self._catalogue = Catalogue(self._client)
        self._listening = Listening(shared.store)
        self._log = _log.bind(cluster=cluster.name)
        self._doubled: set[Subscription] = set()

    async def change(self, cluster: InfluxDB) -> None:
        """Go by another configuration."""
        before, self._cluster = self._cluster, cluster
        self._client.change(cluster)
        udp = [(c.udp_bind, c.udp_buffer, c.udp_read_buffer) for c in (before, cluster)]
        if udp[0] != udp[1]:
            await self._listening.only(())

    async def link(self) -> None:
        """Make what is missing, drop what should not be. Raises InfluxDBError, BusError, OperationError."""
        cluster, records = self._cluster, self._shared.records
        ids = await self._shared.ids()
        name = f"kapacitor-{ids[cluster.subscription_mode == 'server']}"
        record = await records.get(cluster.name)
        if record.name not in ("", name):
            await self._drop_all(record.name)
        if record.name != name:
            record = replace(record, name=name)
            await records.put(cluster.name, record)
        own = self._shared.own_address(cluster)
        addresses = tuple(sorted({own} | await records.addresses(cluster.name)))
        wanted = destinations_of(cluster, addresses, own, self._shared.with_tokens)
        places = [place for place in await self._catalogue.places() if wants(cluster, place)]
        kept = await self._kept(name, ids[0], wanted, places)
        # also of subscriptions that could not be made, or they would gather for as long as that lasts
        record = await self._without_unused(record, kept)
        for place in places:
            if place in kept:
                continue
            try:
                kept[place], record = await self._made(name, place, wanted, record)
            except InfluxDBError as error:
                if "not found" not in str(error):  # else it was dropped since; its token goes with the others unused
                    raise
                record = await records.get(cluster.name)
        await self._listening.only(kept if wanted.protocol == UDP else ())
        await self._settle(record, kept)

    async def unlink(self) -> None:
        """Drop what was made here, now or before. Raises InfluxDBError, BusError, OperationError."""
        await self._listening.only(())
        record = await self._shared.records.get(self._cluster.name)
        if record.name:
            await self._drop_all(record.name)
        await self._settle(record, {})
        await self._shared.records.delete(self._cluster.name)

    def statistics(self) -> list[Statistic]:
        """What its ports for UDP have counted."""
        return self._listening.statistics()

    async def close(self) -> None:
        """Listen no more, and let go of connections; subscriptions stay."""
        await self._listening.only(())
        await self._client.close()

    async def _kept(
        self, name: str, cluster_id: str, wanted: Destinations, places: list[Place]
    ) -> dict[Place, Subscription]:
        """Those of ours that are as they should be; others of ours are dropped."""
        kept: dict[Place, Subscription] = {}
        for one in await self._catalogue.subscriptions():
            if one.name in (_LEGACY, cluster_id):
                await self._drop(one, "its name is of old")
            elif one.name != name:
                self._tell_of_doubles(one, wanted, places)
            elif one.place not in places:
                await self._drop(one, "it is not wanted")
            elif why := wanted.problem(one, self._is_valid) or await self._deaf(one, wanted):
                await self._drop(one, why)
            else:
                kept[one.place] = one
        return kept

    async def _made(self, name: str, place: Place, wanted: Destinations, record: Record) -> tuple[Subscription, Record]:
        """A new one, and the record with its token."""
        token = ""
        if wanted.protocol == UDP:
            try:
                port = await self._listening.on(self._cluster, place, 0)
            except (OSError, ValueError) as error:
                raise CannotListen(f"no UDP port can be listened on: {error}") from error
            destinations = tuple(f"udp://{address.rpartition(':')[0]}:{port}" for address in wanted.addresses)
        else:
            if wanted.tokens:
                token = self._shared.tokens.new(self._cluster.name)
                # known before it can be used: it is revoked even where nothing comes of it
                record = replace(record, tokens=(*record.tokens, token_user(token)))
                await self._shared.records.put(self._cluster.name, record)
                await self._shared.tokens.grant(token, place[0])
            destinations = wanted.urls(token)
        made = Subscription(place, name, "ANY", destinations)
        await self._catalogue.create(made)
        self._log.info("subscription made", db=place[0], rp=place[1], name=name, destinations=" ".join(destinations))
        return made, record

    async def _settle(self, record: Record, kept: dict[Place, Subscription]) -> None:
        """Keep how it is now."""
        now = replace(await self._without_unused(record, kept), count=len(kept), error="")
        if now != await self._shared.records.get(self._cluster.name):
            await self._shared.records.put(self._cluster.name, now)

    async def _without_unused(self, record: Record, kept: dict[Place, Subscription]) -> Record:
        """The record without tokens that no subscription has any more: they are revoked."""
        used = {token_user(token) for one in kept.values() if (token := token_in(one))}
        for user in record.tokens:
            if user not in used:
                await self._shared.tokens.revoke(user)
        return replace(record, tokens=tuple(sorted(used)))

    async def _drop_all(self, name: str) -> None:
        for one in await self._catalogue.subscriptions():
            if one.name == name:
                await self._drop(one, "there are to be none of this name")

    async def _drop(self, one: Subscription, why: str) -> None:
        self._log.info(
            "subscription dropped",
            db=one.place[0],
            rp=one.place[1],
            name=one.name,
            destinations=" ".join(one.destinations),
            reason=why,
        )
        await self._catalogue.drop(one)

    async def _deaf(self, one: Subscription, wanted: Destinations) -> str:
        """Why nobody can listen where a subscription over UDP leads, "" where somebody does now."""
        if wanted.protocol == UDP:
            try:
                await self._listening.on(self._cluster, one.place, port_of(one))
            except (OSError, ValueError) as error:
                return f"its port cannot be listened on: {error}"
        return ""

    def _is_valid(self, token: str, place: Place) -> bool:
        return self._shared.tokens.valid(self._cluster.name, token, place[0])

    def _tell_of_doubles(self, one: Subscription, wanted: Destinations, places: list[Place]) -> None:
        """Say once of each that somebody else has made a subscription that leads here too."""
        if one not in self._doubled and one.place in places and leads_to(one, wanted.addresses):
            self._doubled.add(one)
            self._log.warn(
                "another subscription leads here too, so that every point comes twice",
                db=one.place[0],
                rp=one.place[1],
                name=one.name,
                remedy=one.drop_statement,
            )


class CannotListen(Exception):
    """There is no port for a subscription over UDP."""
