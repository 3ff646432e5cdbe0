"""A test as it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.testing.format.document import Located

Reads = dict[Path, None]
"""The files that a file of tests is made of, in order; those that are missing too."""


@dataclass(frozen=True, slots=True)
class Section:
    """One thing that is expected. kind: a key of `expect`. name: of the node or endpoint, where it is of one.

    where: the value in the file. indent: spaces before its key.
    """

    kind: str
    name: str
    where: Located
    indent: int = 0

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.kind} {self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True)
class Expectation:
    """All that is expected at a moment. where: the value of `expect`. nothing: that none came of anything.

    indent: spaces before the key.
    """

    where: Located
    sections: tuple[Section, ...]
    nothing: bool = False
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What happens next. where: its place in the file; texts as there."""

    where: Located
    at: str = ""
    lines: tuple[str, ...] = ()
    every: str = ""
    until: str = ""
    files: tuple[Path, ...] = ()
    answers: Any = None
    dbrp: tuple[str, str] | None = None
    expect: Expectation | None = None


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test. file: that it stands in. where: in it. source: of the script, for people.

    task: its id. vars: by name, values or {type, value}. dbrps: empty where the script says them. start: RFC 3339, or
    "". expect: of the whole test. apart: how far apart (ns) lines without a time come.
    """

    file: Path
    where: Located
    name: str
    script: str
    source: str
    task: str
    vars: Mapping[str, Any]
    dbrps: tuple[tuple[str, str], ...]
    start: str
    precision: str
    steps: tuple[Step, ...]
    expect: Expectation | None
    apart: int = 0


@dataclass(frozen=True, slots=True)
class TestFile:
    """A file of tests. text: as it was read. reads: the files that it is made of, itself among them."""

    __test__ = False  # pytest collects classes by such a name

    path: Path
    text: str
    tests: tuple[RuleTest, ...]
    reads: tuple[Path, ...]
