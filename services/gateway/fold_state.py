"""A fold over EVENTS that the gateway keeps: what all of them have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from services.bus.connection import Bus
from services.bus.events import Event, decode
from services.bus.streams import EVENTS
from services.store.projection import Projection, State
from services.store.store import Store

_FOLD_SECONDS = 10.0


class FoldState:
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(
        self,
        bus: Bus,
        store: Store,
        fold: Callable[[State, Event], None],
        subjects: Sequence[str],
        name: str | None = None,
    ) -> None:
        """store: where the fold is kept, under this name; it has to be open for as long."""
        self._bus = bus
        self._subjects = subjects
        self._projection: Projection[Event] = Projection(store, fold, EVENTS, name=name)

    async def __aenter__(self) -> Self:
        await self._projection.start(self._bus, self._subjects, decode)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._projection.stop()

    @property
    def position(self) -> int:
        """The last event that is in the fold."""
        return self._projection.position

    def counted(self, seq: int) -> bool:
        """Whether an event had an effect: all have, where each rests on the one before it."""
        return True

    async def reached(self, seq: int) -> None:
        """Wait until the event is in the fold. TimeoutError where that takes far too long."""
        await self._projection.reached(seq, _FOLD_SECONDS)

    @property
    def _state(self) -> State:
        return self._projection.state
