"""What is kept beside the states of tasks: whose each is, and how far runs have come. Plain data where it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.bus.epochs import Epochs
from services.bus.positions import EventsSeq, WritesSeq

_ANY = 2**63 - 1


@dataclass(frozen=True, slots=True)
class RunKey:
    """A run of a task: the event that enabled it, and when that was, ns.

    The event alone does not tell runs apart: where EVENTS was made anew, its sequences are given again.
    """

    enabled: EventsSeq
    began: int


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a task's run has come, the position of the state that goes with it, and the epoch of the former.

    epoch 0: nobody has noted which.
    """

    enabled: EventsSeq
    position: WritesSeq
    base: WritesSeq
    epoch: int = 0

    @classmethod
    def from_plain(cls, plain: Sequence[Any]) -> Reached:
        """ValueError or TypeError where it is not that."""
        if not all(type(number) is int and number >= 0 for number in plain):
            raise ValueError(f"not positions: {plain!r}")
        return cls(*plain)

    def to_plain(self) -> list[int]:
        """The four numbers."""
        return [self.enabled, self.position, self.base, self.epoch]

    def has_state_of(self, other: Reached | None) -> bool:
        """Whether the same state goes with both."""
        return other is not None and (self.enabled, self.base) == (other.enabled, other.base)


@dataclass(frozen=True, slots=True)
class StateHeader:
    """What a snapshot says beside the state, in its `meta`: whose run it is of, and of which epoch its position is.

    enabled, began: None where it does not say so; it is of no known run then. epoch 0: nobody has noted which.
    """

    enabled: EventsSeq | None
    began: int | None
    epoch: int

    @classmethod
    def from_plain(cls, meta: Mapping[str, Any]) -> StateHeader:
        """What may be in a snapshot's meta besides is not looked at."""
        return cls(meta.get("enabled"), meta.get("began"), meta.get("epoch", 0))

    def to_plain(self) -> dict[str, Any]:
        """For a snapshot's meta."""
        return {"enabled": self.enabled, "began": self.began, "epoch": self.epoch}

    def is_of(self, run: RunKey) -> bool:
        """Whether it is of this run."""
        return (self.enabled, self.began) == (run.enabled, run.began)

    def stands_at(
        self, position: WritesSeq, run: RunKey, reached: Reached | None, epochs: Epochs | None
    ) -> WritesSeq | None:
        """Where its state, taken at `position`, stands in the log by now; None where it does not fit.

        It does not where it is of another run than the given one, or of writes that the log has no more (epochs: of
        the log; None: it does not matter). reached: how far the task is known to have come.
        """
        if not self.is_of(run) or (epochs is not None and not epochs.fits(position, self.epoch)):
            return None
        if reached is None or (reached.enabled, reached.base) != (run.enabled, position):
            return position
        within = epochs.within(reached.position, reached.epoch or _ANY) if epochs else reached.position
        return WritesSeq(max(position, within))
