"""Texts that fill the memory are not made: neither on the way nor as a whole."""

from __future__ import annotations

import pytest

from grammar.golang.errors import MOST_TEXT
from grammar.gotemplate import TemplateError, parse


@pytest.mark.parametrize(
    "grow",
    [
        '{{ $a = printf "%s%s" $a $a }}',
        "{{ $a = print $a $a }}",
        "{{ $a = println $a $a }}",
        "{{ $a = js (js (js $a)) }}",
        '{{ $a = printf "%[1]s%[1]s" $a }}',
    ],
)
def test_a_text_that_doubles_line_by_line_is_refused(grow: str) -> None:
    template = parse('{{ $a := "<\\\\>" }}' + grow * 40, "t")
    with pytest.raises(TemplateError, match=r"template: t:1:.*: error calling \w+: text of more than 8388608 charact"):
        template.execute({})


def test_wide_numbers_are_refused_together() -> None:
    template = parse('{{ printf "' + "%999999d" * 20 + '"' + " 1" * 20 + " }}", "t")
    with pytest.raises(TemplateError, match="error calling printf: text of more than"):
        template.execute({})


def test_a_template_that_writes_too_much_is_refused() -> None:
    ten = '{{ define "a" }}' + "x" * 1000 + "{{ end }}"
    calls = "".join(
        '{{ define "' + b + '" }}' + ('{{ template "' + a + '" }}') * 10 + "{{ end }}"
        for a, b in zip("abcdef", "bcdefg", strict=True)
    )
    template = parse(ten + calls + '{{ template "g" }}', "t")
    with pytest.raises(TemplateError, match="template: t: text of more than 8388608 characters"):
        template.execute({})


def test_what_is_just_not_too_long_is_given() -> None:
    template = parse('{{ define "a" }}' + "x" * (MOST_TEXT // 256) + "{{ end }}" + '{{ template "a" }}' * 256, "t")
    assert len(template.execute({})) == MOST_TEXT
