"""What everybody who takes part says of himself, asked anew for each answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from schemas.requests.process import PROCESS_FIGURES
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.identity import cluster_id
from services.bus.streams import ALERTS, EVENTS, WRITES, StreamState
from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.answers import ServiceAnswer
from services.gateway.clients.engine import EngineClient
from services.gateway.clients.heartbeats import LivingWorkers
from services.gateway.clients.latest_answers import LatestAnswers
from services.gateway.clients.processes import Processes
from services.gateway.operations.operation_error import OperationError
from services.gateway.queries.inhibited import Inhibited
from services.gateway.subscriptions.records import Record


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """What everybody says of himself. alive: workers by name. ages: how old metrics are, seconds, by process or worker;
    one that was too slow to answer is shown as it was. subscriptions: in InfluxDB, by the cluster there.
    """

    processes: list[ServiceAnswer]
    workers: list[ServiceAnswer]
    alive: dict[str, bool]
    ages: dict[str, float]
    alertings: list[ServiceAnswer]
    topics: list[ServiceAnswer]
    streams: dict[str, StreamState]
    subscriptions: Mapping[str, Record]


class Collector:
    """Asks the processes, workers, alertings and streams for their metrics."""

    def __init__(
        self,
        bus: Bus,
        processes: Processes,
        engine: EngineClient,
        alerting: AlertingClient,
        inhibited: Inhibited,
        subscriptions: Callable[[], Awaitable[Mapping[str, Record]]],
        replicas: int,
        living: LivingWorkers,
    ) -> None:
        """subscriptions: gives how it stands with them. replicas: on how many servers of a cluster buckets lie."""
        self._bus, self._processes, self._engine, self._alerting = bus, processes, engine, alerting
        self._inhibited, self._subscriptions, self._replicas = inhibited, subscriptions, replicas
        self._cluster = ""
        self._latest_processes, self._latest_workers = LatestAnswers("id"), LatestAnswers("worker")
        self._living = living

    async def collect(self) -> MetricsSnapshot:
        """Whoever does not answer is left out, or shown as before. Raises no OperationError."""
        alive = await self._living.look()
        expected = max(sum(alive.values()), self._processes.count("engine"))
        processes, workers, alertings, topics, *streams = await asyncio.gather(
            self._processes.request_all(PROCESS_FIGURES),
            self._engine.workers(expected),
            self._alerting.stats(self._processes.count("alerting")),
            self._alerting.topics(),
            *(self._bus.stream_state(name) for name in (WRITES, EVENTS, ALERTS)),
            return_exceptions=True,
        )
        for answer in (processes, workers, alertings, topics, *streams):
            if isinstance(answer, BaseException) and not isinstance(answer, OperationError | BusError):
                raise answer
        if isinstance(workers, list):
            tasks = {task: answer["stats"] for worker in workers for task, answer in worker["tasks"].items()}
            await self._inhibited.put_right(tasks)
            alive |= {worker["worker"]: True for worker in workers}
        self._latest_processes.update(processes if isinstance(processes, list) else [], self._processes.known)
        self._latest_workers.update(workers if isinstance(workers, list) else [], alive.__contains__)
        ages = {answer["id"]: age for answer, age in self._latest_processes}
        ages |= {answer["worker"]: age for answer, age in self._latest_workers}
        found = {n: s for n, s in zip((WRITES, EVENTS, ALERTS), streams, strict=True) if isinstance(s, StreamState)}
        return MetricsSnapshot(
            [answer for answer, _ in self._latest_processes],
            [answer for answer, _ in self._latest_workers],
            dict(sorted(alive.items())),
            ages,
            alertings if isinstance(alertings, list) else [],
            topics if isinstance(topics, list) else [],
            found,
            await self._subscriptions(),
        )

    async def cluster_id(self) -> str:
        """The cluster's id; empty while the bus does not say."""
        if not self._cluster:
            with contextlib.suppress(BusError):
                self._cluster = await cluster_id(self._bus, self._replicas)
        return self._cluster
