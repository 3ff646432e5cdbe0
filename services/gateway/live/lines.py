"""Lines of the log of all processes, as they are written."""

from __future__ import annotations

from services.gateway.clients.processes import Processes
from services.gateway.live.feed import Feed
from services.gateway.live.viewer import Viewer, frame


class LineFeed(Feed):
    """For viewers of `logs`: one session, however many look on."""

    def __init__(self, processes: Processes) -> None:
        super().__init__("logs")
        self._processes = processes

    def joined(self, viewer: Viewer) -> None:
        """Nobody is told what was before."""

    def ended(self) -> None:
        """Nothing is kept."""

    async def run(self) -> None:
        with self._processes.session() as session:
            self.works()
            while True:
                lines, left_out = await session.next()
                if left_out:
                    self.tell(frame("lagging", {"dropped": left_out}))
                for pairs, found in zip(lines.pairs, lines.objects, strict=True):
                    viewers = [viewer for viewer in self.viewers if viewer.wanted.takes_line(pairs)]
                    if viewers:
                        event = frame("log", found)
                        for viewer in viewers:
                            viewer.tell(event)
