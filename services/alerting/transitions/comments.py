"""What people have said of alerts: made of ALERTS and kept for as long as that reaches back, as changes of levels are.

Of an alert the last hundred are kept; its end does not end them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass

from services.store import codec
from services.store.store import Reading, Writing

BUCKET = "comments"

MOST = 100
"""Of one alert."""

_SEQ_BYTES = 8


@dataclass(frozen=True, slots=True)
class Comment:
    """time: ns, when it was stored, at which sequence of ALERTS."""

    topic: str
    id: str
    seq: int
    time: int
    by: str
    text: str


class CommentLog:
    """All comments that are known; those in the store are here as well."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], list[Comment]] = {}
        self._fresh: list[Comment] = []
        self._gone: list[int] = []

    def load(self, tx: Reading) -> None:
        """Begin with what is kept."""
        self.clear()
        for _, packed in tx.items(BUCKET):
            comment = Comment(*codec.unpack(packed))
            self._of.setdefault((comment.topic, comment.id), []).append(comment)

    def clear(self) -> None:
        """Know of none."""
        self._of.clear()
        self._fresh.clear()
        self._gone.clear()

    def add(self, comment: Comment) -> None:
        """One more has come."""
        of = self._of.setdefault((comment.topic, comment.id), [])
        of.append(comment)
        self._fresh.append(comment)
        self._gone += [one.seq for one in of[:-MOST]]
        del of[:-MOST]

    def of(self, topic: str, id: str) -> list[Comment]:
        """Those of an alert, oldest first."""
        return list(self._of.get((topic, id), ()))

    def forget(self, first: int) -> None:
        """Drop those that came before a sequence of ALERTS."""
        for key, of in list(self._of.items()):
            kept = [one for one in of if one.seq >= first]
            if len(kept) < len(of):
                self._gone += [one.seq for one in of[: len(of) - len(kept)]]
                self._of[key] = kept
                if not kept:
                    del self._of[key]

    def changes(self) -> tuple[list[Comment], list[int]]:
        """Those that are to be written, and the sequences of those that are to go."""
        return list(self._fresh), list(self._gone)

    def written(self, changes: tuple[list[Comment], list[int]]) -> None:
        """They are."""
        del self._fresh[: len(changes[0])]
        del self._gone[: len(changes[1])]

    def write(self, tx: Writing, changes: tuple[Iterable[Comment], Iterable[int]]) -> None:
        """Write them. It may run in another thread."""
        fresh, gone = changes
        for comment in fresh:
            tx.put(BUCKET, _key(comment.seq), codec.pack(astuple(comment)))
        for seq in gone:
            tx.delete(BUCKET, _key(seq))


def _key(seq: int) -> bytes:
    return seq.to_bytes(_SEQ_BYTES, "big")
