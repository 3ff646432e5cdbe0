"""DOT as Kapacitor 1.5.7 gave it for the same scripts."""

from __future__ import annotations

from grammar.tickscript.parser import parse
from services.pipeline.compiler.compile import compile_script
from services.pipeline.dot import to_dot
from services.pipeline.graph import Graph
from services.pipeline.outline import outline
from tests.support.nodes import REGISTRY

BRANCHES = """
var a = stream|from().measurement('never')
a|eval(lambda: "v").as('v')|httpOut('x')
a|window().period(1m).every(1m)|mean('v')|log()
"""
JOINED = "var a = stream|from()\na|join(a|eval(lambda: 1).as('x')).as('a', 'b')|httpOut('x')"
IDLE = {"avg_exec_time_ns": 0, "collected": 0, "emitted": 0, "errors": 0, "working_cardinality": 0}


def graph(script: str) -> Graph:
    return compile_script(parse(script), REGISTRY).graph


def test_a_graph_that_does_not_run_is_bare() -> None:
    assert to_dot("t", outline(graph(BRANCHES))) == (
        "digraph t {\nstream0 -> from1;\nfrom1 -> eval2;\nfrom1 -> window4;\nwindow4 -> mean5;\nmean5 -> log6;\n"
        "eval2 -> http_out3;\n}"
    )
    assert to_dot("t", outline(graph("batch|query('q')|httpOut('x')"))) == "digraph t {\nquery1 -> http_out2;\n}"


def test_a_running_graph_shows_statistics_as_attributes() -> None:
    running = graph(BRANCHES)
    stats = {n.name: dict(IDLE) for n in running.nodes}
    stats["from1"] |= {"avg_exec_time_ns": 1200, "emitted": 6, "working_cardinality": 2}
    lines = to_dot("t", outline(running), stats, throughput=1.5).split("\n")
    assert lines[:10] == [
        "digraph t {",
        'graph [throughput="1.50 points/s"];',
        "",
        'stream0 [avg_exec_time_ns="0s" errors="0" working_cardinality="0" ];',
        'stream0 -> from1 [processed="0"];',
        "",
        'from1 [avg_exec_time_ns="1.2µs" errors="0" working_cardinality="2" ];',
        'from1 -> window4 [processed="3"];',
        'from1 -> eval2 [processed="3"];',
        "",
    ]
    assert lines[-2:] == ['http_out3 [avg_exec_time_ns="0s" errors="0" working_cardinality="0" ];', "}"]


def test_a_running_graph_shows_statistics_as_labels() -> None:
    running = graph(JOINED)
    stats = {n.name: IDLE for n in running.nodes}
    node = r'[xlabel="avg_exec_time_ns=0s\rerrors=0\rworking_cardinality=0"];'
    processed = '[label="processed=0"];'
    assert to_dot("t", outline(running), stats, "labels") == (
        'digraph t {\ngraph [label="Throughput: 0.00 points/s" forcelabels=true pad="0.8,0.5"];\n\n'
        f"stream0 {node}\nstream0 -> from1 {processed}\n\n"
        f"from1 {node}\nfrom1 -> eval2 {processed}\nfrom1 -> join4 {processed}\n\n"
        f"eval2 {node}\neval2 -> join4 {processed}\n\n"
        f"join4 {node}\njoin4 -> http_out5 {processed}\n\n"
        f"http_out5 {node}\n}}"
    )


def test_batches_are_counted_as_batches() -> None:
    running = graph("batch|query('q')|httpOut('x')")
    stats = {"query1": IDLE | {"batches_queried": 1, "points_queried": 2}}
    assert to_dot("t", outline(running), stats).split("\n")[1:4] == [
        'graph [throughput="0.00 batches/s"];',
        "",
        'query1 [avg_exec_time_ns="0s" batches_queried="1" errors="0" points_queried="2" working_cardinality="0" ];',
    ]
