"""Which traces and backtests are dropped by and by: nobody may ever come back for what they have found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from services.store.folds.inspections import InspectionRecord

MOST = 100
"""How many of a kind are kept that have ended, the last ones."""
LONGEST_NS = 7 * 86400 * 10**9
"""For how long one is kept that has ended."""


def surplus(records: Iterable[InspectionRecord], now: int) -> Iterator[InspectionRecord]:
    """Of all of one kind, those that are to be deleted. now: ns since 1970."""
    over = sorted((one for one in records if one.status != "running"), key=lambda one: one.ended, reverse=True)
    yield from (one for number, one in enumerate(over) if number >= MOST or now - one.ended > LONGEST_NS)
