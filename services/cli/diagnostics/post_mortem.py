"""What the process before this one ended in, brought to the bus before anything of it is tried again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from schemas.config import Config
from services.bus.buckets.suspects import Suspects
from services.bus.connection import Bus
from services.bus.errors import BusError, Unusable
from services.cli.diagnostics.watchdog import STILL_SECONDS, Watchdog
from services.process import log
from services.process.flight_recorder import FLIGHT_RECORDER, RecordedWork

_ATTEMPTS, _PAUSE = 5, 1.0


@dataclass(frozen=True, slots=True)
class Before:
    """The process before: what it was at when it ended, None where nothing is known, and whether it hung in it."""

    work: RecordedWork | None
    hung: bool

    async def tell(self, bus: Bus, service: str, config: Config) -> None:
        """Count it on the bus, and learn what is to be skipped. Where the bus does not go along, that is logged."""
        logger = log.get(service)
        for attempt in range(_ATTEMPTS):
            try:
                suspects = await Suspects.open(bus, config.nats.replicas)
                if self.work is not None:
                    by = config.engine.id if service == "engine" and config.engine.id else service
                    suspect = await suspects.add(self.work, self.hung, by)
                    logger.warn("the process before ended in this", **_fields(self.work), deaths=suspect.deaths)
                await suspects.note()
                return
            except ValueError as error:
                logger.warn("what the process before ended in is not known", err=error)
                return
            except Unusable:
                raise
            except BusError as error:
                logger.warn("what the process before ended in cannot be counted", err=error)
                await asyncio.sleep(_PAUSE if attempt + 1 < _ATTEMPTS else 0)


def begin(service: str, config: Config) -> tuple[Watchdog, Before]:
    """Open this process's note, and read what the one before has left in it."""
    limits = {"engine": config.engine.step_limit, "recorder": config.engine.step_limit}
    FLIGHT_RECORDER.limit = limits.get(service, STILL_SECONDS) or float("inf")
    watchdog = Watchdog(service, FLIGHT_RECORDER)
    try:
        work = FLIGHT_RECORDER.open(directory(service, config))
        return watchdog, Before(work, watchdog.hung())
    except OSError as error:
        log.get(service).warn("it will not be known what this process ends in", err=error)
        return watchdog, Before(None, False)


def directory(service: str, config: Config) -> Path:
    """Where a process of this service keeps its note."""
    base = config.data_dir / service
    return base / config.engine.id if service == "engine" and config.engine.id else base


def _fields(work: RecordedWork) -> dict[str, object]:
    return {**work.what, "first": work.first, "last": work.last}
