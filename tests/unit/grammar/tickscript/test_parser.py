"""The words and places of syntax errors, as Kapacitor 1.5.7 answered them."""

import pytest

from grammar.tickscript.ast import (
    Binary,
    Call,
    Chain,
    Declaration,
    ExpressionStatement,
    Identifier,
    Link,
    Node,
    Number,
    Position,
    Reference,
    Regex,
    TickscriptError,
    Unary,
)
from grammar.tickscript.formatter import format_script
from grammar.tickscript.limits import check_size
from grammar.tickscript.parser import parse, parse_lambda

OPERAND = '"number","string","duration","identifier","TRUE","FALSE","==","(","-","!"'
IDENTIFIER = '"identifier"'
ITEM = '"identifier","string","*"'
CLOSE = '")"'
CLOSE_LIST = '"]"'

# script, what was unexpected, where, the text around it, what was expected
UNEXPECTED = [
    ("stream||from()", "|", 1, 8, "stream||from()", IDENTIFIER),
    ("stream|from(", "EOF", 1, 13, "ream|from(", OPERAND),
    ("stream|from()|", "EOF", 1, 15, "am|from()|", IDENTIFIER),
    ("stream|from().", "EOF", 1, 15, "am|from().", IDENTIFIER),
    ("stream|", "EOF", 1, 8, "stream|", IDENTIFIER),
    ("stream|from()\n    .measurement('m'\n", "EOF", 3, 1, "", CLOSE),
    ("stream|from()\n    .measurement('m'))\n", ")", 2, 22, "ement('m'))", OPERAND),
    ("stream|from().groupBy('a' 'b')", "string", 1, 27, "oupBy('a' 'b')", CLOSE),
    ("stream|from().groupBy(,)", ",", 1, 23, ").groupBy(,)", OPERAND),
    ("var", "EOF", 1, 4, "var", IDENTIFIER),
    ("var x", "EOF", 1, 6, "var x", IDENTIFIER),
    ("var x =\n", "EOF", 2, 1, "", OPERAND),
    ("var x int = 5\n", "=", 1, 11, "var x int = 5", OPERAND),
    ("x = 5\n", "=", 1, 3, "x = 5", OPERAND),
    ("(stream)|from()", "|", 1, 9, "(stream)|from()", OPERAND),
    ("var x = 5|foo()\n", "|", 1, 10, "var x = 5|foo()", OPERAND),
    ("var x = 'a'.foo()\n", ".", 1, 12, "ar x = 'a'.foo()", OPERAND),
    ("stream|from().measurement('m');", "unknown state, last char: ';'", 1, 31, "ement('m');", OPERAND),
    ("stream|from().measurement('m')\n\n   )\n", ")", 3, 4, "   )", OPERAND),
    (
        'stream\n    |from()\n        .measurement(\'m\')\n    |where(lambda: "aaaaaaaaaaaaaaaaaa" > 10 10 AND "b")\n',
        "number",
        4,
        46,
        'aaa" > 10 10 AND "b"',
        CLOSE,
    ),
    ("var grün = 'äö' + #\n", "unknown state, last char: '#'", 1, 22, " 'äö' + #", OPERAND),
    ("\t\tvar x = #\n", "unknown state, last char: '#'", 1, 11, "\t\tvar x = #", OPERAND),
    ("var x = 1\r\nvar y = #\r\n", "unknown state, last char: '#'", 2, 9, "var y = #\r", OPERAND),
    ("\n\n\n   #\n", "unknown state, last char: '#'", 4, 4, "   #", OPERAND),
    ("// comment\n// comment\nvar x = 1 // comment\nvar = 2\n", "=", 4, 5, "var = 2", IDENTIFIER),
    ("var a = '''one\ntwo\n''' #\n", "unknown state, last char: '#'", 3, 5, "''' #", OPERAND),
    ("var x = [1, 2]\n", "number", 1, 10, "var x = [1, 2]", ITEM),
    ("var x = ['a' 'b']\n", "string", 1, 14, " x = ['a' 'b']", CLOSE_LIST),
    ('var x = ["a"]\n', "reference", 1, 10, 'var x = ["a"]', ITEM),
    ("var x = [lambda: TRUE]\n", "lambda", 1, 10, "var x = [lambda: TR", ITEM),
    ("var x = ['a', ['b']]\n", "[", 1, 15, "x = ['a', ['b']]", ITEM),
    ("var x = ['a'\nstream|from()", "identifier", 2, 1, "stream|fro", CLOSE_LIST),
    ("var x = [,]\n", ",", 1, 10, "var x = [,]", ITEM),
    ("var x = [-1]\n", "-", 1, 10, "var x = [-1]", ITEM),
    ("var x = ['a' + 'b']\n", "+", 1, 14, " x = ['a' + 'b']", CLOSE_LIST),
    ("stream|from().measurement('m')|where(lambda: )", ")", 1, 46, "e(lambda: )", OPERAND),
    ("stream|from().measurement('m')|where(lambda \"a\" > 1)", "reference", 1, 45, 're(lambda "a" > 1)', CLOSE),
    (
        "stream|from().measurement('m')|where(lambda : \"a\" > 1)",
        "unknown state, last char: ':'",
        1,
        45,
        're(lambda : "a" > 1)',
        CLOSE,
    ),
    ("stream|from().measurement('m')|eval(lambda: 1 + ).as('x')", ")", 1, 49, "mbda: 1 + ).as('x')", OPERAND),
    ("stream|from().measurement('m')|eval(lambda: (1 + 2).as('x')", ".", 1, 52, "a: (1 + 2).as('x')", CLOSE),
    ("stream|from().measurement('m')|where(lambda: \"a\" = 2)", "=", 1, 50, 'mbda: "a" = 2)', CLOSE),
    (
        "stream|from().measurement('m')|where(lambda: \"a\" && 2)",
        "unknown state, last char: '&'",
        1,
        50,
        'mbda: "a" && 2)',
        CLOSE,
    ),
    (
        'stream|from().measurement(\'m\')|where(lambda: "a" == 1 and "b" == 2)',
        "identifier",
        1,
        55,
        ' "a" == 1 and "b" ==',
        CLOSE,
    ),
    (
        "stream|from().measurement('m')|where(lambda: \"a\" > > 2)",
        "unknown state, last char: '>'",
        1,
        52,
        'da: "a" > > 2)',
        OPERAND,
    ),
    ('stream|from().measurement(\'m\')|where(lambda: "a" "b")', "reference", 1, 50, 'mbda: "a" "b")', CLOSE),
    ("stream|from().measurement('m')|where(lambda: lambda: TRUE)", "lambda", 1, 46, "e(lambda: lambda: TR", OPERAND),
    ("stream|from().measurement('m')|where(lambda: [1] == 1)", "[", 1, 46, "e(lambda: [1] == 1)", OPERAND),
    ("stream|from().measurement('m')|where(lambda: \"a\".b > 1)", ".", 1, 49, 'ambda: "a".b > 1)', CLOSE),
    ("stream|from().measurement('m')|where(lambda: abs(\"a\" > 1)", "EOF", 1, 58, 's("a" > 1)', CLOSE),
    ("stream|from().measurement('m')|where(lambda: 1e3 > \"a\")", "identifier", 1, 47, '(lambda: 1e3 > "a")', CLOSE),
    ("stream|from().measurement('m')|where(lambda: * > 1)\n|log(\n", "*", 1, 46, "e(lambda: * > 1)", OPERAND),
    ("var _x = 1\n", "unknown state, last char: '_'", 1, 5, "var _x = 1", IDENTIFIER),
    ("var 1x = 1\n", "number", 1, 5, "var 1x = 1", IDENTIFIER),
    ("var var = 1\n", "var", 1, 5, "var var = 1", IDENTIFIER),
    ("var dbrp = 1\n", "dbrp", 1, 5, "var dbrp = 1", IDENTIFIER),
    ("var TRUE = 1\n", "TRUE", 1, 5, "var TRUE = 1", IDENTIFIER),
    ("var AND = 1\n", "AND", 1, 5, "var AND = 1", IDENTIFIER),
    ("var a-b = 1\n", "-", 1, 6, "var a-b = 1", IDENTIFIER),
    ('var "x" = 1\n', "reference", 1, 5, 'var "x" = 1', IDENTIFIER),
    ("var x = 1.2.3\n", "multiple decimals in number", 1, 9, "var x = 1.2.3", OPERAND),
    ("var x = 5 5.5.5\n", "multiple decimals in number", 1, 11, "var x = 5 5.5.5", OPERAND),
    ("var x = 1..2\n", "multiple decimals in number", 1, 9, "var x = 1..2", OPERAND),
    ("var x = /a\n", "unterminated regex", 1, 9, "var x = /a", OPERAND),
    ("var x = /a/ == /a/\n", "unknown state, last char: '='", 1, 13, "r x = /a/ == /a/", OPERAND),
    ("var x = /a\\\\/\nvar y = 'b' =~ /c/\nvar z = 1\n", "var", 3, 1, "var z = 1", OPERAND),
    (
        "stream\n    |from()\n        .measurement('m')\n    |where(lambda: /a/)\n",
        "/",
        4,
        20,
        "e(lambda: /a/)",
        OPERAND,
    ),
]

VALUELESS = [
    ("var x = 09\n", 'parser: illegal number syntax: "09"'),
    ("var x = 9223372036854775808\n", 'parser: illegal number syntax: "9223372036854775808"'),
]


@pytest.mark.parametrize(("script", "found", "line", "char", "around", "expected"), UNEXPECTED)
def test_names_the_first_token_that_fits_nowhere(
    script: str, found: str, line: int, char: int, around: str, expected: str
) -> None:
    with pytest.raises(TickscriptError) as caught:
        parse(script)
    where = f"line {line} char {char}"
    assert str(caught.value) == f'parser: unexpected {found} {where} in "{around}". expected: {expected}'
    assert str(caught.value.position) == where


@pytest.mark.parametrize(("script", "message"), VALUELESS)
def test_refuses_literals_without_a_value(script: str, message: str) -> None:
    with pytest.raises(TickscriptError) as caught:
        parse(script)
    assert str(caught.value) == message


def test_a_literal_without_a_value_comes_before_a_later_syntax_error() -> None:
    with pytest.raises(TickscriptError, match='illegal number syntax: "09"'):
        parse("var x = 09 var")


@pytest.mark.parametrize(
    ("text", "found", "char", "around"),
    [
        ("", "EOF", 1, ""),
        ('"a" >', "EOF", 6, '"a" >'),
        ('lambda: "a"', "lambda", 1, 'lambda: "a'),
    ],
)
def test_lambda_errors_count_from_the_start_of_the_lambda(text: str, found: str, char: int, around: str) -> None:
    with pytest.raises(TickscriptError) as caught:
        parse_lambda(text)
    assert str(caught.value) == f'parser: unexpected {found} line 1 char {char} in "{around}". expected: {OPERAND}'


def test_a_lambda_is_one_expression() -> None:
    with pytest.raises(TickscriptError) as caught:
        parse_lambda("1 2")
    assert str(caught.value) == 'parser: unexpected number line 1 char 3 in "1 2". expected: "EOF"'


def test_a_character_cut_in_two_shows_as_a_replacement_for_each_byte() -> None:
    with pytest.raises(TickscriptError) as caught:
        parse("var x = '✓1234567' #")
    assert 'in "\ufffd1234567\' #"' in str(caught.value)


@pytest.mark.parametrize("text", ["(" * 5000, "-" * 5000 + "1", "abs(" * 5000 + "1" + ")" * 5000])
def test_too_deep_a_nesting_is_an_error_of_the_script(text: str) -> None:
    with pytest.raises(TickscriptError, match="nested too deeply"):
        parse_lambda(text)


def test_positions_are_those_that_errors_name() -> None:
    script = parse("// grün\nvar grün = 'ü' + -f(1)\nstream\n  | from()\n  .where(lambda: \"a\" > 1).x\n")
    declaration, statement = script.statements
    assert isinstance(declaration, Declaration) and isinstance(statement, ExpressionStatement)
    assert declaration.position == Position(9, 2, 1)
    assert declaration.comment == ("grün",)
    value = declaration.value
    assert isinstance(value, Binary) and isinstance(value.right, Unary)
    assert value.position == Position(26, 2, 18)  # the operator, counted in bytes
    assert value.left.position == Position(21, 2, 13)
    assert value.right.operand == Call("f", (Number(1),))
    chain = statement.expression
    assert isinstance(chain, Chain)
    assert [str(link.position) for link in chain.links] == ["line 4 char 5", "line 5 char 4", "line 5 char 26"]
    assert chain.position == chain.links[-1].position
    assert [(link.operator, link.name, link.called) for link in chain.links] == [
        ("|", "from", True),
        (".", "where", True),
        (".", "x", False),
    ]


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("10 - 4 - 3", "(10 - 4) - 3"),
        ("24 / 4 * 2", "(24 / 4) * 2"),
        ("a OR b AND c", "a OR (b AND c)"),
        ("a == 2 > 1", "a == (2 > 1)"),
        ("1 < 2 == TRUE", "(1 < 2) == TRUE"),
        ("-2 * 3 + 1", "((-2) * 3) + 1"),
        ("!a AND b", "(!a) AND b"),
        ("a =~ /x/ OR b !~ /y/ AND c", "(a =~ /x/) OR ((b !~ /y/) AND c)"),
        ("a + b >= c % 2 AND d", "((a + b) >= (c % 2)) AND d"),
    ],
)
def test_operators_bind_by_precedence_and_to_the_left(text: str, grouped: str) -> None:
    assert parse_lambda(text) == parse_lambda(grouped)


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("var a = 5x", ["var", "x"]),
        ("var a = 1h30m", ["var", "duration"]),
        ("a.5 b", ["a", "number", "b"]),
        ("lambda", ["lambda"]),
        ("var x int stream", ["var", "stream"]),
        ("stream|from() - 1", ["chain", "unary"]),
    ],
)
def test_nothing_parts_statements(script: str, names: list[str]) -> None:
    def name(statement: object) -> str:
        if not isinstance(statement, ExpressionStatement):
            return "var"
        expression = statement.expression
        if isinstance(expression, Identifier):
            return expression.name
        return {"Number": "number", "DurationLit": "duration", "Chain": "chain", "Unary": "unary"}[
            type(expression).__name__
        ]

    assert [name(statement) for statement in parse(script).statements] == names


def test_behind_a_comment_a_slash_begins_a_regex_and_an_operator_is_nothing() -> None:
    assert len(parse("var a = b // c\n\n/x/").statements) == 2
    with pytest.raises(TickscriptError, match="unknown state, last char: '\\+'"):
        parse("var a = b // c\n+ 1")


def test_behind_an_equals_sign_two_slashes_are_an_empty_regex() -> None:
    declaration = parse("var a = //").statements[0]
    assert isinstance(declaration, Declaration)
    assert declaration.value == Regex("")
    assert parse_lambda('"a" =~ //') == Binary("=~", Reference("a"), Regex(""))


def test_ints_and_floats_are_not_the_same() -> None:
    assert parse_lambda("1") != parse_lambda("1.0")
    assert parse_lambda("017") == parse_lambda("15")


def test_a_property_may_be_read_at_the_end_of_a_chain() -> None:
    statement = parse("a.b").statements[0]
    assert isinstance(statement, ExpressionStatement)
    assert statement.expression == Chain(Identifier("a"), (Link(".", "b", (), called=False),))
    assert parse_lambda('"a\\"b"') == Reference('a"b')


def test_an_empty_script_has_no_statements() -> None:
    assert parse("").statements == ()
    assert parse(" // only this\n").trailing == ("only this",)


def leaves(e: Node, operator: str) -> list[Node]:
    """What a row of one operator joins, in order."""
    if not isinstance(e, Binary) or e.operator != operator:
        return [e]
    return leaves(e.left, operator) + leaves(e.right, operator)


@pytest.mark.parametrize("operator", ["AND", "OR"])
def test_a_row_of_and_or_or_may_be_long(operator: str) -> None:
    expression = parse_lambda(f" {operator} ".join(f'"a" == {i}' for i in range(3000)))
    assert leaves(expression, operator) == [Binary("==", Reference("a"), Number(i)) for i in range(3000)]
    check_size(expression)


def test_a_short_row_leans_to_the_left() -> None:
    expression = parse_lambda(" AND ".join(f'"{i}"' for i in range(51)))
    assert isinstance(expression, Binary) and expression.right == Reference("50")


@pytest.mark.parametrize(
    "expression",
    [
        " + ".join(['"a"'] * 600),
        "!" * 3000 + "TRUE",
        "(" * 20_000 + "TRUE" + ")" * 20_000,
        "abs(" * 300 + "1.0" + ")" * 300,
    ],
)
def test_what_is_nested_too_deeply_is_told(expression: str) -> None:
    for read in (parse_lambda, lambda text: parse(f"stream|from()|where(lambda: {text})")):
        with pytest.raises(TickscriptError, match="nested too deeply"):
            read(expression)


def test_scripts_of_one_structure_keep_their_own_names_literals_and_comments() -> None:
    scripts = [
        'var a = stream\n    |from()\n        .where(lambda: "x" =~ /a+/ AND f("y", \'b\') > 1.5)\n',
        "var bb = batch\n    |query('q')\n        .every(5m)\n",
        "var c = batch\n    |to(1.50)\n        // why\n        .where(lambda: \"z\" =~ /[b]/ AND g('c\\'d') > 3)\n",
        'dbrp "one"."two"\n\ndbrp "3"."four"\n',
    ]
    assert [format_script(parse(script)) for script in scripts] == [script.replace("1.50", "1.5") for script in scripts]
