"""What this gateway knows of topics' handlers: its fold over EVENTS."""

from __future__ import annotations

from services.bus.connection import Bus
from services.gateway.fold_state import FoldState
from services.store.projections import handlers as fold
from services.store.projections.tasks import Record
from services.store.store import Store


class HandlerState(FoldState):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store) -> None:
        """store: where the fold is kept; it has to be open for as long."""
        super().__init__(bus, store, fold.fold, fold.SUBJECTS, "handlers")

    def get(self, topic: str, id: str) -> Record | None:
        """A handler's record (see services.store.projections.handlers), None where there is no such handler."""
        return fold.handler_of(self._state, topic, id)

    def of(self, topic: str) -> list[Record]:
        """The records of a topic's handlers, in the order of their ids' bytes."""
        return fold.handlers_of(self._state, topic)

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events of `<topic>/<id>`, 0 where there never was one. kind: handler."""
        return self._state.get(fold.LAST, id) or 0

    def counted(self, seq: int) -> bool:
        """Whether an event had an effect, or was left aside because it came too late."""
        return self._state.get(fold.VOID, str(seq)) is None
