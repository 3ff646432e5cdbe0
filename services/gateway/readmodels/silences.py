"""The read model of silences."""

from __future__ import annotations

from services.bus.connection import Bus
from services.gateway.readmodels.read_model import ReadModel
from services.store.folds import silences as silence_fold
from services.store.folds.silences import SilenceRecord
from services.store.store import Store


class SilenceReadModel(ReadModel):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store) -> None:
        """store: where the read model is kept; it has to be open for as long."""
        super().__init__(bus, store, silence_fold.fold, silence_fold.SUBJECTS, "silences", records=silence_fold.RECORDS)

    def get(self, id: str) -> SilenceRecord | None:
        """A silence's record (see services.store.folds.silences), None where there is no such silence."""
        return silence_fold.silence_of(self._state, id)

    def all(self) -> list[SilenceRecord]:
        """All of them, the one that ends last first."""
        return sorted(silence_fold.silences(self._state), key=lambda one: (-one.end, one.id.encode()))

    def lasting(self, time_ns: int) -> int:
        """How many are not over at this time."""
        return sum(one.end > time_ns for one in silence_fold.silences(self._state))

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events under this id, 0 where there never was one."""
        return self._state.get(silence_fold.LAST, id) or 0
