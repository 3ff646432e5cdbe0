"""alert-handler: alerts that nobody is told of."""

from __future__ import annotations

from collections.abc import Iterator

from services.linting.finding import Found, Severity
from services.linting.rule import Rule
from services.linting.subject import Subject
from services.nodes.alert import AlertProperties


def check(subject: Subject) -> Iterator[Found]:
    """An alert without topic and handler, behind which nothing stands: nobody is told of it.

    Where the configuration has a service that is `global`, that one is told.
    """
    for node in subject.graph.nodes if subject.graph is not None else ():
        p = node.properties
        if isinstance(p, AlertProperties) and not (p.topic or p.handlers or node.children or p.category):
            yield Found(
                node.position,
                "the alert has neither topic nor handler: nobody is told of it",
                "give it .topic('…') or a handler, say .post('…')",
            )


RULE = Rule("alert-handler", Severity.WARNING, check)
