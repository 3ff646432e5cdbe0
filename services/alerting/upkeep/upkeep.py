"""What alerting sees to by itself when runs, tasks and handlers change: marks, releases, endings, topics that go."""

from __future__ import annotations

from services.alerting.delivery.dispatch import Dispatcher
from services.alerting.folded_log import FoldedLog
from services.alerting.projection import AlertingProjection
from services.alerting.state_store import AlertStateStore
from services.alerting.topics.inhibitors import Inhibitors
from services.alerting.topics.topics import Topics
from services.alerting.upkeep.background import BackgroundTasks
from services.alerting.upkeep.endings import Endings
from services.alerting.upkeep.marks import Marks
from services.alerting.upkeep.releases import Releases
from services.alerting.upkeep.sweep import Sweep
from services.bus.connection import Bus


class Upkeep:
    """Nothing of it is written down: what is left to be done follows from what there is, whenever it begins."""

    def __init__(
        self,
        bus: Bus,
        log: FoldedLog,
        projection: AlertingProjection,
        topics: Topics,
        inhibitors: Inhibitors,
        dispatcher: Dispatcher,
        state_store: AlertStateStore,
    ) -> None:
        self._projection, self._inhibitors = projection, inhibitors
        self._background = background = BackgroundTasks()
        self.endings = Endings(bus, log, topics, projection.runs, background, self._run_changed)
        self.releases = Releases(bus, log, projection, inhibitors, background)
        self._marks = Marks(bus, log, projection.handlers, topics, background)
        self._sweep = Sweep(log, topics, projection.runs, self.endings, dispatcher, state_store, background)

    def begin(self) -> None:
        """See to all that is due, from now on whenever something changes. ALERTS has been folded to its end."""
        for task in self._projection.runs.tasks():
            self.endings.begin(task)
        self._sweep.all()
        self._projection.on_change(self._run_changed, self._marks.begin)
        for topic in self._projection.handlers.topics():
            self._marks.begin(topic)
        for owner in self._inhibitors.owners():
            self.releases.begin(owner)

    async def stop(self) -> None:
        """Break off what is under way."""
        await self._background.stop()

    def _run_changed(self, task: str) -> None:
        self.releases.begin(task)
        self.endings.begin(task)
        self._sweep.begin(task)
