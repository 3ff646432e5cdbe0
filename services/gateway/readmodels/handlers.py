"""The read model of topics' handlers."""

from __future__ import annotations

from services.bus.connection import Bus
from services.gateway.readmodels.read_model import ReadModel
from services.store.folds import handlers as handler_fold
from services.store.folds.handlers import HandlerRecord
from services.store.store import Store


class HandlerReadModel(ReadModel):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store) -> None:
        """store: where the read model is kept; it has to be open for as long."""
        super().__init__(bus, store, handler_fold.fold, handler_fold.SUBJECTS, "handlers", records=handler_fold.RECORDS)

    def get(self, topic: str, id: str) -> HandlerRecord | None:
        """A handler's record (see services.store.folds.handlers), None where there is no such handler."""
        return handler_fold.handler_of(self._state, topic, id)

    def of(self, topic: str) -> list[HandlerRecord]:
        """The records of a topic's handlers, in the order of their ids' bytes."""
        return handler_fold.handlers_of(self._state, topic)

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events of `<topic>/<id>`, 0 where there never was one. kind: handler."""
        return self._state.get(handler_fold.LAST, id) or 0

    def counted(self, seq: int) -> bool:
        """Whether an event had an effect, or was left aside because it came too late."""
        return self._state.get(handler_fold.VOID, str(seq)) is None
