"""What all read models of the gateway have in common: each is a projection of EVENTS that is kept in the store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Self

from services.bus.connection import Bus
from services.bus.events import Event, decode
from services.bus.streams import EVENTS
from services.store.compaction import Gone
from services.store.folds.state import State, Stored
from services.store.projection import Projection
from services.store.store import Store

_FOLD_SECONDS = 10.0


class ReadModel(ABC):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(
        self,
        bus: Bus,
        store: Store,
        fold: Callable[[State, Event], None],
        subjects: Sequence[str],
        name: str | None = None,
        forget: Callable[[State, Gone], None] | None = None,
        records: Mapping[str, Stored] = MappingProxyType({}),
    ) -> None:
        """store: where it is kept, under this name; the store has to be open for as long.

        forget, records: see Projection.
        """
        self._bus = bus
        self._subjects = subjects
        self._projection: Projection[Event] = Projection(store, fold, EVENTS, name=name, forget=forget, records=records)

    async def __aenter__(self) -> Self:
        await self._projection.start(self._bus, self._subjects, decode)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._projection.stop()

    @property
    def position(self) -> int:
        """The last event that is in the read model."""
        return self._projection.position

    @abstractmethod
    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events of a kind under this id, 0 where there never was one."""

    def counted(self, seq: int) -> bool:
        """Whether an event had an effect: all have, where each rests on the one before it."""
        return True

    async def reached(self, seq: int) -> None:
        """Wait until the event is in the read model. TimeoutError where that takes far too long."""
        await self._projection.reached(seq, _FOLD_SECONDS)

    async def catch_up(self) -> int:
        """Wait until all is in the read model that the log holds now; gives where that ends.

        TimeoutError where it takes far too long, BusError.
        """
        return await self._projection.caught_up(_FOLD_SECONDS)

    async def caught_up(self) -> None:
        """Wait until all that is in the log now is in the read model. Raises BusError."""
        await self._projection.caught_up()

    @property
    def _state(self) -> State:
        return self._projection.state
