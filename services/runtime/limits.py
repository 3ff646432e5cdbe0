"""How much a task may keep, so that one of them cannot take the memory of all."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from services.runtime.footprint import footprint

_LOOK_EVERY = 1.0  # seconds between two looks at the memory of one task …
_SHARE = 100  # … and between two looks at any so many times what the last took
_AT_ONCE = 4  # a node may make a fourth of the groups that a task may have out of what comes to it at once
_MIB = 1 << 20


class _Node(Protocol):
    def groups_alive(self) -> int: ...


class _Run(Protocol):
    @property
    def groups(self) -> int: ...


NamedNodes = Sequence[tuple[str, _Node]]
R = TypeVar("R", bound=_Run)


class TaskLimits:
    """What all tasks of a process are held to. 0 in any of these is no limit."""

    def __init__(self, memory: int = 0, groups: int = 0, groups_in_all: int = 0) -> None:
        """memory: bytes of a task's state. groups: of a task; groups_in_all: of all tasks together."""
        self._memory, self._groups, self._in_all = memory, groups, groups_in_all
        self.room: float = max(groups // _AT_ONCE, 1) if groups else math.inf
        """How many series and groups a node may make out of what comes to it at once."""
        self._next = 0.0  # when to look at memory again, by the monotonic clock

    def times(self, parts: int) -> TaskLimits:
        """For a task that was held to these in each of so many parts, and is whole now."""
        return self if parts == 1 else TaskLimits(self._memory * parts, self._groups * parts, self._in_all)

    def of_series(self) -> str:
        """Why a task fails that makes more at once than there is room for."""
        return f"it makes more than {self.room:.0f} series and groups at once: a fourth of max-groups in [engine]"

    def exceeded(self, nodes: NamedNodes, looked: float) -> tuple[str | None, float]:
        """Why a task can go no further, None where it can; and when its memory was last looked at.

        nodes: the task's, by name. looked: what this gave for the task before, 0 at first. Groups are counted each
        time, memory is estimated now and then.
        """
        if self._groups:
            for name, node in nodes:
                if (alive := node.groups_alive()) > self._groups:
                    return f"{name}: it keeps {alive} groups, more than the {self._groups} of max-groups in [engine]", 0
        if not self._memory:
            return None, looked
        now = time.monotonic()
        if now < self._next or now - looked < _LOOK_EVERY:
            return None, looked
        sizes = {name: footprint(node) for name, node in nodes}
        self._next = time.monotonic() + _SHARE * (time.monotonic() - now)
        total = sum(sizes.values())
        if total <= self._memory:
            return None, now
        most = max(sizes, key=sizes.__getitem__)
        return (
            f"it keeps about {total // _MIB} MiB, more than the {self._memory // _MIB} of task-memory in [engine]; "
            f"{most} keeps {sizes[most] // _MIB} of them",
            now,
        )

    def largest(self, runs: Iterable[R]) -> tuple[R, str] | None:
        """Where all tasks together have too many groups, the one that has most, and why it ends; else None."""
        if not self._in_all:
            return None
        counts = {run: run.groups for run in runs}
        total = sum(counts.values())
        if total <= self._in_all:
            return None
        run = max(counts, key=counts.__getitem__)
        return run, (
            f"it keeps {counts[run]} groups, the most of all tasks of this worker, which keep {total} together, more "
            f"than the {self._in_all} of max-groups-in-all in [engine]"
        )


UNLIMITED = TaskLimits()
