"""Lets go of series and groups that have not come for long, and that no task keeps anything of.

A worker numbers whatever series it meets. Where they come and go, as those of containers do, it would know more and
more of them. When there are half as many again it looks which are in use (services.columns.groups.in_use), for a minute
or, where many come, until there are an eighth more. What is then found unused is let go of a little at a time, faster
than others come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from services.columns.groups.series import SeriesTable
from services.process import log as logs

log = logs.get("engine")

LEAST = 20_000
"""Series and groups, below which it is not worth it."""
_SECONDS, _MORE = 60.0, 8
_AT_ONCE = 2500  # numbers that are freed one after another: some ms
_TURN, _LONG_TURN = 0.01, 0.03  # seconds of CPU time; the longer where many have come
_FASTER = 8  # times as many are freed as have come meanwhile, so that it does not fall behind


class Shrinking:
    """Of one table; `go_on` is called between steps.

    busy: whether something is left that waits for nothing but its turn.
    """

    def __init__(self, table: SeriesTable, least: int = LEAST) -> None:
        self._table, self._least = table, least
        self._from = least  # how many there are when it begins
        self._under_way: Iterator[bool] | None = None
        self._given = 0  # numbers that had been given before this turn
        self._freed = 0  # numbers that were looked at to be freed
        self._freeing = self.busy = False

    def go_on(self) -> None:
        """Do what is next, for some ms; longer only where thousands of series have come since."""
        come, self._given = self._table.given - self._given, self._table.given
        if self._under_way is None:
            if self._table.in_use < self._from:
                return
            self._under_way = self._look()
        began, least = time.thread_time(), self._freed + _FASTER * come
        self.busy = True
        try:
            while self.busy:
                self.busy = next(self._under_way, False)
                behind = self._freeing and self._freed < least
                if time.thread_time() - began >= (_LONG_TURN if behind else _TURN):
                    break
        except Exception as e:  # without it the worker takes more memory, and nothing else
            log.exception("it cannot be told which series are in use", e)
            self.busy = False
        if not self._table.looking:
            self._under_way = None

    def _look(self) -> Iterator[bool]:
        """Gives, between two steps of it, whether the next can be taken at once."""
        table = self._table
        table.begin_look()
        try:
            until, most = time.monotonic() + _SECONDS, table.in_use + table.in_use // _MORE
            asked = list(table.keepers)
            while asked:
                keeper = asked.pop()
                if keeper in table.keepers:
                    keeper.state()
                yield True
            while time.monotonic() < until and table.in_use < most:
                yield False
            before, self._freeing = table.in_use, True
            yield from self._free(table.unused_series(), table.free_series)
            yield from self._free(table.unused_groups(), table.free_groups)
            log.debug("series and groups that come no more are let go of", before=before, left=table.in_use)
        finally:
            self._freeing = False
            table.end_look()
            self._from = max(self._least, table.in_use * 3 // 2)

    def _free(self, unused: NDArray[np.int64], free: Callable[[NDArray[np.int64]], None]) -> Iterator[bool]:
        for at in range(0, len(unused), _AT_ONCE):
            free(unused[at : at + _AT_ONCE])
            self._freed += _AT_ONCE
            yield True
