"""What a rule finds in a script."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from grammar.tickscript.ast import Position


class Severity(enum.Enum):
    """How bad it is. The values are SARIF's words, too."""

    ERROR = "error"  # no task can run this, or it fails on every point
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule has found: where, what, what to do about it. severity: another than the rule's own."""

    position: Position
    message: str
    help: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The same as it is told. line, column, end: from 1, in characters; end: the column behind the word that it is."""

    rule: str
    severity: Severity
    file: str
    line: int
    column: int
    end: int
    message: str
    help: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity.value}: {self.message} [{self.rule}]"
