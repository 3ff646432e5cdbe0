"""What there is in an InfluxDB: databases with their retention policies, and subscriptions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from grammar.influxql.query import quote_name
from services.connectors.influxdb import InfluxDBClient, InfluxDBError

Place = tuple[str, str]
"""A database and one of its retention policies."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One of them. mode: ANY or ALL of the destinations, which are URLs, get what is written."""

    place: Place
    name: str
    mode: str
    destinations: tuple[str, ...]

    @property
    def drop_statement(self) -> str:
        """The InfluxQL that drops it."""
        return f"DROP SUBSCRIPTION {quote_name(self.name)} ON {_quoted(self.place)}"

    @property
    def create_statement(self) -> str:
        """The InfluxQL that makes it."""
        where = ", ".join(_text(one) for one in self.destinations)
        return f"CREATE SUBSCRIPTION {quote_name(self.name)} ON {_quoted(self.place)} DESTINATIONS {self.mode} {where}"


class Catalogue:
    """Reads and changes it. All raise InfluxDBError."""

    def __init__(self, client: InfluxDBClient) -> None:
        self._client = client

    async def places(self) -> list[Place]:
        """All retention policies of all databases."""
        found: list[Place] = []
        for database in _column(await self._client.query("SHOW DATABASES"), "name"):
            try:
                policies = await self._client.query(f"SHOW RETENTION POLICIES ON {quote_name(database)}")
            except InfluxDBError as error:
                if "not found" in str(error):  # it was dropped since
                    continue
                raise
            found += ((database, policy) for policy in _column(policies, "name"))
        return found

    async def subscriptions(self) -> list[Subscription]:
        """All subscriptions, whoever has made them."""
        return list(_subscriptions(await self._client.query("SHOW SUBSCRIPTIONS")))

    async def create(self, subscription: Subscription) -> None:
        """Make a subscription."""
        await self._client.command(subscription.create_statement)

    async def drop(self, subscription: Subscription) -> None:
        """Drop a subscription; one that is not there any more is no error."""
        try:
            await self._client.command(subscription.drop_statement)
        except InfluxDBError as error:
            if "not found" not in str(error):
                raise


def _subscriptions(series: Iterable[dict[str, Any]]) -> Iterable[Subscription]:
    for one in series:
        for row in _rows([one]):
            place = (str(one.get("name", "")), str(row["retention_policy"]))
            yield Subscription(place, str(row["name"]), str(row["mode"]), tuple(map(str, row["destinations"])))


def _column(series: Iterable[dict[str, Any]], name: str) -> list[str]:
    return [str(row[name]) for row in _rows(series)]


def _rows(series: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    try:
        for one in series:
            for row in one.get("values", ()):
                yield dict(zip(one["columns"], row, strict=True))
    except (KeyError, TypeError, ValueError) as error:
        raise InfluxDBError(f"invalid response: {error!r}", again=False) from error


def _quoted(place: Place) -> str:
    return ".".join(map(quote_name, place))


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
