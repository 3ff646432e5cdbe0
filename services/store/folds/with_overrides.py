"""Another fold over EVENTS with that of the configuration's overrides beside it, in one order."""

from __future__ import annotations

from collections.abc import Callable

from services.bus.events import Event
from services.store.folds import overrides
from services.store.folds.state import State


def with_overrides(fold: Callable[[State, Event], None]) -> Callable[[State, Event], None]:
    """A fold that takes in events of `config` too. Its buckets must be others than those of overrides.py."""

    def both(state: State, event: Event) -> None:
        if event.kind == overrides.KIND:
            overrides.fold(state, event)
        else:
            fold(state, event)

    return both
