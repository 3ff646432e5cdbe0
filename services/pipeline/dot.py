"""A graph in DOT, as the API shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from grammar.golang.durations import format_go_duration
from services.pipeline.outline import Outline
from services.pipeline.spec import Edge

VIEWS = ("attributes", "labels")


def to_dot(
    name: str,
    graph: Outline,
    stats: Mapping[str, Mapping[str, Any]] | None = None,
    view: str = "attributes",
    throughput: float = 0.0,
) -> str:
    """The graph of the task or template `name`.

    stats: for a running task its `node-stats` as the API shows them; for others None, and then the view plays no part.
    throughput: points or batches a second. As in Kapacitor, `batch` itself is left out, and a running task lists a
    node's children in the order in which the graph is walked.
    """
    lines = list(_plain(graph) if stats is None else _running(graph, stats, view, throughput))
    return "\n".join([f"digraph {name} {{", *lines, "}"])


def _plain(graph: Outline) -> Iterator[str]:
    for node in graph.nodes:
        for child in () if node.head else node.children:
            yield f"{node.name} -> {graph.nodes[child].name};"


def _running(graph: Outline, stats: Mapping[str, Mapping[str, Any]], view: str, throughput: float) -> Iterator[str]:
    labels = view == "labels"
    rate = f"{throughput:.2f} {'points' if graph.edge is Edge.STREAM else 'batches'}/s"
    if labels:
        yield f'graph [label="Throughput: {rate}" forcelabels=true pad="0.8,0.5"];'
    else:
        yield f'graph [throughput="{rate}"];'
    for node in graph.nodes:
        if node.head:
            continue
        counts = stats.get(node.name, {})
        counters = sorted((k, _counter_text(k, v)) for k, v in counts.items() if k not in ("collected", "emitted"))
        yield ""
        if labels:
            # A literal \r is a line end to Graphviz.
            yield f'{node.name} [xlabel="' + r"\r".join(f"{k}={v}" for k, v in counters) + '"];'
        else:
            yield f"{node.name} [" + "".join(f'{k}="{v}" ' for k, v in counters) + "];"
        children = sorted(node.children)
        # What a node emits counts once for each child.
        processed = counts.get("emitted", 0) // max(len(children), 1)
        for child in children:
            label = f'label="processed={processed}"' if labels else f'processed="{processed}"'
            yield f"{node.name} -> {graph.nodes[child].name} [{label}];"


def _counter_text(name: str, value: Any) -> Any:
    return format_go_duration(value) if name == "avg_exec_time_ns" and isinstance(value, int) else value
