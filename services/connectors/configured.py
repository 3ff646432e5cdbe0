"""What scripts reach by names that the configuration gives: it follows the configuration, also under running tasks."""

from __future__ import annotations

from typing import Any

from schemas.config.influxdb import clusters_by_name
from services.connectors.influxdb import InfluxDBClient
from services.store.live_config import LiveConfig

_SCALED = ("kubernetes", "swarm", "ec2")


class Configured:
    """influxdb: the clusters by name, "" for the default one. clusters: what is scaled, by kind and by id.

    A running task that has a client keeps it: the client goes to where the cluster of its name is now.
    """

    def __init__(self, effective: LiveConfig) -> None:
        self._effective = effective
        self.influxdb: dict[str, InfluxDBClient] = {}
        self.clusters: dict[str, dict[str, Any]] = {kind: {} for kind in _SCALED}
        self._update()
        effective.on_change(self._update)

    def _update(self) -> None:
        config = self._effective.config
        named = clusters_by_name(config.influxdb)
        for name in [name for name in self.influxdb if name not in named]:
            del self.influxdb[name]
        for name, cluster in named.items():
            if name in self.influxdb:
                self.influxdb[name].change(cluster)
            else:
                self.influxdb[name] = InfluxDBClient(cluster, config.http.shared_secret)
        for kind in _SCALED:
            self.clusters[kind] = {c.id: c for c in getattr(config, kind)}
