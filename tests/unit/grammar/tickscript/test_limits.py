"""How large a script may be: what is larger is refused at once, with the bound that it is over."""

from __future__ import annotations

import time

import pytest

from grammar.gotemplate import TemplateError
from grammar.gotemplate import parse as parse_template
from grammar.tickscript.ast import TickscriptError
from grammar.tickscript.limits import MAX_CHARACTERS, MAX_WORDS
from grammar.tickscript.literals import parse_duration, parse_number
from grammar.tickscript.parser import parse, parse_lambda


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("stream|from()" + "|log()" * 100_000, "the script is longer than 262144 characters"),
        ("var x = '" + "x" * MAX_CHARACTERS + "'", "the script is longer than 262144 characters"),
        ("stream|from()" + "|log()" * 40_000, "the script has more than 50000 words"),
        ("var x = " + "1s" * 100_000, "the script has more than 50000 words"),
        ("(" * 100_000, "the script has more than 50000 words"),
        (
            "".join(f"var x{i} = /\\pL{{100}}{i}/\n" for i in range(500)),
            "regular expressions compile to more than 500000",
        ),
        ("var x = " + "1" * 100_000, 'illegal number syntax: "1111'),
        ("var x = " + "1" * 100_000 + ".0", 'illegal number syntax: "1111'),
        ("var x = " + "1" * 100_000 + "s", "invalid duration"),
    ],
)
def test_what_is_too_large_is_refused_before_it_takes_long(script: str, error: str) -> None:
    begun = time.process_time()
    with pytest.raises(TickscriptError) as failed:
        parse(script)
    assert error in str(failed.value) and len(str(failed.value)) < 2000
    assert time.process_time() - begun < 3


def test_a_script_may_have_as_many_words_as_it_may() -> None:
    assert len(parse("var a = 1\n" * 2 + "var l = [" + "'a'," * ((MAX_WORDS - 14) // 2) + "'b']").statements) == 3


def test_a_lambda_that_is_given_as_text_has_the_same_bound() -> None:
    with pytest.raises(TickscriptError, match="more than 50000 words"):
        parse_lambda("TRUE" + " AND TRUE" * 25_000)


def test_numbers_and_durations_have_no_more_digits_than_can_count() -> None:
    for text in ("1" * 5000, "1" * 2000 + ".5"):
        with pytest.raises(ValueError, match="illegal number syntax"):
            parse_number(text)
    with pytest.raises(ValueError, match="invalid duration"):
        parse_duration("1s" * 600)
    assert parse_number("0" * 900 + "7") == (7, 8)


def test_a_template_has_a_bound_too() -> None:
    with pytest.raises(TemplateError, match="template: id:1: longer than 65536 characters"):
        parse_template("{{ .ID }}" * 10_000, "id")
    text = "{{ .ID }}" * 1000
    assert parse_template(text, "id") is parse_template(text, "id")
