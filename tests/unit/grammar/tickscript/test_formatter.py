"""The canonical form, as Kapacitor 1.5.7 writes it."""

from pathlib import Path

import pytest

from grammar.tickscript.ast import (
    Dbrp,
    Declaration,
    DurationLit,
    ExpressionStatement,
    Identifier,
    Number,
    Regex,
    Script,
    String,
)
from grammar.tickscript.formatter import format_expression, format_script
from grammar.tickscript.parser import parse, parse_lambda

# A script, a line of dashes, what it is formatted to; parted by lines of equals signs.
FORMATTED = [
    tuple(case.split("-----\n")) for case in (Path(__file__).parent / "formatted.txt").read_text().split("=====\n")
]


@pytest.mark.parametrize(("script", "formatted"), FORMATTED)
def test_formats_as_kapacitor_does(script: str, formatted: str) -> None:
    assert format_script(script) == formatted
    assert parse(formatted) == parse(script)


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ('("a">1 AND "b"<2.0) OR  !("c" == TRUE)', '("a" > 1 AND "b" < 2.0) OR !("c" == TRUE)'),
        ('((("i")))', '"i"'),
        ("-(1+2)", "-(1 + 2)"),
        ("if(a,'x','''y''')", "if(a, 'x', '''y''')"),
        ('"h"=~/a\\/b/', '"h" =~ /a\\/b/'),
    ],
)
def test_lambdas_as_the_api_shows_them(text: str, formatted: str) -> None:
    assert format_expression(parse_lambda(text)) == formatted


def test_of_a_lambda_the_expression_is_shown() -> None:
    statement = parse('var l = lambda: "a" > 1').statements[0]
    assert isinstance(statement, Declaration)
    assert format_expression(statement.value) == '"a" > 1'


def test_values_that_no_text_gave() -> None:
    assert format_expression(Number(-5)) == "-5"
    assert format_expression(Number(1e-7)) == "0.0000001"
    assert format_expression(Number(1e21)) == "1000000000000000000000.0"
    assert format_expression(DurationLit(48 * 3600 * 10**9)) == "2d"
    assert format_expression(Regex("a/b")) == "/a\\/b/"
    assert format_expression(String("ends in \\")) == "'''ends in \\'''"


def test_a_quote_in_the_name_of_a_database_is_escaped() -> None:
    script = Script((Dbrp('a"b', "rp"), ExpressionStatement(Identifier("x"))))
    assert format_script(script) == 'dbrp "a\\"b"."rp"\n\nx\n'
    assert parse(format_script(script)) == script


def test_a_long_row_is_written_as_a_short_one() -> None:
    """Its tree is balanced and leans to no side, which must not show."""

    def formatted(operators: int) -> str:
        row = "".join(f'"a" == {i} OR{" " if i % 3 else newline}' for i in range(operators))
        script = f"stream\n    |from()\n        .where(lambda: {row}TRUE)\n"
        text = format_script(parse(script))
        assert parse(text) == parse(script)
        return text

    newline = "\n"
    assert formatted(200).startswith(formatted(50).partition("TRUE")[0])
