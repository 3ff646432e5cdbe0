"""A feed: what looks at one thing for all viewers of it, and for nobody while there are none."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from services.bus.errors import BusError
from services.gateway.live.viewer import Viewer, frame
from services.gateway.operations.operation_error import OperationError
from services.process import log as logs

PERIOD_SECONDS = 2.0
"""Between two looks."""
_log = logs.get("gateway")


class Feed(ABC):
    """Runs while it has viewers. What goes wrong is told to them once, and tried again."""

    def __init__(self, what: str = "") -> None:
        """what: viewers are told that this is unavailable, where it is; "": another feed tells them."""
        self._what = what
        self.viewers: set[Viewer] = set()
        self._running: asyncio.Task[None] | None = None
        self._trouble = ""

    def join(self, viewer: Viewer) -> None:
        """One more looks on."""
        self.viewers.add(viewer)
        if self._running is None:
            self._trouble = ""
            self._running = asyncio.create_task(self._keep())
        elif self._trouble and self._what:
            viewer.tell(self._unavailable())
        self.joined(viewer)

    def leave(self, viewer: Viewer) -> None:
        """One looks on no more."""
        self.viewers.discard(viewer)
        if not self.viewers and self._running is not None:
            self._running.cancel()
            self._running = None
            self.ended()

    @abstractmethod
    def joined(self, viewer: Viewer) -> None:
        """Show a viewer what is known already."""

    @abstractmethod
    async def run(self) -> None:
        """Look, and tell the viewers, for ever. Raises BusError and OperationError for what may be otherwise soon."""

    @abstractmethod
    def ended(self) -> None:
        """Forget what will not be true for who comes next."""

    def tell(self, event: bytes) -> None:
        """Tell all viewers."""
        for viewer in self.viewers:
            viewer.tell(event)

    def works(self) -> None:
        """What was in the way is so no more."""
        if self._trouble:
            self._trouble = ""
            if self._what:
                self.tell(frame("available", {"what": self._what}))

    def fails(self, why: str) -> None:
        """Something is in the way."""
        if not self._trouble:
            self._trouble = why
            if self._what:
                self.tell(self._unavailable())

    async def _keep(self) -> None:
        while True:
            try:
                await self.run()
            except (BusError, OperationError) as error:
                self.fails(str(error))
            except Exception as error:
                _log.exception("what viewers are shown cannot be had", error, feed=type(self).__name__)
                self.fails("internal error, see the log")
            await asyncio.sleep(PERIOD_SECONDS)

    def _unavailable(self) -> bytes:
        return frame("unavailable", {"what": self._what, "error": self._trouble})
