"""When a batch query is asked: at regular intervals, or by cron."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.columns.times import round_half_up, truncate
from services.nodes.scheduling.cron import Cron

SHORTEST = 10**6
"""ns between ticks: what ticks more often has a worker do nothing else."""
_SECOND = 10**9


def check_interval(name: str, interval: int) -> None:
    """ValueError for one that is shorter than any may be. 0 stands for none."""
    if 0 < interval < SHORTEST:
        raise ValueError(f"{name} must be at least 1ms")


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


def schedule_of(every: int, cron: str, align: bool) -> Schedule:
    """By what a node says of it. ValueError, in the reference's words, where that makes no sense."""
    if every and cron:
        raise ValueError("must not set both 'every' and 'cron' properties")
    if every < 0:
        raise ValueError("'every' duration must must non-negative")
    if cron:
        return ByCron(cron)
    check_interval("every", every)
    if not every:
        raise ValueError("must define one of 'every' or 'cron'")
    return Every(every, align)


def ticks(schedule: Schedule, offset: int, start: int, stop: int, now: int) -> Iterator[int]:
    """The ticks behind `start` up to `stop`, as far as what they ask for, which ends so long before, is over by `now`;
    all ns."""
    tick = schedule.next(start)
    while tick is not None and tick <= stop and tick - offset <= now:
        yield tick
        tick = schedule.next(tick)
