"""What has come of a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.testing.format.model import RuleTest
from services.testing.matching.sections import SectionResult

PASSED, FAILED, ERROR = "passed", "failed", "error"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a test could not be run to its end. line, column: in its file, from 1."""

    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class AlertLevels:
    """Of one alert node: the levels that its script names, OK among them, and those of its events; 0 to 3."""

    named: frozenset[int]
    reached: frozenset[int]


@dataclass(frozen=True, slots=True)
class Covered:
    """What of a script a test has had work. nodes: all, in the script's order. spoke: those that gave something."""

    source: str
    nodes: tuple[str, ...] = ()
    spoke: frozenset[str] = frozenset()
    levels: Mapping[str, AlertLevels] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TestResult:
    """sections: all that were expected. notes: what nodes complained of. start: ns, of the test's clock.

    alerts: all that were raised, for a test that expects nothing yet.
    """

    __test__ = False  # pytest collects classes by such a name

    test: RuleTest
    seconds: float
    start: int = 0
    problem: Problem | None = None
    sections: Sequence[SectionResult] = ()
    notes: Sequence[str] = ()
    covered: Covered = field(default_factory=lambda: Covered(""))
    alerts: Sequence[Mapping[str, object]] = ()

    @property
    def status(self) -> str:
        """PASSED, FAILED, or ERROR where it could not be run to its end."""
        if self.problem is not None:
            return ERROR
        return PASSED if all(section.same for section in self.sections) else FAILED
