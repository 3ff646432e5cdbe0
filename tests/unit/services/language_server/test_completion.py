"""What is completed where, in scripts that are whole and in some that are half written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.language_server.completion import completion
from services.language_server.items import Item, Kind
from services.pipeline.functions import FunctionSpec
from services.pipeline.registry import Registry
from services.pipeline.spec import Edge
from tests.support.linting import every_node

FROM = "stream|from().measurement('cpu')\n"
VARS = 'var limit = 5\nvar crit = lambda: "a" > 1\nvar cpu = stream|from()\n'


def offered(text: str, registry: Registry | None = None) -> dict[str, Item]:
    """By name, what is offered where ^ stands."""
    found = completion(text.replace("^", ""), text.index("^"), registry or every_node())
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


@pytest.mark.parametrize(
    ("text", "there", "not_there"),
    [
        # nodes, of those that fit what the chain gives
        ("stream|^", {"from", "stats", "deadman"}, {"mean", "query", "stream", "noOp"}),
        ("batch|^", {"query", "queryFlux"}, {"from", "window"}),
        (FROM + "    |wi^", {"window", "mean", "alert", "from"}, {"query", "groupByMeasurement"}),
        (FROM + "|window()|^", {"mean", "alert"}, {"window", "from"}),
        (FROM + "|alert().slack()|^", {"log", "httpOut"}, set()),
        ("nobody|^", {"from", "query", "window"}, {"noOp"}),
        (FROM + "|nosuch()|^", {"window", "mean"}, set()),
        # properties of the node in question, and of the part of it
        (FROM + "    |window()\n        .per^", {"period", "every", "quiet"}, {"measurement", "id"}),
        (FROM + "|alert().^", {"crit", "id", "slack", "post", "quiet"}, {"period", "channel"}),
        (FROM + "|alert().slack().^", {"channel", "crit", "post"}, {"header"}),
        (FROM + "|alert().post('x').h^", {"header", "crit"}, {"channel"}),
        (VARS + "cpu|where(crit).^", {"quiet"}, {"measurement"}),
        (VARS + "cpu.^", {"measurement", "where"}, {"period"}),
        ("nobody.^", set(), {"quiet"}),
        ("stream.^", set(), {"quiet"}),
        # lambdas
        (VARS + "cpu|where(lambda: ^", {"abs", "if", "now", "limit", "crit", "TRUE"}, {"cpu", "AND", "stream"}),
        (VARS + 'cpu|where(lambda: "a" > li^', {"limit", "abs"}, {"cpu"}),
        (VARS + 'cpu|where(lambda: strLength("a", ^', {"limit", "abs"}, {"cpu", "lambda"}),
        (VARS + 'cpu|where(lambda: (abs("a") + -^', {"limit", "abs"}, {"AND"}),
        (VARS + 'cpu|where(lambda: "a" > 1 ^', {"AND", "OR"}, {"abs", "var"}),
        ('var crit = lambda: "a" > 1 ^', {"AND", "OR", "var", "stream"}, {"abs"}),
        ('var crit = lambda: "a" > ^', {"abs"}, {"crit", "var"}),
        (VARS + "cpu|eval(lambda: 1, ^", {"lambda", "crit"}, {"abs"}),
        # values, of the types that are taken
        (VARS + "cpu|where(^", {"lambda", "crit"}, {"cpu", "abs", "TRUE", "stream"}),
        (VARS + "var mem = stream|from()\ncpu|join(^", {"cpu", "mem"}, {"limit", "lambda", "stream"}),
        (VARS + "cpu|barrier().delete(^", {"TRUE", "FALSE", "limit"}, {"cpu", "lambda"}),
        ("batch|query('').groupBy(^", {"time"}, {"lambda"}),
        (VARS + "var x = ^", {"stream", "lambda", "TRUE", "limit", "cpu"}, {"x", "var", "batch"}),
        ("var x = 5\nvar y = ^", {"stream", "batch", "x"}, {"y"}),
        (VARS + "cpu|groupBy([^", {"limit"}, {"cpu"}),
        # statements
        ("^", {"var", "dbrp", "stream", "batch"}, {"lambda"}),
        (VARS + "\n^", {"var", "cpu", "stream"}, {"batch", "limit"}),
        (VARS + "cp^", {"var", "cpu"}, {"limit"}),
        ('dbrp "a"."b"\n^', {"var", "stream"}, set()),
        ("var x ^", {"int", "float", "lambda", "list"}, {"stream"}),
        ("var x st^", {"string", "star"}, {"stream"}),
    ],
)
def test_what_fits_is_offered(text: str, there: set[str], not_there: set[str]) -> None:
    found = offered(text)
    assert there <= found.keys() and not found.keys() & not_there


@pytest.mark.parametrize(
    "text",
    [
        "stream|from() // |^",
        "stream|from() // a comment\n  / that goes on |^",
        "stream|from().measurement('c^",
        "batch|query('''SELECT x\nFROM y |^",
        'stream|from()|where(lambda: "c^',
        'stream|from()|where(lambda: "a" =~ /c^',
        "stream|from().measurement('cpu'^",
        "stream|window().period(5^",
        "stream|window().period(5m^",
        "var ^",
        "var x^",
        "dbrp ^",
        'dbrp "a".^',
        "stream|from()|where(lambda: $^",
    ],
)
def test_nothing_is_offered_where_there_is_nothing_to_know(text: str) -> None:
    assert not offered(text)


@pytest.mark.parametrize(
    "before",
    [
        "stream|from(\n",  # a bracket is open
        "stream|from().measurement('cpu\n",  # a text is
        'stream|from()|where(lambda: "cpu\n',
        "stream|\n",  # no name
        "var x =\n",
        "stream|from()|where(lambda: $ > 5)\n",  # no word
        "stream|from()|where(lambda: 1 +)\n",
        "))]]|.|,\n",
        "var = = var\n",
    ],
)
def test_what_is_wrong_before_does_not_hide_what_comes_after(before: str) -> None:
    assert "window" in offered(before + "var cpu = stream|from()\n\ncpu\n    |^")
    assert "period" in offered(before + "var cpu = stream|from()\n\ncpu\n    |window()\n.^")
    assert "cpu" in offered(before + "var cpu = stream|from()\n\n^")


def test_nothing_may_stand_behind_what_is_wrong() -> None:
    assert "stream" in offered("$\n\n^")
    assert "stream" in offered("$\n// nothing\n^")


def test_what_stands_behind_does_not_count() -> None:
    assert "period" in offered("stream|from()|window().^\n    .every(1m)\n    |mean('x')\n")
    assert "later" not in offered("var x = ^\nvar later = 5\n")


def test_a_bracket_that_is_open_ends_where_the_chain_goes_on() -> None:
    assert "period" in offered("stream|from()|window(\n    .^")
    assert "groupBy" in offered("stream|from().measurement('cpu'\n    .^")
    assert "window" in offered('stream|from()|where(lambda: abs("x") > 5\n    |^')
    assert "groupBy" in offered('stream|from().where(lambda: (abs("x" > 5\n    .^')
    assert set(offered("var a = stream|from()|window()\na|join(a.^")) == set(offered("stream|from()|window().^"))


def test_text_that_is_not_ascii_moves_nothing() -> None:
    assert "limit" in offered("// é𝄞\nvar limit = '𝄞é'\nstream|from()|where(lambda: \"é\" == lim^")
    assert "where" in offered("stream|from().measurement('𝄞')\n  |wh^")


def test_functions_are_those_of_the_configuration() -> None:
    smooth = FunctionSpec("smooth", Edge.STREAM, Edge.STREAM, {"size": ("INT",), "field": ("STRING", "STRING")})
    registry = replace(every_node(), functions={"smooth": smooth})
    assert set(offered(FROM + "@^", registry)) == {"smooth"}
    found = offered(FROM + "@smooth().^", registry)
    assert set(found) == {"size", "field", "quiet"}
    assert found["field"].head == ".field(string, string)"
    assert "window" in offered(FROM + "@smooth()|^", registry)
    assert not offered(FROM + "@^")


def test_items_say_how_they_are_written_and_what_they_are_for() -> None:
    found = offered(FROM + "|^")
    node = found["derivative"]
    assert (node.kind, node.called, node.head) == (Kind.NODE, True, "|derivative(field string)")
    assert node.about.startswith("Takes stream or batch. Gives the same.\n\nPuts (value - previous value)")
    every = offered(FROM + "|window().^")["every"]
    assert (every.head, every.about) == (".every(duration)", "How often it is emitted. 0: with every point.")
    function = offered(FROM + "|where(lambda: ^")["strSubstring"]
    assert (function.kind, function.head) == (Kind.FUNCTION, "strSubstring(string, int, int) string")
    handler = offered(FROM + "|alert().^")["slack"]
    assert handler.kind is Kind.HANDLER and "Slack" in handler.about
    var = offered("// At most so much.\nvar limit = 5\nstream|from()|where(lambda: ^")["limit"]
    assert (var.kind, var.head, var.about) == (Kind.VAR, "var limit = 5", "At most so much.")
    assert offered(FROM + "|where(^")["lambda"].text == "lambda: "
