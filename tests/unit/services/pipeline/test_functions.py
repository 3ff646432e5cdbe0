"""User defined functions in scripts: what is accepted, and what is answered in Kapacitor's words where it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grammar.tickscript.ast import TickscriptError
from grammar.tickscript.parser import parse
from services.pipeline.compiler.compile import Compiled, compile_script
from services.pipeline.dot import to_dot
from services.pipeline.functions import FunctionSpec, FunctionUnavailable, UdfProperties
from services.pipeline.outline import outline
from services.pipeline.spec import Duration, Edge
from tests.support.nodes import REGISTRY

FUNCTIONS = {
    "udf": FunctionSpec("udf", Edge.STREAM, Edge.BATCH, {"opt": ("STRING", "DURATION"), "n": ("INT",), "none": ()}),
    "gone": FunctionSpec("gone", problem="no such file or directory"),
}


def compiled(chain: str) -> Compiled:
    return compile_script(parse(f"stream|from(){chain}"), replace(REGISTRY, functions=FUNCTIONS))


def test_options_are_kept_in_order_and_the_function_says_what_comes_out() -> None:
    graph = compiled("@udf('no', 'matter').n(1).opt('a', 5s).none().n(2)|mean('v')").graph
    node = graph.nodes[2]
    assert isinstance(node.properties, UdfProperties)
    assert node.properties.options == [("n", (1,)), ("opt", ("a", Duration(5 * 10**9))), ("none", ()), ("n", (2,))]
    assert (node.name, node.wants, node.provides) == ("udf2", Edge.STREAM, Edge.BATCH)
    assert "from1 -> udf2;\nudf2 -> mean3;" in to_dot("t", outline(graph))


def test_a_function_hangs_on_the_source_itself() -> None:
    assert compile_script(parse("stream@udf()"), replace(REGISTRY, functions=FUNCTIONS)).graph.nodes[1].name == "udf1"


@pytest.mark.parametrize(
    ("chain", "error"),
    [
        ("@udf().n()", "line 1 char 21: unexpected number of args to n, got 0 expected 1"),
        ("@udf().n('x')", "line 1 char 21: unexpected arg to n, got STRING expected INT"),
        ("@udf().n(1.0)", "line 1 char 21: unexpected arg to n, got DOUBLE expected INT"),
        ("@udf().opt('x', 1)", "line 1 char 21: unexpected arg to opt, got INT expected DURATION"),
        ("@udf().opt(TRUE, 1s)", "line 1 char 21: unexpected arg to opt, got BOOL expected STRING"),
        ("@udf().n(lambda: TRUE)", "line 1 char 21: unexpected arg to n, got BOOL expected INT"),
        ("@udf().none(lambda: TRUE)", "line 1 char 21: unexpected number of args to none, got 1 expected 0"),
        ("@udf().other(1)", 'line 1 char 21: no method or property "other" on *pipeline.UDFNode'),
        ("@other()", 'line 1 char 15: no method or property "other" on *pipeline.FromNode'),
        (
            "|udf()",
            'line 1 char 15: no chaining method "udf" on *pipeline.FromNode, but dynamic method does exist. '
            "Use '@' operator instead: 'node@udf(..)'.",
        ),
        (
            ".udf()",
            'line 1 char 15: no property method "udf" on *pipeline.FromNode, but dynamic method does exist. '
            "Use '@' operator instead: 'node@udf(..)'.",
        ),
        (
            "@window()",
            'line 1 char 15: no dynamic method "window" on *pipeline.FromNode, but chaining method does exist. '
            "Use '|' operator instead: 'node|window(..)'.",
        ),
    ],
)
def test_errors(chain: str, error: str) -> None:
    with pytest.raises(TickscriptError) as raised:
        compiled(chain)
    assert str(raised.value) == error


def test_a_function_that_does_not_answer_is_another_error_than_a_script_that_is_wrong() -> None:
    with pytest.raises(FunctionUnavailable) as raised:
        compiled("@gone()")
    assert str(raised.value) == "line 1 char 15: UDF gone cannot be used: no such file or directory"
