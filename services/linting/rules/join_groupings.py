"""join-groupings: joins whose parents have no groups in common."""

from __future__ import annotations

from collections.abc import Iterator

from services.linting.finding import Found, Severity
from services.linting.rule import Rule
from services.linting.subject import Subject
from services.nodes.join import JoinProperties


def check(subject: Subject) -> Iterator[Found]:
    """A join of nodes that are grouped by different tags: no group of one is a group of the other."""
    if subject.graph is None or subject.flow is None:
        return
    for node in subject.graph.nodes:
        if not isinstance(node.properties, JoinProperties):
            continue
        tags = [subject.flow[parent.number].tags for parent in node.parents]
        known = list(dict.fromkeys(one for one in tags if one is not None))
        on = frozenset(node.properties.on)
        if len(known) < 2 or (on and all(on <= one for one in known)):
            continue
        told = " and ".join(", ".join(sorted(one)) or "nothing" for one in known)
        if on:
            problem, hint = f"not all of them by {', '.join(sorted(on))}", "name tags in .on() that all are grouped by"
        else:
            problem, hint = (
                "no points have one group",
                "group them by the same tags, or name the common ones with .on()",
            )
        yield Found(node.position, f"joins what is grouped by {told}: {problem}", hint)


RULE = Rule("join-groupings", Severity.WARNING, check)
