"""When the directory is loaded: when the gateway starts, and whenever it is asked for; by one gateway at a time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType

from schemas.config import Config
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.leases.claims import Claim
from services.gateway.access.audit import Caller, calling
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.tasks import TaskCommands
from services.gateway.commands.templates import TemplateCommands
from services.gateway.load.applying import Applying, Commands, LoadOutcome
from services.gateway.load.declarations import Complaint, DirectoryContents
from services.gateway.load.files import Unreadable
from services.gateway.load.pausing import Pausing
from services.gateway.load.read_model import LoadReadModel
from services.gateway.load.reading import read_directory
from services.gateway.load.report import Report, write_to_log
from services.gateway.load.starting import started
from services.gateway.operations.operation_error import OperationError
from services.gateway.readmodels.scripts.scripts import Scripts
from services.gateway.readmodels.tasks import TaskReadModel
from services.process import log as logs
from services.process.machine import this_machine
from services.process.pools import Pool
from services.store.store import Store

CLAIMS = "tickbus-load"
"""The bucket for the one claim there is."""

_CLAIM = "load"
_LOOK_SECONDS = 0.5
_RETRY_SECONDS = (1.0, 30.0)
_FIRST_SECONDS = 5.0
_threads = Pool("load", 1)
_log = logs.get("load")


class Loader:
    """Use as an async context manager: it begins with a load, and ends with what is under way.

    A load that the bus interrupts is tried again, after a delay that doubles up to half a minute. `errors`: how many
    there were since the start.
    """

    def __init__(
        self,
        config: Config,
        bus: Bus,
        store: Store,
        disk: NatsDisk,
        state: TaskReadModel,
        scripts: Scripts,
        tasks: TaskCommands,
        templates: TemplateCommands,
        commands: Mapping[str, Commands],
    ) -> None:
        """store: where what was declared is kept; it has to be open for as long. commands: by kind."""
        self.errors = 0
        self.last: Report | None = None
        self.enabled = config.load.enabled
        self._directory = Path(config.load.dir)
        self._replicas = config.nats.replicas
        self._name = f"{this_machine() or socket.gethostname()} {store.path}"
        self._bus, self._state, self._scripts = bus, state, scripts
        self._tasks, self._templates = tasks, templates
        self._commands = commands
        self._read_model = LoadReadModel(bus, store, disk)
        self._waiting: list[asyncio.Future[Report]] = []
        self._wanted, self._applied = asyncio.Event(), asyncio.Event()
        self._working: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Loader:
        if self.enabled:
            await self._read_model.__aenter__()
            self._wanted.set()
            self._working.append(asyncio.create_task(self._work()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._working:
            task.cancel()
        if self._working:
            await asyncio.wait(self._working)
        if self.enabled:
            await self._read_model.__aexit__(kind, error, trace)
        for waiting in self._waiting:
            waiting.cancel()

    def when_loaded(self, then: Callable[[], None]) -> None:
        """Call once everything is there that the first load makes, or when that has taken a few seconds."""

        async def call() -> None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FIRST_SECONDS):
                    await self._applied.wait()
            then()

        if self.enabled:
            self._working.append(asyncio.create_task(call()))
        else:
            then()

    def request(self) -> None:
        """Have the directory loaded; after the load that is under way, if there is one."""
        self._wanted.set()

    async def load(self) -> Report:
        """Have the directory loaded, and wait for it."""
        report: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        self._waiting.append(report)
        self.request()
        return await report

    async def _work(self) -> None:
        shortest, longest = _RETRY_SECONDS
        delay = shortest
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            waiting, self._waiting = self._waiting, []
            report = await self._loaded()
            for one in waiting:
                if not one.done():
                    one.set_result(report)
            if report.interrupted:
                asyncio.get_running_loop().call_later(delay, self._wanted.set)
            delay = min(delay * 2, longest) if report.interrupted else shortest

    async def _loaded(self) -> Report:
        """One load; whatever goes wrong, there is another one."""
        clock, began = time.monotonic(), time.time_ns()
        try:
            report = await self._load(began)
        except (BusError, OperationError, TimeoutError) as error:
            report = Report(str(self._directory), began, interrupted=str(error) or "the bus does not answer")
        except Exception as error:
            _log.exception("load failed", error, dir=self._directory)
            report = Report(str(self._directory), began, complaints=(Complaint("", repr(error)),))
        self._applied.set()
        write_to_log(report, time.monotonic() - clock)
        self.errors += report.errors
        self.last = report
        return report

    async def _load(self, began: int) -> Report:
        async with self._alone() as claim:
            try:
                reading = await _threads.run(read_directory, self._directory)
            except Unreadable as error:
                # What was loaded stays as it is: where nothing can be read, nothing was taken away.
                return Report(str(self._directory), began, complaints=(Complaint("", str(error)),))
            with calling(Caller(via="load directory")) as by:
                outcome = await self._apply(reading, claim)
            if by.events:
                by.wrote(f"load {self._directory}")
        self._applied.set()
        waiting = await started(self._state, reading, outcome)
        complaints = sorted(outcome.complaints, key=lambda one: (one.file, one.line, one.column))
        return Report(
            str(self._directory),
            began,
            len(outcome.changed),
            outcome.unchanged,
            outcome.removed,
            waiting,
            tuple(complaints),
            outcome.interrupted,
        )

    async def _apply(self, reading: DirectoryContents, claim: Claim) -> LoadOutcome:
        # Another gateway may have loaded since this one last looked.
        await self._read_model.reached(await self._bus.last_subject_sequence("tickbus.event.load.>"))
        pausing = Pausing(self._state, self._scripts, self._tasks, self._read_model)
        return await Applying(
            self._commands, self._templates, self._read_model, pausing, reading, lambda: claim.held
        ).apply()

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[Claim]:
        """As the one gateway that loads. Raises BusError."""
        bucket = await self._bus.bucket(CLAIMS, replicas=self._replicas)
        while (claim := await Claim.take(bucket, _CLAIM, self._name)) is None:
            await asyncio.sleep(_LOOK_SECONDS)
        async with claim.kept():
            yield claim
