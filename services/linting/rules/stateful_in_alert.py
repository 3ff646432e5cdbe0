"""stateful-in-alert: memories that groups share."""

from __future__ import annotations

from collections.abc import Iterator

from grammar.tickscript.ast import Call, walk
from services.expressions.functions import FUNCTIONS
from services.linting.finding import Found, Severity
from services.linting.flow import lambdas_of
from services.linting.rule import Rule
from services.linting.subject import Subject
from services.nodes.alert import AlertProperties

_STATEFUL = frozenset(name for name, function in FUNCTIONS.items() if function.stateful)


def check(subject: Subject) -> Iterator[Found]:
    """`count()`, `sigma()` or `spread()` in a condition of an alert on groups: there, all groups share one memory."""
    if subject.graph is None or subject.flow is None:
        return
    for node in subject.graph.nodes:
        if not isinstance(node.properties, AlertProperties) or not subject.flow[node.parents[0].number].grouped:
            continue
        for value in lambdas_of(node):
            for part in walk(value.expression):
                if isinstance(part, Call) and part.name in _STATEFUL:
                    yield Found(
                        part.position,
                        f"all groups share the memory of {part.name}() in an alert's condition",
                        f"work it out before, where each group has its own: |eval(lambda: {part.name}(…)).as('…')",
                    )


RULE = Rule("stateful-in-alert", Severity.WARNING, check)
