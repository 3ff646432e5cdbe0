"""What this gateway knows of the configuration's overrides: its fold over EVENTS."""

from __future__ import annotations

from types import TracebackType

from schemas.config.overriding import Override
from services.bus.connection import Bus
from services.bus.events import Event, decode
from services.bus.streams import EVENTS
from services.store.effective import Effective
from services.store.projection import Projection
from services.store.projections import overrides as fold
from services.store.store import Store

_FOLD_SECONDS = 10.0


class ConfigState:
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store, effective: Effective) -> None:
        """store: where the fold is kept; it has to be open for as long. effective: what follows the fold."""
        self._bus = bus
        self._projection: Projection[Event] = Projection(store, fold.fold, EVENTS, name="config")
        self._effective = effective
        self.overridable = effective.overridable

    async def __aenter__(self) -> ConfigState:
        await self._projection.start(self._bus, fold.SUBJECTS, decode)
        self._effective.follow(self._projection)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._projection.stop()

    @property
    def position(self) -> int:
        """The last event that is in the fold."""
        return self._projection.position

    def overrides(self) -> list[Override]:
        """All that is overridden, in the order of the ids."""
        return fold.overrides_of(self._projection.state)

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events under this id, 0 where there never was one."""
        return self._projection.state.get(fold.LAST, id) or 0

    def counted(self, seq: int) -> bool:
        """Whether an event had an effect: all have, since each rests on the one before it."""
        return True

    async def reached(self, seq: int) -> None:
        """Wait until the event is in the fold. TimeoutError where that takes far too long."""
        await self._projection.reached(seq, _FOLD_SECONDS)
