"""alert-level: alerts that cannot be raised."""

from __future__ import annotations

from collections.abc import Iterator

from services.linting.finding import Found, Severity
from services.linting.rule import Rule
from services.linting.subject import Subject
from services.nodes.alert import AlertProperties


def check(subject: Subject) -> Iterator[Found]:
    """An alert without a condition for any level is never raised; so is a reset without its level never looked at."""
    for node in subject.graph.nodes if subject.graph is not None else ():
        p = node.properties
        if not isinstance(p, AlertProperties):
            continue
        levels = {"info": (p.info, p.info_reset), "warn": (p.warn, p.warn_reset), "crit": (p.crit, p.crit_reset)}
        if all(condition is None for condition, _ in levels.values()):
            yield Found(
                node.position,
                "the alert has no condition for any level and is never raised",
                "give it .info, .warn or .crit",
            )
            continue
        for name, (condition, reset) in levels.items():
            if condition is None and reset is not None:
                yield Found(node.position, f".{name}Reset counts for nothing without .{name}", f"give it .{name}")


RULE = Rule("alert-level", Severity.WARNING, check)
