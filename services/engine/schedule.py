"""When a batch query is asked: at regular intervals, or by cron."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.engine.cron import Cron
from services.engine.times import round_half_up, truncate

_SECOND = 10**9


class Schedule(Protocol):
    """Ticks, as times in ns since 1970."""

    def first(self, start: int) -> int | None:
        """The first tick of a task that starts; None: there is none."""

    def next(self, tick: int) -> int | None:
        """The tick that follows a tick (or, in a recording, the time at which that begins); None: there is none."""

    def after(self, tick: int, time: int) -> int | None:
        """The first tick behind `time` of those that follow a tick."""


@dataclass(frozen=True, slots=True)
class Every:
    """Every so many ns from the start on; `align`: at multiples of it."""

    every: int
    align: bool = False

    def first(self, start: int) -> int:
        return truncate(start, self.every) + self.every if self.align else start + self.every

    def next(self, tick: int) -> int:
        return round_half_up(tick + self.every, self.every) if self.align else tick + self.every

    def after(self, tick: int, time: int) -> int:
        return tick + max((time - tick) // self.every + 1, 1) * self.every


class ByCron:
    """By a cron expression, on this machine's clock."""

    def __init__(self, expression: str) -> None:
        """ValueError, in the reference's words, where it cannot be read."""
        self._cron = Cron(expression)

    def first(self, start: int) -> int | None:
        return self.next(start)

    def next(self, tick: int) -> int | None:
        # The clock on the wall without a zone: where it is set back, one hour's ticks are not asked twice.
        found = self._cron.next(datetime.fromtimestamp(tick // _SECOND))
        if found is None:
            return None
        time = int(found.timestamp()) * _SECOND
        return time if time > tick else self.next(tick + 3600 * _SECOND)

    def after(self, tick: int, time: int) -> int | None:
        return self.next(max(tick, time))
