"""Which fields can matter where."""

from __future__ import annotations

from grammar.tickscript.parser import parse
from services.pipeline.column_pruning import needed_fields
from services.pipeline.compiler.compile import compile_script
from tests.support.nodes import REGISTRY


def needed(script: str) -> dict[str, set[str] | None]:
    found = needed_fields(compile_script(parse(script), REGISTRY).graph)
    return {name: None if fields is None else set(fields) for name, fields in found.items()}


def test_a_window_that_feeds_one_mean_needs_one_field() -> None:
    assert needed(
        """stream|from().where(lambda: "host" == 'a')|window()|where(lambda: "ok")|mean('usage')|httpOut('x')"""
    ) == {
        "stream0": {"host", "ok", "usage"},
        "from1": {"host", "ok", "usage"},
        "window2": {"ok", "usage"},
        "where3": {"ok", "usage"},
        "mean4": {"usage"},
        "http_out5": None,
    }


def test_branches_add_up_and_one_that_takes_all_wins() -> None:
    two = "var w = stream|from()|window()\nw|mean('a')\nw|mean('b')\n"
    assert needed(two)["window2"] == {"a", "b"}
    assert needed(two + "w|httpOut('x')")["window2"] is None


def test_what_is_handed_on_counts_unless_the_node_drops_it() -> None:
    assert needed("""stream|from()|window()|eval(lambda: "a" + "b").as('c')|httpOut('x')""")["window2"] == {"a", "b"}
    assert needed("""stream|from()|window()|eval(lambda: "a").as('c').keep('a', 'z')|httpOut('x')""")["window2"] is None


def test_a_node_that_tells_nothing_needs_all() -> None:
    assert needed("stream|from()|window()|default()|mean('a')")["window2"] is None


def test_a_graph_that_ends_in_nothing_needs_nothing() -> None:
    assert needed("stream|from()|log()") == {"stream0": set(), "from1": set(), "log2": set()}
