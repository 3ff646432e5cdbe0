"""unreachable: ends of a pipeline with which nothing is done."""

from __future__ import annotations

from collections.abc import Iterator

from services.linting.finding import Found, Severity
from services.linting.flow import watched_by
from services.linting.rule import Rule
from services.linting.subject import Subject
from services.pipeline.functions import UDF

_DOES = frozenset(
    (
        "alert",
        "log",
        "httpOut",
        "httpPost",
        "influxDBOut",
        "kapacitorLoopback",
        "k8sAutoscale",
        "swarmAutoscale",
        "ec2Autoscale",
        "noOp",  # hangs on what is watched by stats
        UDF.name,
    )
)


def check(subject: Subject) -> Iterator[Found]:
    """A chain ends and nothing is done with what it gives: no alert, output or log stands behind its last node."""
    nodes = subject.graph.nodes if subject.graph is not None else []
    watched = {one.number for node in nodes if (one := watched_by(node)) is not None}
    for node in nodes:
        if node.children or node.spec.name in _DOES or node.number in watched or node.spec.head:
            continue
        yield Found(
            node.position,
            f"nothing is done with what {node.spec.name} gives",
            "add an alert or an output behind it, or remove the chain",
        )


RULE = Rule("unreachable", Severity.WARNING, check)
