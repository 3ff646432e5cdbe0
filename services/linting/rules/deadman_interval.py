"""deadman-interval: deadmen that look more often than points come."""

from __future__ import annotations

from collections.abc import Iterator

from grammar.golang.durations import format_go_duration
from services.linting.finding import Found, Severity
from services.linting.flow import watched_by
from services.linting.rule import Rule
from services.linting.subject import Subject
from services.nodes.alert import AlertProperties
from services.pipeline.graph import GraphNode


def check(subject: Subject) -> Iterator[Found]:
    """A deadman whose interval is shorter than that at which points come: it alerts although all is well.

    How often points come is told by `--sample`, by `--interval`, or by the window or query before it.
    """
    if subject.graph is None or subject.flow is None:
        return
    for node in subject.graph.nodes:
        stats = _stats_of_deadman(node)
        watched = None if stats is None else watched_by(stats)
        if stats is None or watched is None:
            continue
        looks, come = subject.flow[stats.number].interval, subject.flow[watched.number].interval
        if looks is not None and come is not None and looks < come:
            often, rarely = format_go_duration(looks), format_go_duration(come)
            yield Found(
                node.position,
                f"the deadman looks every {often}, but points come every {rarely}",
                "give it an interval of several times that",
            )


def _stats_of_deadman(node: GraphNode) -> GraphNode | None:
    """The node that counts for an alert that `deadman` made: all three stand at one place of the script."""
    if not isinstance(node.properties, AlertProperties) or not node.parents or not node.parents[0].parents:
        return None
    derivative = node.parents[0]
    stats = derivative.parents[0]
    return stats if watched_by(stats) is not None and stats.position == derivative.position == node.position else None


RULE = Rule("deadman-interval", Severity.WARNING, check)
