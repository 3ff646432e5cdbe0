"""What an import tells: a line for each thing that is not as it was, and at the end how many of each there were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import Enum


class Outcome(Enum):
    """What became of one thing."""

    IMPORTED = "imported"
    OVERWRITTEN = "overwritten"
    ENABLED = "enabled"
    SAME = "the same already"
    LATER = "of later here"
    DIFFERS = "here otherwise, left as they are"
    NOT_TAKEN = "not taken"


_CHANGES = frozenset({Outcome.IMPORTED, Outcome.OVERWRITTEN, Outcome.ENABLED})
_GOOD = _CHANGES | {Outcome.SAME, Outcome.LATER}


class Report:
    """Counts, and lines as they come."""

    def __init__(self, write: Callable[[str], None]) -> None:
        """write: a line."""
        self._write = write
        self._counts: dict[str, Counter[Outcome]] = {}

    @property
    def complete(self) -> bool:
        """Whether everything is here as it is there."""
        return all(_GOOD.issuperset(counts) for counts in self._counts.values())

    @property
    def changed(self) -> bool:
        """Whether anything has become another than it was here."""
        return any(not _CHANGES.isdisjoint(counts) for counts in self._counts.values())

    def begin(self, kind: str) -> None:
        """Its turn has come."""
        self._counts[kind] = Counter()
        self._write(f"{kind} …")

    def count(self, kind: str, outcome: Outcome, n: int = 1) -> None:
        """So many more have come to this."""
        if n:
            self._counts[kind][outcome] += n

    def tell(self, kind: str, id: str, text: str) -> None:
        """Something that is to be known of one."""
        self._write(f"  {kind} {id}: {' '.join(text.split())}" if id else f"  {kind}: {' '.join(text.split())}")

    def differs(self, kind: str, id: str, what: str) -> None:
        """One is here, but otherwise, and is left so."""
        self.count(kind, Outcome.DIFFERS)
        self.tell(kind, id, f"is here, but with other {what}; --overwrite brings it to what it is there")

    def not_taken(self, kind: str, id: str, why: object, n: int = 1) -> None:
        """One cannot be taken."""
        self.count(kind, Outcome.NOT_TAKEN, n)
        self.tell(kind, id, f"not taken: {why}")

    def summary(self) -> list[str]:
        """A line for each kind."""
        width = max(map(len, self._counts), default=0)
        return [f"{kind:{width}}  {_told(counts)}" for kind, counts in self._counts.items()]


def _told(counts: Counter[Outcome]) -> str:
    return ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome]) or "nothing"
