"""What every node of a running graph is: it takes messages, gives messages, and can be saved between any two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from services.columns.frame import Barriers, Batches, Frame, Message, Points
from services.columns.groups.keyed_state import Partitioning
from services.columns.groups.series import SeriesTable
from services.columns.snapshot import State
from services.expressions.explained import Explained
from services.pipeline.spec import NodeSpec
from services.runtime.context import Context


class Node:
    """A node of a running graph. One subclass a node, in services/nodes.

    How the input was cut into frames must not show in the output: one row at a time or a hundred thousand, same result.

    Numbers of series and groups that it keeps from one step to the next have to be in its state, by name. Where it
    keeps others, or what it found by numbers, it is one of the `memos` of the table (services.columns.groups.in_use).
    """

    spec: ClassVar[NodeSpec]
    clocked: ClassVar[bool] = False
    """Whether its ticks are due by the run's clock. Those of the others are due by the wall's, or when something has
    come back from outside."""
    not_by_group: ClassVar[str] = ""
    """Why its state cannot be split by group, where that is so: "its points wait for those of all groups"."""

    holds: ClassVar[bool] = False
    """Whether points (or batches) that came in earlier steps come out, or show in what comes out: a window's, a
    join's. Where they came from is then noted for those who ask why."""

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
        """Barriers of one origin came, no group twice. Passed on, behind what the node held back and they set free."""
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

    def set_back(self, now: int) -> None:
        """The wall's clock was set back to `now`. For nodes whose ticks are due by the wall."""

    def has_pending(self) -> bool:
        """Whether it holds something back until an answer comes from outside; a replay waits for that at its end."""
        return False

    def outstanding(self) -> int:
        """How much of what it has handed over is not yet done outside; a replay waits for that at its end."""
        return 0

    async def hold(self) -> None:
        """Begin to do nothing more outside, and wait for what is under way: its state is about to be handed on."""

    def go_on(self) -> None:
        """It was not handed on: what `hold` has stopped goes on."""

    def finish(self) -> Sequence[Message]:
        """The task is being disabled or a replay has ended: give what is to be flushed then."""
        return []

    def close(self) -> None:
        """Let go of files, processes and the like."""

    def groups_alive(self) -> int:
        """How many groups this node keeps state for, which counts against the limits of a task."""
        return 0

    def cardinality(self) -> int:
        """`working_cardinality` in its statistics."""
        return self.groups_alive()

    def explain(self, group: int) -> dict[str, Any]:
        """What it keeps of a group (a number of the table), for people and as JSON has it; {} where that is nothing.

        By readable names: times in RFC 3339, levels by name, held points as services.columns.groups.shown has them.
        """
        return {}

    def explain_point(self, point: Points, group: int) -> dict[str, Explained]:
        """What it asks of the one point of `point`, of this group, that is about to come in: its lambdas by the names
        of their properties, each with its values filled in. Nothing is changed by it."""
        return {}

    def explain_silence(self, before: dict[str, Any], after: dict[str, Any]) -> str:
        """Why nothing came out when something of a group came in, by what `explain` gave of the group before and after.

        "" where nothing but what `explain_point` says can be said.
        """
        return ""

    def state(self) -> State:
        """Everything that later output depends on. Group and series numbers do not belong here: names do."""
        return {}

    def restore(self, state: State) -> None:
        """Take up a state that `state` gave, perhaps in another process. Called before any run."""

    @classmethod
    def split_state(cls, state: State, sharing: Partitioning) -> list[State]:
        """What `state` gave apart by group: of each share a state with which a node of its own can go on.

        What is of no group, such as what waits to be sent, goes with the first share. NotByGroup where something in it
        is of several groups at once. Whoever keeps more than its base class splits that and adds it to the base's.
        """
        return [{} for _ in range(sharing.shares)]

    @classmethod
    def join_states(cls, states: Sequence[State], table: SeriesTable) -> State:
        """What `split_state` gave as one again, or what has become of it since; no group may be in two of them."""
        return {}
