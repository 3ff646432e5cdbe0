"""All scrapers of a configuration. Of several gateways one runs a scraper at a time: the one that has its claim."""

from __future__ import annotations

import asyncio
import uuid
from typing import Self

from schemas.config import Config
from schemas.config.inputs.scraping import Scraper
from services.bus.buckets.kv import Bucket
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.leases.claims import Claim
from services.bus.subjects import escape
from services.gateway.http.connections.bodies import Bodies
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners.input import Statistic
from services.gateway.listeners.outlet import Batching, Outlet
from services.gateway.scraping.discovery import Discover, discoverer
from services.gateway.scraping.targets import Target, targets_of
from services.process import log as logs
from services.process.pools import Pool

CLAIMS = "tickbus-scrapes"
_LOOK_SECONDS = 2.0
_REFRESH_SECONDS = 5.0
_WAITING_SCRAPES = 100
_MOST_BODIES = 256 << 20  # bytes of all answers that are being read
_threads = Pool("discovery", 1)
_log = logs.get("scraper")


class Scraping:
    """Scrapes, from the beginning of a `with` to its end."""

    def __init__(self, config: Config, bus: Bus, store: LineStore) -> None:
        """Raises OSError where certificates cannot be used, ValueError where names are too long or no proxy's URL."""
        self._bus, self._replicas, self._timeout = bus, config.nats.replicas, config.http.shutdown_timeout
        self._owner = uuid.uuid4().hex
        self._jobs: list[Job] = []
        bodies = Bodies(_MOST_BODIES)
        for settings in config.scraper:
            if not settings.enabled:
                continue
            found = discoverer(config, settings.discoverer_service, settings.discoverer_id)
            if found is None:
                of = f"{settings.discoverer_service} {settings.discoverer_id}"
                _log.warn("a scraper has no targets: its discoverer is not there", scraper=settings.name, discoverer=of)
            else:
                self._jobs.append(Job(settings, *found, store, bodies))
        self._running: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Raises BusError."""
        if self._jobs:
            claims = await self._bus.bucket(CLAIMS, replicas=self._replicas)
            for job in self._jobs:
                job.start()
                self._running.append(asyncio.create_task(self._run(job, claims)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        await asyncio.gather(*(job.stop(self._timeout) for job in self._jobs))

    def statistics(self) -> list[Statistic]:
        """What each scraper has counted here."""
        return [job.statistic() for job in self._jobs]

    async def _run(self, job: Job, claims: Bucket) -> None:
        """Whenever nobody else does."""
        while True:
            claim = None
            try:
                claim = await Claim.take(claims, job.key, self._owner)
            except BusError as error:
                _log.limited(f"claim {job.name}").warn("a scraper cannot be claimed", scraper=job.name, err=error)
            if claim is None:
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            try:
                await claim.work(job.run())
            except Exception as error:
                _log.exception("a scraper failed", error, scraper=job.name)
            await asyncio.sleep(_LOOK_SECONDS)


class Job:
    """One scraper: its targets, each scraped in its own time."""

    def __init__(self, settings: Scraper, discover: Discover, refresh: float, store: LineStore, bodies: Bodies) -> None:
        """refresh: after how many seconds its discoverer is to be asked again at the latest. bodies: the account of
        answers in memory.

        Raises OSError where certificates cannot be used, ValueError where a name is too long.
        """
        self.name = settings.name
        self.key = escape(settings.name)
        self._settings, self._discover, self._refresh = settings, discover, refresh
        from services.gateway.scraping.scraper import TargetScraper  # brings httpx along, 7 MB

        self._scraper = TargetScraper(settings, bodies)
        batching = Batching(_WAITING_SCRAPES, 0.0, _WAITING_SCRAPES)
        self._outlet = Outlet(f"scraper {settings.name}", store, store.subject(settings.db, settings.rp), batching)
        self._targets: dict[Target, asyncio.Task[None]] = {}
        self._scrapes = self._failed = self._samples = self._unwritable = 0

    def start(self) -> None:
        """Be ready to run."""
        self._outlet.start()

    async def stop(self, timeout: float) -> None:
        """What was scraped has so many seconds to be stored."""
        await self._outlet.stop(timeout)
        await self._scraper.aclose()

    def statistic(self) -> Statistic:
        """Counts of this gateway; targetsActive is 0 where another one scrapes."""
        values = {
            "targetsActive": len(self._targets),
            "scrapes": self._scrapes,
            "scrapesFail": self._failed,
            "samplesRx": self._samples,
            "samplesUnwritable": self._unwritable,
            "pointsTx": self._outlet.points,
            "pointsDropped": self._outlet.dropped,
        }
        return "scraper", {"scraper": self.name}, values

    async def run(self) -> None:
        """Scrape until it is cancelled."""
        _log.info("scraping", scraper=self.name)
        try:
            while True:
                self._set(await self._found())
                await asyncio.sleep(min(self._refresh, _REFRESH_SECONDS))
        finally:
            self._set(set())

    async def _found(self) -> set[Target]:
        groups = await _threads.run(self._discover)
        return targets_of(groups, self._settings)

    def _set(self, targets: set[Target]) -> None:
        """Begin with targets that are new, end with those that are gone."""
        for target in self._targets.keys() - targets:
            self._targets.pop(target).cancel()
        for target in targets - self._targets.keys():
            self._targets[target] = asyncio.create_task(self._keep_scraping(target))

    async def _keep_scraping(self, target: Target) -> None:
        interval = self._settings.scrape_interval
        loop = asyncio.get_running_loop()
        at = loop.time() + target.offset(interval)
        while True:
            await asyncio.sleep(at - loop.time())
            try:
                await self._scrape(target)
            except Exception as error:
                _log.exception("a scrape failed", error, scraper=self.name, target=target.url)
            at += interval * max(1, (loop.time() - at) // interval + 1)  # without those that it was too slow for

    async def _scrape(self, target: Target) -> None:
        scraped = await self._scraper.scrape(target)
        self._scrapes += 1
        self._samples += scraped.samples
        self._unwritable += scraped.unwritable
        if scraped.error is not None:
            self._failed += 1
            _log.limited(f"scrape {target.url}", 60.0).warn(
                "cannot scrape", scraper=self.name, target=target.url, err=scraped.error
            )
        if scraped.points:
            self._outlet.put(scraped.body, scraped.points)
