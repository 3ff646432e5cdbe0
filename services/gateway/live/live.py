"""All that can be looked on at, and who looks on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from schemas.api.watching.live import KINDS, USUAL_KINDS
from services.bus.connection import Bus
from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.engine import EngineClient
from services.gateway.clients.heartbeats import LivingWorkers
from services.gateway.clients.processes import Processes
from services.gateway.live.alerts import AlertFeed
from services.gateway.live.changes import ChangeFeed
from services.gateway.live.connection import ConnectionFeed
from services.gateway.live.feed import Feed
from services.gateway.live.figures import Asking
from services.gateway.live.lines import LineFeed
from services.gateway.live.nodes import NodeFeed
from services.gateway.live.overview import OverviewFeed
from services.gateway.live.viewer import Viewer, Wanted
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.paths import BASE, PREVIEW
from services.gateway.readmodels.bundle import ReadModels
from services.gateway.readmodels.scripts.scripts import Scripts

MOST_VIEWERS = 256
"""At one gateway at once."""

PATHS: Mapping[str, str] = {
    "overview": f"{BASE}/debug/vars",
    "tasks": f"{BASE}/tasks",
    "alerts": f"{BASE}/alerts/history",
    "changes": f"{BASE}/live",
    "logs": f"{PREVIEW}/logs",
    "node-stats": f"{BASE}/tasks",
}
"""What says the same when it is asked for once: who may read that may look on. Of changes each is judged by itself."""


class Live:
    """The viewers of one gateway."""

    def __init__(
        self,
        bus: Bus,
        processes: Processes,
        engine: EngineClient,
        alerting: AlertingClient,
        models: ReadModels,
        scripts: Scripts,
        living: LivingWorkers,
    ) -> None:
        overview = OverviewFeed(bus, Asking(bus, processes, engine, alerting, living), models.tasks)
        self._tasks = models.tasks
        self._feeds: Mapping[str, Feed] = {
            "overview": overview,
            "tasks": overview,
            "alerts": AlertFeed(bus, alerting),
            "changes": ChangeFeed(bus, models),
            "logs": LineFeed(processes),
            "node-stats": NodeFeed(bus, engine, models.tasks, scripts),
        }
        self._connection = ConnectionFeed(bus)
        self._viewers: set[Viewer] = set()
        models.users.on_change(self._user_changed)

    def check(self, wanted: Wanted) -> Wanted:
        """What a viewer is shown of what they want. Raises OperationError: 400, 403, 404, 503."""
        given = wanted.kinds or frozenset(USUAL_KINDS)
        allowed = frozenset(kind for kind in given if wanted.may(PATHS[kind]))
        refused = sorted(given - allowed, key=KINDS.index)
        if refused and (wanted.kinds or not allowed):
            raise OperationError(403, f"kinds: {refused[0]} may not be read by this user")
        if "node-stats" in given:
            if not wanted.task:
                raise OperationError(400, "task: node-stats are of one task, which has to be named")
            if self._tasks.get(wanted.task) is None:
                raise OperationError(404, "no task exists")
        if len(self._viewers) >= MOST_VIEWERS:
            raise OperationError(503, f"{MOST_VIEWERS} viewers look on live: no more at once")
        return Wanted(allowed, wanted.task, wanted.topic, wanted.level, wanted.may)

    @contextlib.contextmanager
    def viewer(self, wanted: Wanted) -> Iterator[Viewer]:
        """Somebody looks on for as long as it is entered. wanted: as `check` gave it."""
        viewer = Viewer(wanted)
        feeds = {self._connection, *(self._feeds[kind] for kind in wanted.kinds)}
        self._viewers.add(viewer)
        for feed in feeds:
            feed.join(viewer)
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)
            for feed in feeds:
                feed.leave(viewer)

    def _user_changed(self, name: str) -> None:
        """Viewers are to look whether they may go on."""
        for viewer in self._viewers:
            viewer.doubt()
