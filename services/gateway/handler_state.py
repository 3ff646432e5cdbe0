"""What this gateway knows of topics' handlers: its fold over EVENTS."""

from __future__ import annotations

from types import TracebackType

from services.bus.connection import Bus
from services.bus.events import Event, decode
from services.bus.streams import EVENTS
from services.store.projection import Projection
from services.store.projections import handlers as fold
from services.store.projections.tasks import Record
from services.store.store import Store

_FOLD_SECONDS = 10.0


class HandlerState:
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store) -> None:
        """store: where the fold is kept; it has to be open for as long."""
        self._bus = bus
        self._projection: Projection[Event] = Projection(store, fold.fold, EVENTS, name="handlers")

    async def __aenter__(self) -> HandlerState:
        await self._projection.start(self._bus, fold.SUBJECTS, decode)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._projection.stop()

    @property
    def position(self) -> int:
        """The last event that is in the fold."""
        return self._projection.position

    def get(self, topic: str, id: str) -> Record | None:
        """A handler's record (see services.store.projections.handlers), None where there is no such handler."""
        return fold.handler_of(self._projection.state, topic, id)

    def of(self, topic: str) -> list[Record]:
        """The records of a topic's handlers, in the order of their ids' bytes."""
        return fold.handlers_of(self._projection.state, topic)

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events of `<topic>/<id>`, 0 where there never was one. kind: handler."""
        return self._projection.state.get(fold.LAST, id) or 0

    def counted(self, seq: int) -> bool:
        """Whether an event had an effect, or was left aside because it came too late."""
        return self._projection.state.get(fold.VOID, str(seq)) is None

    async def reached(self, seq: int) -> None:
        """Wait until the event is in the fold. TimeoutError where that takes far too long."""
        await self._projection.reached(seq, _FOLD_SECONDS)
