"""What came of one kind, held against a section of an `expect`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.testing.format.model import Section
from services.testing.matching.lists import ListComparison, compare_lists
from services.testing.matching.values import Difference, differences

LISTED = ("alerts", "nodes", "posts", "influxdb", "loopbacks", "log", "scale")


@dataclass(frozen=True, slots=True)
class SectionResult:
    """section: what was expected. got: what came. start, at: ns, of the test and of the moment that it is about.

    listed: of kinds of which there are many. differences: of the others.
    """

    section: Section
    got: Any
    start: int
    at: int
    listed: ListComparison | None = None
    differences: tuple[Difference, ...] = ()

    @property
    def same(self) -> bool:
        """Whether it is as expected."""
        return not self.differences and (self.listed is None or self.listed.same)


def compare(section: Section, got: Any, start: int, at: int) -> SectionResult:
    """got: a list of plain items for what comes one after another; else a value, ABSENT where there is none."""
    expected = section.where.plain
    if section.kind in LISTED:
        return SectionResult(section, got, start, at, listed=compare_lists(expected, got, start))
    found = tuple(differences(expected, got, start))
    return SectionResult(section, got, start, at, differences=found)
