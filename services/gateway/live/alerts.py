"""Changes of alerts' levels, as they come into the log of alerts.

What comes there is only noticed; what it was is asked of alerting, which says it as GET /alerts/history does.
"""

from __future__ import annotations

import asyncio
from typing import Any

from schemas.requests.alerting import MOST_TRANSITIONS
from services.bus.connection import Bus
from services.bus.follow import Follower
from services.bus.streams import ALERTS
from services.bus.subjects import ALERTS as ALERT_SUBJECTS
from services.gateway.clients.alerting import AlertingClient
from services.gateway.live.feed import Feed
from services.gateway.live.viewer import Viewer, frame
from services.gateway.operations.operation_error import OperationError
from services.gateway.queries.transitions.view import show_transition

_GATHER_SECONDS = 0.2  # what comes together is asked for together
_MOST_PAGES = 10  # of changes that come together; of more the latest are told
_LAST = (1 << 63) - 1  # ns
_AGAIN_SECONDS = 1.0

Transition = dict[str, Any]


class AlertFeed(Feed):
    """For viewers of `alerts`."""

    def __init__(self, bus: Bus, alerting: AlertingClient) -> None:
        super().__init__("alerting")
        self._bus, self._alerting = bus, alerting

    def joined(self, viewer: Viewer) -> None:
        """Nobody is told what was before."""

    def ended(self) -> None:
        """Nothing is kept."""

    async def run(self) -> None:
        end = (await self._bus.stream_state(ALERTS)).last_seq
        async with self._bus.follow(ALERTS, [ALERT_SUBJECTS], end, headers_only=True) as follower:
            await self._follow(follower)

    async def _follow(self, follower: Follower) -> None:
        told: set[tuple[Any, ...]] = set()  # of those that were stored when the latest of them was
        while True:
            messages = await follower.batch()
            first, last = messages[0].time_ns, messages[-1].seq
            await asyncio.sleep(_GATHER_SECONDS)
            if follower.buffered:
                last = (await follower.batch())[-1].seq
            found = await self._since(first, last)
            keys = [_key(one) for one in found]
            for one, key in zip(reversed(found), reversed(keys), strict=True):
                if key not in told:
                    self._tell(one)
            told |= set(keys)
            latest = max((one["stored"] for one in found), default=0)
            told = {key for key in told if key[0] >= latest - _OVERLAP_NS}

    async def _since(self, first: int, alert: int) -> list[Transition]:
        """All changes stored since then (ns), the latest first. alert: the message that must be in them."""
        found: list[Transition] = []
        behind: list[int] = []
        for _ in range(_MOST_PAGES):
            page = await self._page(alert, matchers=[], first=first, last=_LAST, behind=behind, limit=MOST_TRANSITIONS)
            found += page["transitions"]
            behind = page["after"]
            if not behind:
                break
        return found

    async def _page(self, alert: int, **question: Any) -> dict[str, Any]:
        """Asked again for as long as alerting does not answer: no change is left out."""
        while True:
            try:
                page = await self._alerting.transitions(alert, **question)
                self.works()
                return page
            except OperationError as error:
                self.fails(str(error))
                await asyncio.sleep(_AGAIN_SECONDS)

    def _tell(self, one: Transition) -> None:
        event = frame("alert", show_transition(one))
        for viewer in self.viewers:
            if viewer.wanted.topic in ("", one["topic"]):
                viewer.tell(event)


_OVERLAP_NS = 10 * 10**9


def _key(one: Transition) -> tuple[Any, ...]:
    return one["stored"], one["topic"], one["id"], one["level"], one["time"]
