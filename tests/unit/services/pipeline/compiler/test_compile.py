"""From scripts to graphs, and every way in which a script does not fit. The texts are Kapacitor 1.5.7's."""

from __future__ import annotations

import time
from typing import Any

import pytest

from grammar.tickscript.ast import TickscriptError
from grammar.tickscript.formatter import format_expression
from grammar.tickscript.parser import parse
from services.pipeline.compiler.compile import Compiled, InvalidTaskType, api_error, compile_script
from services.pipeline.compiler.vars import parse_vars, vars_json
from services.pipeline.graph import GraphNode
from services.pipeline.spec import STAR, Duration, TimeDimension
from tests.support.nodes import REGISTRY


def compiled(script: str, given: dict[str, Any] | None = None, template: bool = False) -> Compiled:
    return compile_script(parse(script), REGISTRY, parse_vars(given), template=template)


def error(script: str, given: dict[str, Any] | None = None, template: bool = False) -> str:
    with pytest.raises(TickscriptError) as raised:
        compiled(script, given, template)
    return api_error(raised.value)


def refused(script: str, given: dict[str, Any] | None = None, template: bool = False) -> str:
    return error(script, given, template).removeprefix("invalid TICKscript: ")


def node(script: Compiled, name: str) -> GraphNode:
    return next(n for n in script.graph.nodes if n.name == name)


def edges(script: Compiled) -> list[tuple[str, str]]:
    return [(n.name, c.name) for n in script.graph.nodes for c in n.children]


def test_chains_become_numbered_nodes_with_their_properties() -> None:
    script = compiled(
        """
        var src = stream
            |from()
                .measurement('cpu')
                .groupBy('host', 'dc')
        src|window().period(10s).every(5s).align()|mean('usage').as('m')
        src|default().field('a', 1).field('b', 2.0).field('c', 3s)|httpOut('top')
        """
    )
    assert script.type == "stream"
    assert edges(script) == [
        ("stream0", "from1"),
        ("from1", "window2"),
        ("from1", "default4"),
        ("window2", "mean3"),
        ("default4", "http_out5"),
    ]
    assert [n.provides.value for n in script.graph.nodes] == ["stream", "stream", "batch", "stream", "stream", "stream"]
    assert node(script, "from1").properties.group_by == ["host", "dc"]
    window = node(script, "window2").properties
    assert (window.period, window.every, window.align) == (10_000_000_000, 5_000_000_000, True)
    assert type(window.period) is int
    assert (node(script, "mean3").properties.field, node(script, "mean3").properties.as_) == ("usage", "m")
    fields = node(script, "default4").properties.fields
    assert fields == {"a": 1, "b": 2.0, "c": 3_000_000_000}
    assert type(fields["c"]) is Duration


def test_a_property_set_through_a_var_changes_the_one_node() -> None:
    script = compiled("var a = stream|from()\nvar b = a.measurement('m')\nb|log()\na|log()")
    assert node(script, "from1").properties.measurement == "m"
    assert edges(script) == [("stream0", "from1"), ("from1", "log2"), ("from1", "log3")]


def test_join_and_union_use_up_a_number_for_every_parent() -> None:
    script = compiled(
        "var a = stream|from()\nvar b = stream|from()\na|join(b, a|log()).as('a', 'b', 'c')|httpOut('x')\na|union(b)"
    )
    joined, united = node(script, "join6"), node(script, "union9")
    assert [p.name for p in joined.parents] == ["from1", "from2", "log3"]
    assert [p.name for p in joined.properties.others] == ["from2", "log3"]
    assert [p.name for p in united.parents] == ["from2", "from1"]
    assert [n.name for n in script.graph.topological()] == [
        "stream0",
        "from2",
        "from1",
        "union9",
        "log3",
        "join6",
        "http_out7",
    ]


def test_parents_of_different_edges_compile_but_cannot_run() -> None:
    script = compiled("var a = stream|from()\nvar w = stream|from()|window()\na|union(w)")
    assert script.graph.mismatch() == "cannot add child mismatched edges: window3:batch -> union5:stream"
    assert compiled("stream|from()|window()|mean('v')|log()").graph.mismatch() is None


def test_a_node_made_of_several_takes_its_numbers_in_order() -> None:
    script = compiled("stream|from()|stats(10s)|log()")
    assert edges(script) == [("stream0", "from1"), ("from1", "noop3"), ("stats2", "log4")]
    assert node(script, "stats2").properties.source is node(script, "from1")
    assert [n.name for n in script.graph.sources()] == ["stream0", "stats2"]


def test_handlers_take_their_own_properties_and_their_nodes() -> None:
    script = compiled(
        """stream|from()|alert()
            .post('http://a').header('k', 'v').crit(lambda: "v" > 1)
            .post().stateChangesOnly().flapping(0.1, 0.2).inhibit('c', 'x', 'y').quiet()
            |log()"""
    )
    alert = node(script, "alert2")
    assert [(h.kind, h.properties.urls, h.properties.headers) for h in alert.properties.handlers] == [
        ("post", ["http://a"], {"k": "v"}),
        ("post", [], {}),
    ]
    assert format_expression(alert.properties.crit.expression) == '"v" > 1'
    assert alert.properties.state_changes_only == 0
    assert alert.properties.flapping == (0.1, 0.2)
    assert alert.properties.inhibitors == [("c", "x", "y")]
    assert alert.quiet and not node(script, "from1").quiet
    assert edges(script)[-1] == ("alert2", "log3")


def test_conditions_are_joined_and_keep_their_meaning() -> None:
    script = compiled("""stream|from().where(lambda: "a" == 1 OR "b" == 2).where(lambda: "c" == 3)""")
    where = node(script, "from1").properties.where
    assert format_expression(where.expression) == '("a" == 1 OR "b" == 2) AND ("c" == 3)'


def test_vars_are_folded_into_lambdas() -> None:
    script = compiled(
        """var limit = 10.0
        var pat = /^web/
        var high = lambda: "v" > limit OR "w" > -limit
        var both = lambda: "host" =~ pat AND high
        stream|from()|where(both)|eval(lambda: if(high, 'x' + 'y', 'z')).as('e')"""
    )
    expected = '"host" =~ /^web/ AND ("v" > 10.0 OR "w" > -10.0)'
    assert format_expression(node(script, "where2").properties.condition.expression) == expected
    (e,) = node(script, "eval3").properties.expressions
    assert format_expression(e.expression) == """if("v" > 10.0 OR "w" > -10.0, 'x' + 'y', 'z')"""


def test_a_list_is_spread_over_the_arguments() -> None:
    script = compiled("var by = ['host', *]\nvar no = []\nstream|from().groupBy(['a', 'b'])\nstream|from().groupBy(no)")
    assert node(script, "from1").properties.group_by == ["a", "b"]
    assert node(script, "from2").properties.group_by == []
    assert node(compiled("stream|from().groupBy(*)"), "from1").properties.group_by == [STAR]


def test_batch_dimensions_take_time() -> None:
    script = compiled("batch|query('SELECT 1').every(1m).groupBy(time(10s, 2s), 'host')")
    assert script.type == "batch"
    assert node(script, "query1").properties.group_by == [TimeDimension(10_000_000_000, 2_000_000_000), "host"]


def test_vars_of_a_template_with_types_defaults_and_descriptions() -> None:
    script = compiled(
        """
        // what to read
        //
        var what string
        var base = 4
        var twice = base * 2
        var neg = -base
        var text = 'a' + 'b' + 'c'
        var big = twice > 5
        var flip = !big
        var span = 30s * base
        var ratio = 1h / 1m
        var sel = if(big, 'yes', 'no') + '!'
        var sum = 1 + int('7')
        var part = int('7')
        var re = /a/
        var all = * // trailing
        // cond
        var cond = lambda: "v" > base AND "w" < -base
        var tags = [what, 'dc', base]
        var node = stream|from()
        """,
        template=True,
    )
    shown = vars_json(script.vars)
    assert {name: (v["type"], v["value"]) for name, v in shown.items() if name != "tags"} == {
        "what": ("string", None),
        "base": ("int", 4),
        "twice": ("int", 8),
        "neg": ("int", -4),
        "text": ("string", "abc"),
        "big": ("bool", True),
        "flip": ("bool", False),
        "span": ("duration", 120_000_000_000),
        "ratio": ("int", 60),
        "sel": ("string", "yes!"),
        "sum": ("int", 8),
        "re": ("regex", "a"),
        "all": ("star", {"typeOf": "star"}),
        "cond": ("lambda", '"v" > 4 AND "w" < -4'),
    }
    assert shown["tags"]["value"][1:] == [
        {"type": "string", "value": "dc", "description": ""},
        {"type": "int", "value": 4, "description": ""},
    ]
    assert shown["what"]["description"] == "what to read\n"
    assert "cond" in shown["cond"]["description"] and "trailing" in shown["cond"]["description"]


def test_vars_from_outside_win_and_what_is_computed_follows() -> None:
    script = compiled(
        "var base = 2\nvar twice = base * 2\nvar by list\nvar only lambda\nvar d = 1s\n"
        "stream|from().groupBy(by)|where(only)|eval(lambda: twice).as('t')|window().period(d)",
        {
            "base": {"type": "int", "value": 10},
            "by": {"type": "list", "value": [{"type": "star", "value": None}]},
            "only": {"type": "lambda", "value": "\"host\" != 'c'"},
            "d": {"type": "duration", "value": "1h30m"},
            "unused": {"type": "string", "value": "z"},
        },
    )
    assert node(script, "from1").properties.group_by == [STAR]
    assert format_expression(node(script, "where2").properties.condition.expression) == "\"host\" != 'c'"
    assert format_expression(node(script, "eval3").properties.expressions[0].expression) == "20"
    assert node(script, "window4").properties.period == 5400 * 10**9


def test_dbrps_come_from_statements() -> None:
    script = compiled('dbrp "telegraf"."autogen"\nstream|from()\ndbrp "b"."c"')
    assert script.dbrps == (("telegraf", "autogen"), ("b", "c"))


@pytest.mark.parametrize(
    "script",
    [
        "   \n",
        "// only a comment",
        "var x = 5",
        "5",
        "stream",
        "stream|from()\nbatch|query('x')",
        "var x = batch\nstream|from()",
        "nothing|from()",
    ],
)
def test_the_type_comes_from_the_script_alone(script: str) -> None:
    assert error(script) == "invalid task type: invalid"
    with pytest.raises(InvalidTaskType):
        compiled(script, template=True)


FROM = "stream|from().measurement('m')"


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("stream|nosuch()", 'line 1 char 8: no method or property "nosuch" on *pipeline.StreamNode'),
        (FROM + "|nosuch('x')", 'line 1 char 32: no method or property "nosuch" on *pipeline.FromNode'),
        (
            "stream\n    |from()\n        .measurement('m')\n        .nosuch(1)",
            'line 4 char 10: no method or property "nosuch" on *pipeline.FromNode',
        ),
        (FROM + "|mean('v').nosuch('x')", 'line 1 char 42: no method or property "nosuch" on *pipeline.InfluxQLNode'),
        (FROM + "@nosuch()", 'line 1 char 32: no method or property "nosuch" on *pipeline.FromNode'),
        ("stream.nosuch", "line 1 char 7: object *pipeline.StreamNode has no property nosuch"),
        ("batch|from()", 'line 1 char 7: no method or property "from" on *pipeline.BatchNode'),
        ("stream\n    |httpOut('x')", 'line 2 char 6: no method or property "httpOut" on *pipeline.StreamNode'),
        ("stream|from()|noOp()", 'line 1 char 15: no method or property "noOp" on *pipeline.FromNode'),
        (
            "stream|from()|influxDBOut()|log()",
            'line 1 char 29: no method or property "log" on *pipeline.InfluxDBOutNode',
        ),
        (
            "stream|from()|alert().post('u').nosuch()",
            'line 1 char 33: no method or property "nosuch" on *pipeline.AlertHTTPPostHandler',
        ),
        (
            "stream|from().window()",
            'line 1 char 15: no property method "window" on *pipeline.FromNode, but chaining method does exist. '
            "Use '|' operator instead: 'node|window(..)'.",
        ),
        (
            "stream|from()|measurement('m')",
            'line 1 char 15: no chaining method "measurement" on *pipeline.FromNode, but property does exist. '
            "Use '.' operator instead: 'node.measurement(..)'.",
        ),
        (
            "stream|from()@window()",
            'line 1 char 15: no dynamic method "window" on *pipeline.FromNode, but chaining method does exist. '
            "Use '|' operator instead: 'node|window(..)'.",
        ),
        ("var x = 5\nstream|from()\nx|log()", "line 3 char 3: cannot get properties of non pointer value"),
        ("stream|from().measurement(nosuch)", 'name "nosuch" is undefined. Names in scope: time,stream'),
        ('stream|from()|where(lambda: "v" > n)', 'name "n" is undefined. Names in scope: time,stream'),
        ("stream|from()measurement('m').groupBy('h')", "line 1 char 31: cannot get properties of non pointer value"),
        ("stream|from()\nfoo(1)", 'line 2 char 1: no global function "foo" defined'),
        ("var s = stream|from()\ns|where(lambda: s)", "unsupported literal type *pipeline.FromNode"),
    ],
)
def test_names_that_do_not_exist(script: str, text: str) -> None:
    assert refused(script) == text


CALL = "error calling func"


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (
            "stream|from().measurement('a', 'b')",
            "line 1 char 15: too many arguments to set property Measurement on *pipeline.FromNode",
        ),
        (
            FROM + "|window().period(1s, 2s)",
            "line 1 char 41: too many arguments to set property Period on *pipeline.WindowNode",
        ),
        (
            FROM + "|window().period()",
            "line 1 char 41: too few arguments to set property Period on *pipeline.WindowNode",
        ),
        (
            FROM + "|window('x')",
            f'line 1 char 32: {CALL} "window" on obj *pipeline.FromNode: too many arguments: got 1, takes 0',
        ),
        (
            FROM + "|mean()",
            f'line 1 char 32: {CALL} "mean" on obj *pipeline.FromNode: too few arguments: got 0, takes 1',
        ),
        (
            FROM + "|window().period(10)",
            f'line 1 char 41: {CALL} "period" on obj *pipeline.WindowNode: expected duration, got int',
        ),
        (
            FROM + "|window().align(TRUE)",
            f'line 1 char 41: {CALL} "align" on obj *pipeline.WindowNode: too many arguments: got 1, takes 0',
        ),
        (
            FROM + "|where(TRUE)",
            f'line 1 char 32: {CALL} "where" on obj *pipeline.FromNode: expected lambda, got boolean',
        ),
        (
            FROM + "|eval(lambda: 1, 2).as('a', 'b')",
            f'line 1 char 32: {CALL} "eval" on obj *pipeline.FromNode: expected lambda, got int',
        ),
        (FROM + "|join('a')", f'line 1 char 32: {CALL} "join" on obj *pipeline.FromNode: expected node, got string'),
        (
            FROM + "|alert().flapping(0.1, 1)",
            f'line 1 char 40: {CALL} "flapping" on obj *pipeline.AlertNode: expected float, got int',
        ),
        (
            'stream|from().measurement("m")',
            "line 1 char 15: cannot assign *ast.ReferenceNode to type string, "
            "did you use double quotes instead of single quotes?",
        ),
        (
            "stream\n    |from()\n    |window()\n    |window()",
            'line 4 char 6: error calling func "window" on obj *pipeline.WindowNode: cannot Window batch edge',
        ),
        ("stream|from().groupBy(5)", "invalid dimension object of type int64"),
        ("stream|from().groupBy(5s)", "invalid dimension object of type time.Duration"),
        ("stream|from().groupBy(/a/)", "invalid dimension object of type *regexp.Regexp"),
        ("stream|from().groupBy(time(10s))", "invalid dimension object of type kapacitor.TimeDimension"),
        ("stream|from().groupBy('')", "dimensions cannot not be the empty string"),
        ("stream|from().groupBy(*, 'host')", "cannot group by both '*' and named dimensions."),
        (
            "stream|from()|eval(lambda: 1, lambda: 2).as('a')",
            "must specify same number of expressions and .as() names: got 1 as names, and 2 expressions.",
        ),
        ("stream|from()|alert().post().header('Authenticate', 'x')", "invalid post: cannot set 'authenticate' header"),
        ("var x = stream", "task does nothing"),
    ],
)
def test_arguments_that_do_not_fit(script: str, text: str) -> None:
    assert refused(script) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            "1 + 2.0",
            "mismatched type to binary operator. got int + float. see bool(), int(), float(), string(), duration()",
        ),
        ("'a' - 'b'", "invalid math operator - for type string"),
        ("!5", "line 1 char 9: invalid arugument to '!' 5"),
        ("-'a'", "line 1 char 9: invalid arugument to '-' a"),
        ("-TRUE", "line 1 char 9: invalid arugument to '-' true"),
        (
            "1h + 5",
            "mismatched type to binary operator. got duration + int. see bool(), int(), float(), string(), duration()",
        ),
        ("'a' AND TRUE", "invalid logical operator AND for type string"),
        ('"r" + 1', 'name "r" is undefined. Names in scope: '),
        ("5 =~ /5/", "invalid comparison operator =~ for type int"),
        ("TRUE > FALSE", "invalid comparison operator > for type boolean"),
        ("1 + abs(2)", 'Cannot call function "abs" with args (2: int), available signatures are [(float)].'),
        ("1 + nosuch(2)", 'undefined function: "nosuch"'),
        (
            "(1 + 2) * 'a'",
            "mismatched type to binary operator. got int * string. see bool(), int(), float(), string(), duration()",
        ),
    ],
)
def test_vars_that_cannot_be_worked_out(value: str, text: str) -> None:
    assert refused(f"var x = {value}\n{FROM}") == text


INT = {"type": "int", "value": 1}
FLOAT = {"type": "float", "value": 1}


@pytest.mark.parametrize(
    ("script", "given", "text"),
    [
        ("var x int", {}, 'missing value for var "x".'),
        ("var x int", {"x": FLOAT}, "invalid type supplied for x, got float exp int"),
        ("var x integer", {"x": INT}, 'invalid var type "integer"'),
        ("var x int\nvar x float", {"x": INT}, "invalid type supplied for x, got int exp float"),
        ("var x = 5", {"x": FLOAT}, "invalid type supplied for x, got float exp int"),
        ("var x = TRUE", {"x": INT}, "invalid type supplied for x, got int exp boolean"),
        ("var x = stream|from()", {"x": INT}, "invalid type supplied for x, got int exp invalid type"),
        ("var x = 1\nvar x = 2", {"x": INT}, "attempted to redefine x, vars are immutable"),
        ("var stream = 1", {}, "attempted to redefine stream, vars are immutable"),
        ("var time = 1", {}, "attempted to redefine time, vars are immutable"),
    ],
)
def test_vars_that_do_not_fit(script: str, given: dict[str, Any], text: str) -> None:
    assert refused(f"{script}\n{FROM}", given) == text


def test_a_template_is_checked_without_its_values() -> None:
    script = "var a int\nvar a int\nvar d duration\nvar l lambda\nvar r regex\nvar li list\nvar st star\nvar s string\n"
    used = 'stream|from().measurement(s).groupBy(li)|where(l)|where(lambda: "h" =~ r AND l)|window().period(d).every(d)'
    assert all(v.value is None for v in compiled(script + used, template=True).vars.values())
    assert vars_json(compiled(f"var x float\nvar y = 1.0 + x\n{FROM}", template=True).vars)["y"]["value"] == 1.0
    assert compiled("var x = stream", template=True).vars == {}
    assert refused(f"var x int\nvar x = 1\n{FROM}", template=True) == "attempted to redefine x, vars are immutable"
    assert "divi" in refused(f"var x int\nvar y = 10 / x\n{FROM}", template=True)
    assert "expected duration, got int" in refused(f"var x int\n{FROM}|window().period(x)", template=True)


def test_errors_of_a_chain_name_its_place() -> None:
    with pytest.raises(TickscriptError) as raised:
        compiled("stream\n    |from()\n    |nosuch()")
    assert (raised.value.position.line, raised.value.position.char) == (3, 6)


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ('var v0 = lambda: "a"\n' + "\n".join(f"var v{i + 1} = lambda: v{i} OR v{i}" for i in range(40)), "parts"),
        ('var v0 = lambda: "a"\n' + "\n".join(f"var v{i + 1} = lambda: v{i} + 1" for i in range(200)), "too deeply"),
        ("var v0 = 'abc'\n" + "\n".join(f"var v{i + 1} = v{i} + v{i}" for i in range(40)), "more than 1048576"),
        ("var v0 = ['a', 'b']\n" + "\n".join(f"var v{i + 1} = [v{i}, v{i}]" for i in range(40)), "more than 20000"),
    ],
)
def test_vars_in_vars_do_not_come_to_more_than_can_be_held(script: str, text: str) -> None:
    begun = time.process_time()
    assert text in refused(script + "\nstream|from()|log()")
    assert time.process_time() - begun < 2


def test_a_start_with_a_thousand_tasks_is_not_held_up() -> None:
    tree = parse(
        """var limit = 90.0
        var cond = lambda: "usage" > limit
        stream
            |from().measurement('cpu').groupBy('host')
            |where(cond)
            |window().period(1m).every(1m)
            |mean('usage').as('m')
            |alert().crit(lambda: "m" > limit).post('http://x')
            |httpOut('x')"""
    )
    fastest = min(_seconds(lambda: compile_script(tree, REGISTRY)) for _ in range(30))
    assert fastest < 0.001


def _seconds(work: Any) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
