"""The test of the InfluxDB clusters that tasks use: whether one is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grammar.golang.quoting import quote
from schemas.config.influxdb import clusters_by_name
from services.alerting.errors import Rejected
from services.alerting.handler_base import HandlerContext
from services.connectors.influxdb import InfluxDBClient, InfluxDBError


class InfluxDBTest:
    """Pings a cluster; "" is the one that scripts mean when they name none."""

    def options(self, sections: Mapping[str, Any]) -> dict[str, Any]:
        """Which cluster."""
        return {"cluster": ""}

    async def run(self, options: dict[str, Any], sections: Mapping[str, Any], context: HandlerContext) -> None:
        """Raises Rejected where it does not answer, or not well, ValueError where there is no such cluster."""
        name = options["cluster"]
        cluster = clusters_by_name(sections["influxdb"]).get(name)
        if cluster is None:
            raise ValueError(f"cluster {quote(name)} is not enabled or does not exist")
        client = InfluxDBClient(cluster, context.shared_secret)
        try:
            await client.ping()
        except InfluxDBError as error:
            raise Rejected(f"failed to ping the influxdb cluster {quote(name)}: {error}") from error
        finally:
            await client.close()
