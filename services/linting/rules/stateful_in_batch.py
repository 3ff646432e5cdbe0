"""stateful-in-batch: states that begin anew with every batch."""

from __future__ import annotations

from collections.abc import Iterator

from services.linting.finding import Found, Severity
from services.linting.rule import Rule
from services.linting.subject import Subject
from services.nodes.tracking.state_tracking import StateProperties
from services.pipeline.spec import Edge


def check(subject: Subject) -> Iterator[Found]:
    """`stateDuration` or `stateCount` on batches begins anew with each: it never tells of more than one window."""
    for node in subject.graph.nodes if subject.graph is not None else ():
        if isinstance(node.properties, StateProperties) and any(one.provides is Edge.BATCH for one in node.parents):
            yield Found(
                node.position,
                f"{node.spec.name} begins anew with every batch",
                "put it before the window, or behind what makes points of the batches (mean, last)",
            )


RULE = Rule("stateful-in-batch", Severity.WARNING, check)
