"""Looking on while a task's nodes work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.columns.frame import Message


class Observer(Protocol):
    """Told of what nodes take in and give, by their numbers in the topological order of the graph (`TaskRun.nodes`).

    It may look at a node's state before (`enters`) and after (`leaves`) the node has worked; `TaskRun.current` is the
    step. A node that waits for something outside leaves in a later call, a node that the clock sets off does not enter.
    """

    def enters(self, node: int, inputs: Sequence[Sequence[Message]]) -> None:
        """What each parent has emitted is about to go into a node."""

    def leaves(self, node: int, messages: Sequence[Message]) -> None:
        """What a node has emitted of that, or by the clock; nothing where it has emitted nothing."""
