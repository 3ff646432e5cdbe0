"""When a worker's states are saved and brought to the bus: beside its loop, at most a share of the time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

from services.bus.epochs import Mark
from services.bus.errors import BusError
from services.engine.states.checkpoints import Checkpoints, Sent
from services.engine.worker.task_under_way import TaskUnderWay
from services.process import log as logs
from services.process.cadence import Cadence
from services.runtime.progress.deliveries import Answers, Deliveries
from services.store.errors import StoreError

log = logs.get("engine")

_ALONE_SECONDS = 60.0  # how often a lone worker brings its states to the bus
_ASKED_SECONDS = 30.0
_PAUSE_SECONDS = 5.0  # how long a worker waits for states to be on the bus where others would not know of a pause


class Saving:
    """The saves of one worker. Its tasks are stepped meanwhile: each is saved as it is between two steps."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        tasks: Mapping[str, TaskUnderWay],
        sent: Sent,
        interval: float,
        shared: Callable[[], bool],
        deliveries: Deliveries,
        mark: Callable[[], Mark],
        look: Callable[[], Awaitable[object]],
    ) -> None:
        """tasks: those of the worker, by id, at any time. sent: see Checkpoints.save. interval: seconds between saves.

        shared(): whether other workers live, so that states have to be on the bus too. deliveries: of the same tasks.
        mark(): the last write that was taken from the log. look: looks whether the log has gone back, and has others
        know of the mark; BusError where that fails.
        """
        self._checkpoints, self._tasks, self._sent, self._shared = checkpoints, tasks, sent, shared
        self._deliveries, self._mark, self._look = deliveries, mark, look
        self._answers: Answers = {}  # those that the states hold which were saved last
        self._saving: asyncio.Task[None] | None = None
        self._sharing: asyncio.Task[None] | None = None
        self._saves, self._shares = Cadence(interval), Cadence(interval)
        self._shared_at = time.monotonic()
        self._behind = False
        self._asked: list[asyncio.Future[None]] = []  # who waits until the states are on the bus
        self.after_pause: Callable[[Iterable[TaskUnderWay]], None] = lambda tasks: None
        """Is told, once all is saved `at_once`, which tasks had changed."""

    def behind(self) -> None:
        """The worker begins to read some part of the log that may be long: it is saved soon and often at first."""
        self._behind = True
        for cadence in (self._saves, self._shares):
            cadence.soon()

    def caught_up(self) -> None:
        """All that there is of the log has been taken: that is saved at once."""
        if self._behind:
            self._behind = False
            for cadence in (self._saves, self._shares):
                cadence.now()

    def go_on(self) -> None:
        """Begin what is due."""
        if (self._saving is None or self._saving.done()) and (self._asked or self._saves.due):
            self._saving = asyncio.create_task(self._save_and_share())

    async def at_once(self) -> bool:
        """Save all states, and where there are other workers wait some time for them to be on the bus.

        Whether they are saved.
        """
        changed = [task for task in self._tasks.values() if task.dirty]
        if await self._save(hurried=True) is not None:
            return False
        self.after_pause(changed)
        if self._shared():
            await asyncio.wait([self._begin_sharing()], timeout=_PAUSE_SECONDS)
        return True

    async def ask(self) -> None:
        """Have all states saved and brought to the bus: for whoever begins with them, another worker or a backup.

        BusError or StoreError where that fails, TimeoutError where it takes long.
        """
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        self.go_on()
        async with asyncio.timeout(_ASKED_SECONDS):
            await asked

    async def stop(self) -> None:
        """Begin nothing more, and end what is under way."""
        left = [task for task in (self._saving, self._sharing) if task is not None]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _save_and_share(self) -> None:
        while True:
            asked, self._asked = self._asked, []
            error = await self._save(hurried=bool(asked))
            if error is not None:
                _answer(asked, error)
            # a lone worker's states have to be on the bus as well, if not so often: it may be gone with its disk, or
            # others may come, and a backup is of the bus
            elif asked or (self._may_share() and (self._shared() or self._is_long_ago())):
                self._begin_sharing(asked)
            if not self._asked:
                return

    def _may_share(self) -> bool:
        return self._shares.due and (self._sharing is None or self._sharing.done())

    def _is_long_ago(self) -> bool:
        return time.monotonic() - self._shared_at >= _ALONE_SECONDS

    async def _save(self, hurried: bool) -> Exception | None:
        tasks = (r for r in list(self._tasks.values()) if self._tasks.get(r.id) is r)
        self._saves.begun()
        answers = self._held()
        try:
            await self._checkpoints.save(tasks, self._sent, hurried, self._mark)
        except StoreError as e:
            log.limited("save").error("states cannot be saved", err=e)
            return e
        except Exception as e:
            log.exception("states cannot be saved", e)
            return e
        finally:
            self._saves.done()
        self._answers = answers
        if not self._shared():
            self._deliveries.in_states(answers)
        return None

    def _held(self) -> Answers:
        """The answers that states hold once all are saved that have changed.

        An answer alone does not change a task: it does when its message goes on. Until then no state is saved again.
        """
        held = {**self._answers, **self._deliveries.answers(r.id for r in self._tasks.values() if r.dirty)}
        return {node: held[node] for node in self._deliveries.answers(self._tasks) if node in held}

    def _begin_sharing(self, asked: Iterable[asyncio.Future[None]] = ()) -> asyncio.Task[None]:
        """Bring to the bus what is saved by now, as soon as what is being brought there is."""
        self._sharing = asyncio.create_task(self._share(self._sharing, asked))
        return self._sharing

    async def _share(self, before: asyncio.Task[None] | None, asked: Iterable[asyncio.Future[None]]) -> None:
        if before is not None:
            await before  # which ends with this one where this one is cancelled
        self._shares.begun()
        self._shared_at = time.monotonic()
        error: Exception | None = None
        answers = self._answers
        try:
            await self._look()
            await self._checkpoints.share(list(self._tasks.values()))
            self._deliveries.in_states(answers)
        except BusError as e:
            error = e
            log.warn("states cannot be brought to the bus yet", err=e)
        except Exception as e:
            error = e
            log.exception("states cannot be brought to the bus", e)
        finally:
            self._shares.done()
        _answer(asked, error)


def _answer(asked: Iterable[asyncio.Future[None]], error: Exception | None) -> None:
    """Tell those who have waited, and still do, what has come of it."""
    for one in asked:
        if not one.done():
            one.set_result(None) if error is None else one.set_exception(error)
