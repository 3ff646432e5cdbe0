"""Lets go of series and groups that have not come for long, and that no task keeps anything of.

A worker numbers whatever series it meets. Where they come and go, as those of containers do, it would know more and
more of them. When they have doubled it looks which are in use (services.columns.groups.in_use): for as long as it takes
for half as many again to come, or a minute. What is then found unused is let go of a little at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from services.columns.groups.series import SeriesTable
from services.engine.worker.task_under_way import TaskUnderWay

_LEAST = 20_000  # series and groups below which it is not worth it
_SECONDS = 60.0
_AT_ONCE = 1000  # numbers that are freed one after another: some ms


class Shrinking:
    """Of one worker; `go_on` is called between steps."""

    def __init__(self, table: SeriesTable, tasks: Mapping[str, TaskUnderWay], least: int = _LEAST) -> None:
        """tasks: those of the worker, by id, at any time."""
        self._table, self._tasks, self._least = table, tasks, least
        self._from = least  # how many there are when it begins
        self._under_way: Iterator[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether something is left that waits for nothing but its turn."""
        return self._under_way is not None and not self._gathering

    _gathering = False

    def go_on(self) -> None:
        """Do what is next, for some ms."""
        if self._under_way is None and self._table.in_use >= self._from:
            self._under_way = self._look()
        if self._under_way is not None and next(self._under_way, self) is self:
            self._under_way = None

    def _look(self) -> Iterator[None]:
        table = self._table
        table.begin_look()
        try:
            until, most = time.monotonic() + _SECONDS, table.in_use * 3 // 2
            # a task that comes later has asked for its numbers since
            for running in list(self._tasks.values()):
                if self._tasks.get(running.id) is running:
                    running.run.state()  # which names all that it keeps
                    yield
            self._gathering = True
            while time.monotonic() < until and table.in_use < most:
                yield
            self._gathering = False
            yield from _freed(table.unused_series(), table.free_series)
            yield from _freed(table.unused_groups(), table.free_groups)
        finally:
            self._gathering = False
            table.end_look()
            self._from = max(self._least, 2 * table.in_use)


def _freed(unused: NDArray[np.int64], free: Callable[[NDArray[np.int64]], None]) -> Iterator[None]:
    for at in range(0, len(unused), _AT_ONCE):
        free(unused[at : at + _AT_ONCE])
        yield
