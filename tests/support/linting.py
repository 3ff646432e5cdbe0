"""Linting a text with all nodes and handlers that there are."""

from __future__ import annotations

from functools import cache

from services.alerting.handlers import specs
from services.linting.finding import Finding
from services.linting.linter import lint
from services.linting.sample import read_sample
from services.nodes import registry
from services.pipeline.registry import Registry


@cache
def every_node() -> Registry:
    return registry(specs())


def findings(text: str, sample: str = "", interval: int | None = None) -> list[Finding]:
    """What all rules find in a script; sample: line protocol, with times in seconds."""
    points = read_sample(sample.encode(), "s") if sample else None
    return lint(text, "x.tick", every_node(), points, interval)


def told(text: str, sample: str = "", interval: int | None = None) -> list[tuple[str, int, int]]:
    """The same as (rule, line, column)."""
    return [(one.rule, one.line, one.column) for one in findings(text, sample, interval)]
