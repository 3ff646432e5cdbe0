"""What every node of a running graph is: it takes messages, gives messages, and can be saved between any two."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from services.engine.column import IntArray, Rows
from services.engine.frame import Barriers, Batches, Frame, Message, Step
from services.engine.series import Group, GroupArray, SeriesTable
from services.pipeline.spec import NodeSpec, Properties

if TYPE_CHECKING:
    from services.engine.effects import Effect
    from services.engine.statistics import NodeStatistics
    from services.engine.task import Surroundings

State = dict[str, Any]
"""A node's state as plain data: None, bool, int, float, str, bytes, list, tuple, dict, numpy arrays."""


class TaskFailed(Exception):
    """Ends the task: executing false, and str() is its error."""


@contextlib.contextmanager
def no_name_too_long(what: str) -> Iterator[None]:
    """For making subjects of the bus: a name that is too long for one ends the task. what: whose name it is."""
    try:
        yield
    except ValueError as e:
        raise TaskFailed(f"{what} {e}") from e


class Context(Protocol):
    """What a node may know of its surroundings."""

    task: str
    node: str  # its name in the graph, "window2"
    table: SeriesTable
    dbrps: frozenset[tuple[str, str]]  # the databases and retention policies that the task reads
    around: Surroundings
    began: int | None  # when the run was begun, by its clock, ns; None: now, as far as anybody knows
    demand: frozenset[str] | None  # the fields that can matter here or below; None: all
    tagless: bool  # what comes has null to the reference where it has no tags
    quiet: bool  # the script said `.quiet()`: errors are not logged
    statistics: NodeStatistics

    @property
    def step(self) -> Step:
        """The one under way."""

    def error(self, reason: str, count: int = 1, group: int | None = None) -> None:
        """Count errors on this node, and log the reason (rate-limited) with task, node and group."""

    def log(self, reason: str, group: int | None = None) -> None:
        """Log as `error` does without counting: where the reference does not count either."""

    def effect(self, effect: Effect) -> None:
        """Have something done outside the graph (an alert published, a post sent) once this step is over."""

    def fail(self, reason: str) -> None:
        """End the task after this step; unlike with TaskFailed, what is emitted in it still flows out."""

    def peer(self, name: str) -> NodeStatistics:
        """The statistics of another node of the same task."""


class Node:
    """A node of a running graph. One subclass a node, in services/engine/nodes.

    How the input was cut into frames must not show in the output: one row at a time or a hundred thousand, same result.
    """

    spec: ClassVar[NodeSpec]
    clocked: ClassVar[bool] = False
    """Whether its ticks are due by the run's clock. Those of the others are due by the wall's, or when something has
    come back from outside."""

    def __init__(self, properties: Any, context: Context) -> None:
        """`properties`: the node's own Properties, filled from the script. Raises TaskFailed where it cannot start."""
        self.properties = properties
        self.context = context

    def run(self, inputs: Sequence[Sequence[Message]]) -> list[Message]:
        """One step: what each parent emitted in it, in order; gives what this node emits.

        Called once a step, if any parent emitted. Nodes with one parent need not override this.
        """
        out: list[Message] = []
        for messages in inputs:
            for message in messages:
                if isinstance(message, Frame):
                    out.extend(self.frame(message))
                elif isinstance(message, Batches):
                    out.extend(self.batches(message))
                else:
                    handle = self.join_barriers if message.for_joins else self.barriers
                    for barriers in message.apart():
                        out.extend(handle(barriers))
        return [m for m in out if not isinstance(m, Frame | Batches) or len(m)]

    def frame(self, frame: Frame) -> Sequence[Message]:
        """Points came. Never called with none."""
        raise NotImplementedError(f"{self.spec.name} takes no stream")

    def batches(self, batches: Batches) -> Sequence[Message]:
        """Batches came. Never called with none."""
        raise NotImplementedError(f"{self.spec.name} takes no batches")

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        """Barriers of one cause came, no group twice. Passed on, behind what the node held back and they set free."""
        return [barriers]

    def join_barriers(self, barriers: Barriers) -> Sequence[Message]:
        """As `barriers`, of those that are only for joins below.

        They must not overtake what the node holds back: a node that does lets go of it first, or keeps them to itself.
        """
        return [barriers]

    def watched(self) -> str | None:
        """The name of another node of the graph whose output `saw` is to be called with; None: of none."""
        return None

    def saw(self, messages: Sequence[Message]) -> None:
        """The node that is watched has emitted these."""

    def timed(self) -> bool:
        """Whether the clock may ever call this node. Asked once, when the task starts."""
        return type(self).next_tick is not Node.next_tick

    def next_tick(self) -> int | None:
        """When (ns) this node wants `tick` called next; None: never. Asked after every step and tick."""
        return None

    def tick(self, now: int) -> Sequence[Message]:
        """The clock has reached what `next_tick` asked for. now: of a clocked node just that time, however late it is.

        A tick that is due comes before all points of the same moment.
        """
        return []

    def soonest(self) -> int | None:
        """How long (ns) after points have come a tick that they cause is due at the earliest; None: they cause none."""
        return None

    def resumed(self, now: int) -> None:
        """The run's clock begins, or goes on behind a pause, at `now`: nothing was observed between its last tick and
        now. For clocked nodes, and all that are below such as have no parents."""

    def unanswered(self) -> bool:
        """Whether it holds something back until an answer comes from outside; a replay waits for that at its end."""
        return False

    def outstanding(self) -> int:
        """How much of what it has handed over is not yet done outside; a replay waits for that at its end."""
        return 0

    def finish(self) -> Sequence[Message]:
        """The task is being disabled or a replay has ended: give what is to be flushed then."""
        return []

    def close(self) -> None:
        """Let go of files, processes and the like."""

    def groups_alive(self) -> int:
        """How many groups this node keeps state for: `working_cardinality` in its statistics."""
        return 0

    def state(self) -> State:
        """Everything that later output depends on. Group and series numbers do not belong here: names do."""
        return {}

    def restore(self, state: State) -> None:
        """Take up a state that `state` gave, perhaps in another process. Called before any run."""


class Groups:
    """A node's own dense numbering of the groups it has seen, so that its state can be arrays indexed by it.

    Local numbers are given by first appearance (ascending by the row that brought the group). Snapshots keep them.
    """

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._local: IntArray = np.full(64, -1, dtype=np.int64)
        self.numbers: list[int] = []
        self._numbers: GroupArray = np.empty(0, dtype=np.int32)  # the same as an array, made when asked for

    def __len__(self) -> int:
        return len(self.numbers)

    def local(self, group: GroupArray) -> IntArray:
        """Local numbers for rows' (or batches') group numbers: int64[n]. New groups are appended."""
        if len(group) == 0:
            return np.empty(0, dtype=np.int64)
        top = int(group.max())
        if top >= len(self._local):
            grown = np.full(max(2 * len(self._local), top + 1), -1, dtype=np.int64)
            grown[: len(self._local)] = self._local
            self._local = grown
        local = self._local[group]
        fresh = np.flatnonzero(local < 0)
        if len(fresh):
            found, first = np.unique(group[fresh], return_index=True)
            for number in found[np.argsort(first, kind="stable")].tolist():
                self._local[number] = len(self.numbers)
                self.numbers.append(number)
            local = self._local[group]
        return local

    def members(self, frame: Frame) -> IntArray:
        """Local numbers of the groups of `frame.by_group()`, in its order: int64[g]. New groups are appended."""
        order = frame.by_group()
        found = self.known(order.groups)
        if (found >= 0).all():
            return found
        self.local(frame.group)
        return self.known(order.groups)

    def known(self, group: GroupArray) -> IntArray:
        """Local numbers as `local` gives them, but -1 for groups not seen yet."""
        out = np.full(len(group), -1, dtype=np.int64)
        inside = group < len(self._local)
        out[inside] = self._local[group[inside]]
        return out

    def global_numbers(self, local: IntArray) -> GroupArray:
        """The table's numbers of some local ones: int32[n]."""
        if len(self._numbers) != len(self.numbers):
            self._numbers = np.array(self.numbers, dtype=np.int32)
        return self._numbers[local]

    def group(self, local: int) -> Group:
        """The group of a local number."""
        return self._table.group(self.numbers[local])

    def told(self, barriers: Barriers) -> Rows | None:
        """Barriers make their groups known as points do. Where they end them: the local numbers of those left."""
        self.local(barriers.group)
        return self.without(barriers.group) if barriers.delete else None

    def without(self, group: GroupArray) -> Rows:
        """The local numbers of all groups but these, ascending: what to `keep` when they are deleted."""
        return np.setdiff1d(np.arange(len(self.numbers), dtype=np.intp), self.known(group))

    def keep(self, locals_: Rows) -> None:
        """Forget all groups but these (ascending local numbers); they are renumbered 0… in that order."""
        kept = [self.numbers[i] for i in locals_.tolist()]
        self._local.fill(-1)
        self.numbers = kept
        self._numbers = np.empty(0, dtype=np.int32)
        self._local[kept] = np.arange(len(kept))

    def state(self) -> list[Any]:
        """The groups by name, in local order."""
        return [[list(map(list, g.tags)), g.name, g.by_name] for g in (self._table.group(n) for n in self.numbers)]

    def restore(self, state: Sequence[Any]) -> None:
        """Take up what `state` gave."""
        numbers = [
            self._table.group_number(Group(tuple((str(k), str(v)) for k, v in tags), name, by_name))
            for tags, name, by_name in state
        ]
        self.numbers = []
        if numbers:
            self.local(np.array(numbers, dtype=np.int32))


__all__ = ["Context", "Groups", "Node", "Properties", "State", "TaskFailed"]
