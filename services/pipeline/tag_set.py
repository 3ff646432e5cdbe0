"""Sets of tags as groupings name them: some tags, or all but some."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TagSet:
    """Some tags; with `star` all tags that a point has but these."""

    names: frozenset[str] = frozenset()
    star: bool = False

    @classmethod
    def of(cls, names: Iterable[str]) -> TagSet:
        """Just these."""
        return cls(frozenset(names))

    @classmethod
    def all_but(cls, names: Iterable[str] = ()) -> TagSet:
        """All tags but these."""
        return cls(frozenset(names), True)

    def __bool__(self) -> bool:
        return self.star or bool(self.names)

    def __and__(self, other: TagSet) -> TagSet:
        if self.star and other.star:
            return TagSet(self.names | other.names, True)
        if self.star:
            return TagSet(other.names - self.names)
        return TagSet(self.names - other.names if other.star else self.names & other.names)

    def without(self, names: Iterable[str]) -> TagSet:
        """The same but for some tags."""
        return self & TagSet.all_but(names)

    def __str__(self) -> str:
        named = ", ".join(f"'{name}'" for name in sorted(self.names))
        if not self.star:
            return named or "nothing"
        return f"* without {named}" if named else "*"


ALL_TAGS = TagSet.all_but()
NO_TAGS = TagSet()
