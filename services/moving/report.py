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

    def __init__(
        self, write: Callable[[str], None], show: Callable[[str, int, int | None], None] = lambda what, done, of: None
    ) -> None:
        """write: a line. show: how many of some things are done, and of how many, None: nobody knows."""
        self._write, self._show = write, show
        self._counts: dict[str, Counter[Outcome]] = {}
        self._expected: int | None = None

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
        self._expected = None
        self._show(kind, 0, None)

    def expect(self, number: int) -> None:
        """There are so many of what is copied now."""
        self._expected = number

    def count(self, kind: str, outcome: Outcome, n: int = 1) -> None:
        """So many more have come to this."""
        if n:
            self._counts[kind][outcome] += n
            self._show(kind, self._counts[kind].total(), self._expected)

    def enabling(self, done: int, of: int) -> None:
        """So many of the tasks that are to run do."""
        self._show("tasks to enable", done, of)

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
