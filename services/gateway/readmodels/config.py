"""The read model of the configuration's overrides."""

from __future__ import annotations

from typing import Self

from schemas.config.overriding import Override
from services.bus.connection import Bus
from services.gateway.readmodels.read_model import ReadModel
from services.store.folds import overrides as override_fold
from services.store.live_config import LiveConfig
from services.store.store import Store


class ConfigReadModel(ReadModel):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store, effective: LiveConfig) -> None:
        """store: where the read model is kept; it has to be open for as long. effective: what follows it."""
        super().__init__(bus, store, override_fold.fold, override_fold.SUBJECTS, "config")
        self._effective = effective
        self.overridable = effective.overridable

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._effective.follow(self._projection)
        return self

    def overrides(self) -> list[Override]:
        """All that is overridden, in the order of the ids."""
        return override_fold.overrides_of(self._state)

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events under this id, 0 where there never was one."""
        return self._state.get(override_fold.LAST, id) or 0
