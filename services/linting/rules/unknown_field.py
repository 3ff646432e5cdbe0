"""unknown-field: lambdas that read what the sample does not have."""

from __future__ import annotations

from collections.abc import Iterator

from grammar.tickscript.ast import Call, Reference, walk
from services.expressions.binding import TIME
from services.linting.finding import Found, Severity
from services.linting.flow import lambdas_of, measured_at
from services.linting.rule import Rule
from services.linting.subject import Subject
from services.nodes.eval import EvalProperties


def check(subject: Subject) -> Iterator[Found]:
    """With `--sample`: a lambda reads a field or tag that no point of the measurement has.

    Measurements that the sample does not have are not judged, nor are names that the lambda asks for by `isPresent`.
    """
    if subject.graph is None or subject.flow is None:
        return
    for node in subject.graph.nodes:
        measured = measured_at(node, subject.flow)
        if measured is None:
            continue
        made = node.properties.as_ if isinstance(node.properties, EvalProperties) else ()
        for value in lambdas_of(node):
            parts = list(walk(value.expression))
            asked = {
                one.name
                for part in parts
                if isinstance(part, Call) and part.name == "isPresent"
                for one in walk(part)
                if isinstance(one, Reference)
            }
            known = {TIME, *measured.fields, *measured.tags, *made, *asked}
            for part in parts:
                if isinstance(part, Reference) and part.name not in known:
                    names = ", ".join(sorted({*measured.fields, *measured.tags}))
                    yield Found(part.position, f'the sample has no field or tag "{part.name}"', f"it has {names}")


RULE = Rule("unknown-field", Severity.WARNING, check)
