"""What all rules find in a script, with the places of it."""

from __future__ import annotations

from dataclasses import dataclass

from services.language_server.text import Text
from services.linting.finding import Severity
from services.linting.linter import lint
from services.linting.sample import Sample
from services.pipeline.registry import Registry


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What a rule has found: from offset `start` to `end`, what it is and what to do about it."""

    start: int
    end: int
    rule: str
    severity: Severity
    text: str


def diagnostics(
    text: Text, registry: Registry, sample: Sample | None = None, interval: int | None = None
) -> list[Diagnostic]:
    """What `tickbus lint` would tell of the script, with the same sample and interval (ns)."""
    lines = text.value.split("\n")
    found = []
    for one in lint(text.value, "", registry, sample, interval):
        begin = sum(len(line) + 1 for line in lines[: one.line - 1])
        end = min(begin + one.end - 1, len(text.value))
        told = f"{one.message}\n{one.help}" if one.help else one.message
        found.append(Diagnostic(begin + one.column - 1, end, one.rule, one.severity, told))
    return found
