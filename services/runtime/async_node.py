"""Nodes whose work is done outside of the engine: what they are given goes out, and what it comes to returns later."""

from __future__ import annotations

from collections.abc import Callable

from services.columns.frame import Message
from services.runtime.node import Node


class AsyncNode(Node):
    """A node whose `run` hands its input over and gives nothing; `answer` gives what that has come to.

    Every `run` is answered once, in order, and a step goes on below the node only then (see
    services.runtime.flow.pending_steps). So neither how the input was cut nor how long the outside takes shows in the
    output. `tick` takes in what has come back: `next_tick` is then a time that has passed. What it returns belongs to
    no input and is a step of its own.
    """

    def attach(self, wake: Callable[[], None]) -> None:
        """Begin; `wake` is to be called, in any thread, when `tick` should be. Called after `restore`, if at all."""
        raise NotImplementedError

    def answer(self) -> list[Message] | None:
        """What the oldest `run` without an answer has come to; None: not known yet."""
        raise NotImplementedError

    def full(self) -> bool:
        """Whether so much is unanswered that the node should be given no more for now."""
        return False
