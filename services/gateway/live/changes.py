"""Changes of resources, told once this gateway knows them: who reads a resource then sees it changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from services.bus.connection import Bus
from services.bus.streams import EVENTS
from services.bus.subjects import EVENTS as EVENT_SUBJECTS
from services.bus.subjects import parse_event_subject
from services.gateway.access.names import TOKENS
from services.gateway.live.feed import Feed
from services.gateway.live.viewer import Viewer, frame
from services.gateway.operations.paths import BASE
from services.gateway.readmodels.bundle import ReadModels

_UNSEEN = frozenset({"compaction", "load"})
_WHAT: Mapping[str, str] = {
    "defined": "created",
    "defined-dry": "created",
    "changed": "updated",
    "overridden": "updated",
    "reset": "updated",
    "part-started": "started",
    "part-stopped": "stopped",
}
_PATHS: Mapping[str, str] = {"handler": f"{BASE}/alerts/topics", "config": f"{BASE}/config"}
_KNOWN_SECONDS = 10.0  # in which this gateway knows of a change, or tells it all the same


class ChangeFeed(Feed):
    """For viewers of `changes`."""

    def __init__(self, bus: Bus, models: ReadModels) -> None:
        super().__init__()
        self._bus, self._models = bus, models

    def joined(self, viewer: Viewer) -> None:
        """Nobody is told what was before."""

    def ended(self) -> None:
        """Nothing is kept."""

    async def run(self) -> None:
        end = await self._bus.last_sequence(EVENTS)
        async with self._bus.follow(EVENTS, [EVENT_SUBJECTS], end, headers_only=True) as follower:
            while True:
                told: dict[tuple[str, str, str], None] = {}
                for message in await follower.batch():
                    try:
                        kind, id, what = parse_event_subject(message.subject)
                    except ValueError:
                        continue
                    if kind in _UNSEEN or (kind == "user" and id.startswith(TOKENS)):
                        continue
                    await self._known(kind, message.seq)
                    told["task" if kind == "run" else kind, id, _WHAT.get(what, what)] = None
                for kind, id, what in told:
                    self._tell(kind, id, what)

    async def _known(self, kind: str, seq: int) -> None:
        try:
            async with asyncio.timeout(_KNOWN_SECONDS):
                await self._models.reached("task" if kind == "run" else kind, seq)
        except TimeoutError:
            return

    def _tell(self, kind: str, id: str, what: str) -> None:
        shown = {"kind": kind, "id": id, "what": what}
        if kind == "handler":
            topic, _, handler = id.rpartition("/")
            shown |= {"topic": topic, "id": handler}
        event = frame("change", shown)
        path = _PATHS.get(kind, f"{BASE}/{kind}s")
        for viewer in self.viewers:
            if viewer.wanted.may(path):
                viewer.tell(event)
