"""A task's alert nodes as `run.started` and `replay.started` describe them for alerting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.nodes.alert import topics_of
from services.pipeline.graph import Graph
from services.runtime.errors import TaskFailed

DescribeHandlers = Callable[[Any], list[dict[str, Any]]]
"""Gives an alert's properties what the configuration says of every alert, then tells its handlers as JSON. ValueError
where they do not fit."""


def describe_alerts(graph: Graph, describe_handlers: DescribeHandlers, task: str, replay: str = "") -> list[Any]:
    """For each alert node {"node", "topic": its own or "", "topics", "handlers"}. TaskFailed where handlers do not fit.

    replay: its id, where the task runs in one.
    """
    return [
        _described(node.name, node.properties, describe_handlers, task, replay)
        for node in graph.nodes
        if node.spec.takes_handlers
    ]


def _described(
    node: str, properties: Any, describe_handlers: DescribeHandlers, task: str, replay: str
) -> dict[str, Any]:
    try:
        handlers = describe_handlers(properties)
    except ValueError as error:
        raise TaskFailed(str(error)) from error
    topics = topics_of(properties, task, node, replay)
    return {"node": node, "topic": topics[0] if handlers else "", "topics": list(topics), "handlers": handlers}
