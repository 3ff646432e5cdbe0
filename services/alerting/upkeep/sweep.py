"""Topics that go with what they belong to: those of a deleted task, and those of a replay that has ended."""

from __future__ import annotations

import asyncio

from services.alerting.delivery.dispatch import Dispatcher
from services.alerting.folded_log import FoldedLog
from services.alerting.state_store import AlertStateStore
from services.alerting.topics.runs import Runs
from services.alerting.topics.topic import owner_of
from services.alerting.topics.topics import Topics
from services.alerting.topics.view import View
from services.alerting.upkeep.background import BackgroundTasks
from services.alerting.upkeep.endings import Endings
from services.bus.errors import BusError
from services.process import log as logs

_log = logs.get("alerting")

_PAUSE = 0.2


class Sweep:
    """Forgets topics that nobody can see any more."""

    def __init__(
        self,
        log: FoldedLog,
        topics: Topics,
        runs: Runs,
        endings: Endings,
        dispatcher: Dispatcher,
        state_store: AlertStateStore,
        background: BackgroundTasks,
    ) -> None:
        self._log, self._topics, self._runs, self._endings = log, topics, runs, endings
        self._view = View(topics, runs)
        self._dispatcher, self._state_store, self._background = dispatcher, state_store, background

    def all(self) -> None:
        """Forget the topics of all deleted tasks, as far as they may go."""
        for name in list(self._topics.by_name):
            self._sweep(name)

    def begin(self, owner: str) -> None:
        """Something has become known of a task or of one that runs in a replay: forget its topics if they may go."""
        if not self._runs.deleted(owner):
            return
        if ":" in owner:
            self._background.begin(self._after_replay(owner))
            return
        for name in [name for name in self._topics.by_name if name.startswith(f"main:{owner}:")]:
            self._sweep(name)

    async def _after_replay(self, owner: str) -> None:
        """Forget the topics of a replay once all that it has sent is folded."""
        while True:
            try:
                await self._log.caught_up()
                break
            except BusError as error:
                _log.warn("the log of alerts cannot be asked yet", err=error)
                await asyncio.sleep(_PAUSE)
        if not self._runs.open(owner):
            self._dispatcher.forget(owner)
            for topic in self._topics.drop_owner(owner):
                self._state_store.touched(topic)

    def _sweep(self, name: str) -> None:
        """Forget a topic whose task was deleted, once its alerts have ended where they are to."""
        if self._view.alive(name) is None and not self._endings.pending(owner_of(name)):
            for topic in self._topics.drop(name):
                self._state_store.touched(topic)
