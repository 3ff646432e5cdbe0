"""Another fold over EVENTS with that of the configuration's overrides beside it, in one order."""

from __future__ import annotations

from collections.abc import Callable

from services.store.projection import State
from services.store.projections import overrides
from services.store.projections.tasks import Fact


def with_overrides(fold: Callable[[State, Fact], None]) -> Callable[[State, Fact], None]:
    """A fold that takes in events of `config` too. Its buckets must be others than those of overrides.py."""

    def both(state: State, fact: Fact) -> None:
        if fact.kind == overrides.KIND:
            overrides.fold(state, fact)
        else:
            fold(state, fact)

    return both
