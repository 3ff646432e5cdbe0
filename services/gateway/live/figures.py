"""What all processes say of themselves in short, asked for together every few seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.requests.process import PROCESS_HERE
from services.bus.connection import Bus
from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.answers import ServiceAnswer
from services.gateway.clients.engine import EngineClient
from services.gateway.clients.heartbeats import LivingWorkers
from services.gateway.clients.latest_answers import LatestAnswers
from services.gateway.clients.processes import Processes
from services.gateway.live.rates import Rates
from services.gateway.operations.time_slice import TimeSlice

_SHOWN_BY_OTHERS = frozenset({"engine", "alerting"})
"""Services that say more of themselves than that they are there."""


@dataclass(slots=True)
class TaskFigures:
    """Of a task, over all its parts. lag: seconds. workers: who run it, by name."""

    rate: float = 0.0
    errors: int = 0
    groups: int = 0
    trouble: str = ""
    lag: float = 0.0
    workers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """A process. None: what means nothing for its kind."""

    name: str
    kind: str
    up: bool
    lag: float | None = None
    rate: float | None = None
    errors: int | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """As of one moment. rate: points/s. alerts: how many are at INFO, WARNING and CRITICAL, None: nobody says."""

    services: Sequence[Service]
    tasks: Mapping[str, TaskFigures]
    rate: float
    alerts: Sequence[int] | None


class Asking:
    """Asks. Rates are of the time since it last did."""

    def __init__(
        self, bus: Bus, processes: Processes, engine: EngineClient, alerting: AlertingClient, living: LivingWorkers
    ) -> None:
        self._bus, self._processes, self._engine, self._alerting = bus, processes, engine, alerting
        self._living = living
        self._workers, self._alertings = LatestAnswers("worker"), LatestAnswers("alerting")
        self._task_rates, self._other_rates = Rates(), Rates()

    async def ask(self) -> Figures:
        """Who does not answer in time is shown as before. Raises BusError, OperationError where nobody can be asked."""
        living = await self._living.look()
        expected = max(sum(living.values()), self._processes.count("engine"))
        here, workers, alertings = await asyncio.gather(
            self._processes.request_all(PROCESS_HERE),
            self._engine.figures(expected),
            self._alerting.stats(self._processes.count("alerting")),
        )
        living |= {worker["worker"]: True for worker in workers}
        self._workers.update(workers, lambda name: living.get(name, False))
        answered = {alerting["alerting"] for alerting in alertings}
        self._alertings.update(alertings, answered.__contains__)
        others = [Service(p["id"], p["service"], True) for p in here if p["service"] not in _SHOWN_BY_OTHERS]
        alerts = [sum(counts) for counts in zip(*_active(alertings), strict=True)] if alertings else None
        points = [
            (worker["worker"], (database, rp), count, age)
            for worker, age in self._workers
            for database, rp, count in worker["points"]
        ]
        now = time.monotonic()
        by_database: dict[tuple[str, str], float] = {}
        by_worker: dict[str, float] = {}
        for name, where, count, age in points:
            rate = self._other_rates.of(("points", name, where), count, now - age)
            # a worker counts what its tasks read: who has read most knows best
            by_database[where] = max(rate, by_database.get(where, 0.0))
            by_worker[name] = by_worker.get(name, 0.0) + rate
        services = [
            Service("nats", "nats", self._bus.connected),
            *others,
            *self._engine_services(living, by_worker),
            *(self._alerting_service(one, now - age) for one, age in self._alertings),
        ]
        return Figures(services, await self._tasks(now), round(sum(by_database.values()), 2), alerts)

    async def _tasks(self, now: float) -> Mapping[str, TaskFigures]:
        found: dict[str, TaskFigures] = {}
        time_slice = TimeSlice()
        counted = set()
        for worker, age in self._workers:
            name, lag, at = worker["worker"], worker["lag_ns"] / 1e9, now - age
            for number, (unit, (collected, errors, groups, trouble)) in enumerate(worker["tasks"].items()):
                if number % 64 == 0:
                    await time_slice.yield_if_over()
                key = name, unit
                counted.add(key)
                task = unit.partition("/")[0]
                one = found.get(task)
                if one is None:
                    one = found[task] = TaskFigures()
                one.rate += self._task_rates.of(key, collected, at)
                one.errors += errors
                one.groups += groups
                one.trouble = one.trouble or trouble
                one.lag = max(one.lag, round(lag, 1))
                one.workers = (*one.workers, name)
        self._task_rates.keep(counted)
        return found

    def _engine_services(self, living: Mapping[str, bool], rates: Mapping[str, float]) -> list[Service]:
        told = {worker["worker"]: worker for worker, _ in self._workers}
        found = []
        for name, up in sorted(living.items()):
            worker: ServiceAnswer = told.get(name, {})
            lag = round(worker["lag_ns"] / 1e9, 1) if worker else None
            errors = sum(figures[1] for figures in worker["tasks"].values()) if worker else None
            found.append(Service(name, "engine", up, lag, round(rates.get(name, 0.0), 2), errors))
        return found

    def _alerting_service(self, told: ServiceAnswer, at: float) -> Service:
        name = str(told["alerting"])
        rate = self._other_rates.of(("events", name), told.get("events", 0), at)
        return Service(name, "alerting", True, None if told.get("lag", 0) else 0.0, rate, told.get("given_up", 0))


def _active(alertings: Sequence[ServiceAnswer]) -> list[list[int]]:
    """By topic; all alertings say the same."""
    return [[0, 0, 0], *(topic["counts"] for topic in alertings[0].get("active", ()))]
