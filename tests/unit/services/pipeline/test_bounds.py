"""How large a graph may be, and the vars of a request; and what of long chains and many ways takes no longer for it."""

from __future__ import annotations

import pytest

from grammar.tickscript.ast import TickscriptError
from grammar.tickscript.parser import parse
from services.nodes import registry
from services.pipeline.compiler.chain import MAX_DEPTH, MAX_NODES
from services.pipeline.compiler.compile import Compiled, compile_script
from services.pipeline.compiler.vars import Var, VarsError, VarType, check_bounds, parse_vars
from services.pipeline.tagless import Tagless
from tests.support.graph import ScriptRun


def compiled(script: str, **vars: Var) -> Compiled:
    return compile_script(parse(script), registry(), vars)


def test_a_script_with_too_many_nodes_is_refused() -> None:
    nodes = "var s = stream|from()\n" + "s|log()\n" * (MAX_NODES - 2)
    assert len(compiled(nodes).graph.nodes) == MAX_NODES
    with pytest.raises(TickscriptError, match=r"line 2000 char 3: the script has more than 2000 nodes"):
        compiled(nodes + "s|log()\n")


def test_too_many_nodes_in_a_row_are_refused_and_as_many_as_may_be_run() -> None:
    row = "stream|from()" + "|log()" * (MAX_DEPTH - 3)
    run = ScriptRun(f"{row}|httpOut('x')").write("m v=1 1")
    assert run.counts()[run.run.graph.nodes[-1].name]["collected"] == 1
    with pytest.raises(TickscriptError, match="more than 500 nodes stand in a row"):
        compiled(f"{row}|log()|log()")


def test_as_many_ways_to_a_node_as_there_are_take_no_longer() -> None:
    unions = "".join(f"var b{i + 1} = b{i}|union(b{i})\n" for i in range(60))
    graph = compiled(
        f"var b0 = batch|query('SELECT v FROM a.b.c').period(1s).every(1h)\n{unions}b60|httpOut('x')"
    ).graph
    known = Tagless()
    assert all(known.before(node) for node in graph.nodes if node.parents and node.parents[0].parents)


@pytest.mark.parametrize("node", ["stats(1u)", "barrier().idle(999u)", "barrier().period(1u)", "deadman(1.0, 1u)"])
def test_what_ticks_more_often_than_a_worker_can_is_refused(node: str) -> None:
    with pytest.raises(TickscriptError, match=r"(interval|idle|period) must be at least 1ms"):
        compiled(f"stream|from()|{node}")
    compiled(f"stream|from()|{node}".replace("999u", "1ms").replace("1u", "1ms"))


def test_regexes_in_vars_count_together() -> None:
    item = [Var(VarType.REGEX, rf"\pL{{100}}{i}") for i in range(50)]
    with pytest.raises(TickscriptError, match=r"invalid var x: .* compile to more than 500000 parts"):
        compiled("var x = ['a']\nstream|from()|log()", x=Var(VarType.LIST, item))


def test_vars_of_a_request_have_bounds() -> None:
    number = {"type": "int", "value": 1}
    many = {f"x{i}": number for i in range(20_001)}
    items = {"x": {"type": "list", "value": [{"type": "string", "value": "a"}] * 20_001}}
    for vars in (many, items):
        with pytest.raises(VarsError, match="the vars and the items of their lists are more than 20000"):
            check_bounds(vars)
    long = {"x": {"type": "string", "value": "x" * (1 << 18)}, "y": {"type": "string", "value": "y"}}
    with pytest.raises(VarsError, match="the texts of the vars have more than 262144 characters"):
        check_bounds(long)
    for vars in ({}, None, [], {"x": None}, {"x": number}, {"x": 5}):
        check_bounds(vars)
    assert len(parse_vars({f"x{i}": number for i in range(20_000)})) == 20_000
