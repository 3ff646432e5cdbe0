"""The tests of the clusters that the autoscale nodes scale: whether one answers, and to these credentials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from grammar.golang.quoting import quote
from services.alerting.errors import Rejected
from services.alerting.handler_base import HandlerContext
from services.connectors.clusters.scaler import Scaler
from services.process.pools import Pool

_OFF = "failed to get client: service is not enabled"
_DISCOVERER = "discoverer {} is not enabled or does not exist"
_SECONDS = 30.0
_threads = Pool("cluster trials", 4)


class ClusterTest:
    """Asks a cluster what the reference's test asks it, or, of EC2, what the autoscale node does.

    The client libraries block and are slow to import, so they run in a thread, and only once somebody asks.
    """

    def __init__(self, kind: str, scaler: Callable[[Any], Scaler], *, unknown: str, off: str, failed: str) -> None:
        """kind: the section. unknown, off, failed: the texts of a failure; {} stands for the cluster's id."""
        self._kind, self._scaler = kind, scaler
        self._unknown, self._off, self._failed = unknown, off, failed

    def options(self, sections: Mapping[str, Any]) -> dict[str, Any]:
        """Which cluster."""
        return {"id": ""}

    async def run(self, options: dict[str, Any], sections: Mapping[str, Any], context: HandlerContext) -> None:
        """Raises Rejected where it does not answer, or not well, ValueError where there is no such cluster."""
        id_: str = options["id"]
        found = {c.id: c for c in sections.get(self._kind, ())}.get(id_)
        if found is None:
            raise ValueError(self._unknown.format(quote(id_)))
        if not found.enabled:
            raise ValueError(self._off.format(quote(id_)))
        try:
            await _threads.run_within(_SECONDS, f"{self._kind} {id_}", lambda: self._scaler(found).reach())
        except ImportError as error:
            raise Rejected(f"{error}; pip install 'tickbus[autoscale]' has what it needs") from error
        except Exception as error:
            # the libraries have many exceptions, and the settings are the user's
            reason = " ".join(str(error).split()) or type(error).__name__
            raise Rejected(self._failed.format(quote(id_)) + reason) from error


def _kubernetes(settings: Any) -> Scaler:
    from services.connectors.clusters.kubernetes import KubernetesScaler

    return KubernetesScaler(settings)


def _swarm(settings: Any) -> Scaler:
    from services.connectors.clusters.swarm import SwarmScaler

    return SwarmScaler(settings)


def _ec2(settings: Any) -> Scaler:
    from services.connectors.clusters.ec2 import Ec2Scaler

    return Ec2Scaler(settings)


CLUSTER_TESTS: Mapping[str, ClusterTest] = {
    "kubernetes": ClusterTest(
        "kubernetes",
        _kubernetes,
        unknown="unknown kubernetes cluster {}",
        off=_OFF,
        failed="failed to query server versions: ",
    ),
    "swarm": ClusterTest(
        "swarm", _swarm, unknown="unknown swarm cluster {}", off=_OFF, failed="failed to query server version: "
    ),
    "ec2": ClusterTest("ec2", _ec2, unknown=_DISCOVERER, off=_DISCOVERER, failed="discoverer {} failed: "),
}
