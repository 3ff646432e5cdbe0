"""alert-id: alerts whose ids are those of others."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from services.linting.finding import Found, Severity
from services.linting.flow import Behind, Flow
from services.linting.rule import Rule
from services.linting.subject import Subject
from services.nodes.alert import AlertProperties
from services.pipeline.graph import Graph, GraphNode

_BY_GROUP = re.compile(r"\{\{.*?\.(?:Group|Tags)\b.*?\}\}", re.DOTALL)
_BY_NAME = re.compile(r"\{\{.*?\.(?:Name|Group)\b.*?\}\}", re.DOTALL)
_DEFAULT = AlertProperties().id


def check(subject: Subject) -> Iterator[Found]:
    """Alerts that share an id, so that one ends what the other began: ids of groups, or of alerts on one topic.

    It tells of an alert on groups whose id has neither `.Group` nor `.Tags`, of one on groups that is sent to a topic
    without an id of its own (every script on that measurement has the same), and of two alerts of a script that send
    the same ids to one topic.
    """
    if subject.graph is None or subject.flow is None:
        return
    for node, p in _alerts(subject.graph):
        if not subject.flow[node.parents[0].number].grouped:
            continue
        if not _BY_GROUP.search(p.id):
            yield Found(
                node.position,
                f"all groups share the alert's id {p.id!r}: one that is OK ends the alert of another",
                """say .id('{{ index .Tags "…" }}'), or have {{ .Group }} in it""",
            )
        elif p.id == _DEFAULT and p.topic:
            yield Found(
                node.position,
                f"the alert has no id of its own in the topic {p.topic!r}: other scripts may send the same",
                """give it an .id('…')""",
            )
    yield from _same(subject.graph, subject.flow)


def _same(graph: Graph, flow: Flow) -> Iterator[Found]:
    seen: dict[tuple[str, str], list[GraphNode]] = defaultdict(list)
    for node, p in _alerts(graph):
        if not p.topic:
            continue
        others = seen[p.topic, p.id]
        for other in others:
            if not _parted(p.id, *_behind(flow, node, other)):
                yield Found(
                    node.position,
                    f"the alert sends the same ids to the topic {p.topic!r} as that of line {other.position.line}",
                    "give them ids that differ: .id('…')",
                )
                break
        others.append(node)


def _alerts(graph: Graph) -> Iterator[tuple[GraphNode, AlertProperties]]:
    for node in graph.nodes:
        if isinstance(node.properties, AlertProperties) and node.parents:
            yield node, node.properties


def _behind(flow: Flow, *nodes: GraphNode) -> list[Behind]:
    return [flow[node.parents[0].number] for node in nodes]


def _parted(template: str, a: Behind, b: Behind) -> bool:
    """Whether measurement or groups make ids of one template differ; what is not known may."""
    if _BY_NAME.search(template) and (a.name != b.name or a.name is None):
        return True
    return ".Group" in template and (a.tags != b.tags or a.tags is None)


RULE = Rule("alert-id", Severity.WARNING, check)
