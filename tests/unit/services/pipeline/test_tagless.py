"""Where tags that are not there are null, as Kapacitor 1.5.7 had it in the details of an alert after the same nodes."""

from __future__ import annotations

import pytest

from grammar.tickscript.parser import parse
from services.nodes import registry
from services.pipeline.compiler.compile import compile_script
from services.pipeline.tagless import Tagless

QUERY = "batch|query('SELECT f FROM d.autogen.m').period(1h).every(1s)"


def null(script: str) -> bool:
    """Whether it is so at the node that the script ends with."""
    graph = compile_script(parse(f"{script}|alert()"), registry()).graph
    return Tagless().before([node for node in graph.nodes if node.spec.name == "alert"][-1])


@pytest.mark.parametrize(
    "nodes",
    [
        "",
        "|where(lambda: TRUE)",
        "|mean('f')",
        "|max('f')",
        "|top(1, 'f')",
        "|movingAverage('f', 1)",
        "|default().field('q', 1)",
        "|delete().tag('g')",
        "|flatten().on('h')",
        "|mean('f')|last('mean')",
        "|mean('f')|groupBy('x')",
        "|mean('f')|derivative('mean')",
        "|stats(1s)",
        "|deadman(100.0, 1s)",
        f"|union({QUERY})",
        f"|mean('f')|union({QUERY}|mean('f'))",
    ],
)
def test_behind_a_query(nodes: str) -> None:
    assert null(QUERY + nodes)
    assert not null("stream|from()|window().period(1s).every(1s)" + nodes.replace(QUERY, "stream|from()|window()"))


@pytest.mark.parametrize(
    "nodes",
    [
        "|groupBy(*)",
        "|groupBy()",
        "|default().tag('q', '1')|delete().tag('q')",
        "|mean('f')|window().period(1s).every(1s)",
        "|mean('f')|movingAverage('mean', 1)",
        "|mean('f')|mean('mean')",
        "|mean('f')|deadman(100.0, 1s)",
        "|mean('f')|default().tag('q', '1')|delete().tag('q')",
    ],
)
def test_not_behind_what_makes_tags_anew(nodes: str) -> None:
    assert not null(QUERY + nodes)
