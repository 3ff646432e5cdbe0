"""What this gateway knows of the configuration's overrides: its fold over EVENTS."""

from __future__ import annotations

from typing import Self

from schemas.config.overriding import Override
from services.bus.connection import Bus
from services.gateway.fold_state import FoldState
from services.store.effective import Effective
from services.store.projections import overrides as fold
from services.store.store import Store


class ConfigState(FoldState):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store, effective: Effective) -> None:
        """store: where the fold is kept; it has to be open for as long. effective: what follows the fold."""
        super().__init__(bus, store, fold.fold, fold.SUBJECTS, "config")
        self._effective = effective
        self.overridable = effective.overridable

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._effective.follow(self._projection)
        return self

    def overrides(self) -> list[Override]:
        """All that is overridden, in the order of the ids."""
        return fold.overrides_of(self._state)

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events under this id, 0 where there never was one."""
        return self._state.get(fold.LAST, id) or 0
