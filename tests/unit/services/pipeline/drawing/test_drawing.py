"""Drawings of graphs: whatever the graph, nothing lies on anything else, and no name is more than a name."""

from __future__ import annotations

import time
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.pipeline.drawing.placing import MARGIN, NODE_HEIGHT, Edge, place
from services.pipeline.drawing.svg import to_svg
from services.pipeline.outline import Outline, OutlineNode
from services.pipeline.spec import Edge as EdgeKind

SVG = "{http://www.w3.org/2000/svg}"


@st.composite
def dags(draw: st.DrawFn) -> tuple[list[float], list[Edge]]:
    """Widths of nodes, and edges, each from a node to one with a higher number."""
    widths = draw(st.lists(st.floats(20, 300), min_size=1, max_size=12))
    pairs = [(a, b) for b in range(len(widths)) for a in range(b)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=25)) if pairs else []
    names = draw(st.permutations(range(len(widths))))
    return widths, [(names[a], names[b]) for a, b in edges]


@settings(max_examples=100, deadline=None)
@given(dags())
def test_nothing_lies_on_anything_else(graph: tuple[list[float], list[Edge]]) -> None:
    widths, edges = graph
    placing = place(widths, edges)
    boxes = [(x - w / 2, x + w / 2, y) for w, (x, y) in zip(widths, placing.nodes, strict=True)]
    for left, right, y in boxes:
        assert left >= MARGIN - 0.1 and right <= placing.width - MARGIN + 0.1
        assert y >= MARGIN and y + NODE_HEIGHT <= placing.height - MARGIN + 0.1
    for number, (left, right, y) in enumerate(boxes):
        for other_left, other_right, other_y in boxes[:number]:
            assert right < other_left or other_right < left or y != other_y
    assert len(placing.bends) == len(placing.middles) == len(edges)
    for (parent, child), bends in zip(edges, placing.bends, strict=True):
        way = [placing.nodes[parent], *bends, placing.nodes[child]]
        assert all(lower[1] > upper[1] for upper, lower in pairwise(way))
        for x, y in bends:
            assert not any(left < x < right and top == y for left, right, top in boxes)


def test_a_chain_is_a_straight_line_and_a_diamond_has_no_crossing() -> None:
    chain = place([50, 100, 70], [(0, 1), (1, 2)])
    assert len({x for x, _ in chain.nodes}) == 1
    assert chain.middles[0][1] == (chain.nodes[0][1] + NODE_HEIGHT + chain.nodes[1][1]) / 2
    # two chains side by side, named so that they would cross in the order of their names
    x = [x for x, _ in place([50] * 6, [(0, 3), (1, 2), (3, 4), (2, 5)]).nodes]
    assert (x[0] < x[1]) == (x[3] < x[2]) == (x[4] < x[5])


def test_a_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="cycle"):
        place([10, 10], [(0, 1), (1, 0)])


def graph(*nodes: tuple[str, tuple[int, ...]], head: bool = False) -> Outline:
    made = [
        OutlineNode(name, EdgeKind.STREAM, children, not n, head and not n) for n, (name, children) in enumerate(nodes)
    ]
    return Outline(EdgeKind.STREAM, tuple(made), False)


def test_nodes_and_edges_have_their_names_and_places_for_figures() -> None:
    drawn = ElementTree.fromstring(to_svg("cpu", graph(("stream0", (1,)), ("from1", (2, 3)), ("a2", ()), ("b3", ()))))
    edges = [one for one in drawn.iter(f"{SVG}g") if one.get("class") == "edge"]
    assert [(one.get("data-from"), one.get("data-to")) for one in edges] == [
        ("stream0", "from1"),
        ("from1", "a2"),
        ("from1", "b3"),
    ]
    assert all([text.get("class") for text in one.iter(f"{SVG}text")] == ["rate"] for one in edges)
    nodes = [one for one in drawn.iter(f"{SVG}g") if one.get("class") == "node"]
    assert [(one.get("data-node"), one.get("data-kind")) for one in nodes] == [
        ("stream0", "stream"),
        ("from1", "from"),
        ("a2", "a"),
        ("b3", "b"),
    ]
    assert not [name for one in drawn.iter() for name in one.attrib if name == "style" or name.startswith("on")]


def test_batch_itself_is_left_out() -> None:
    drawn = to_svg("b", graph(("batch0", (1,)), ("query1", (2,)), ("log2", ()), head=True))
    assert "batch0" not in drawn and 'data-from="query1" data-to="log2"' in drawn
    assert "<svg" in to_svg("nothing", graph(("batch0", ()), head=True))


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_a_name_is_nothing_but_a_name(task: str, node: str) -> None:
    for one in (node, f'"><script>alert(1)</script>{node}', f"]]>&{node}' onload='x"):
        drawn = ElementTree.fromstring(to_svg(task, graph((one, (1,)), ("end", ()))))
        assert {element.tag.removeprefix(SVG) for element in drawn.iter()} <= {
            "svg", "style", "defs", "marker", "path", "g", "text", "title", "rect",
        }  # fmt: skip


def test_a_large_graph_takes_no_long() -> None:
    count = 200
    edges = [(n, n + 1) for n in range(count - 1)] + [(n, n + 17) for n in range(0, count - 17, 5)]
    begun = time.process_time()
    place([90.0] * count, edges)
    assert time.process_time() - begun < 2.0
