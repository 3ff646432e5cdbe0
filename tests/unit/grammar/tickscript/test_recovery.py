"""What is wrong behind the first mistake."""

from __future__ import annotations

import pytest

from grammar.tickscript.ast import TickscriptError
from grammar.tickscript.parser import parse
from grammar.tickscript.recovery import MOST, errors_behind


def found(text: str) -> list[tuple[int, int, str]]:
    """Line and character of each mistake, and what is unexpected there."""
    with pytest.raises(TickscriptError) as refused:
        parse(text)
    errors = [refused.value, *errors_behind(text, refused.value)]
    assert all(text.encode()[one.position.offset :] == _rest(text, one) for one in errors)
    return [(one.position.line, one.position.char, str(one).split(" line ")[0]) for one in errors]


def _rest(text: str, error: TickscriptError) -> bytes:
    lines = text.encode().split(b"\n")[error.position.line - 1 :]
    return b"\n".join(lines)[error.position.char - 1 :]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stream|from(\n", [(2, 1, "parser: unexpected EOF")]),
        # a bracket that is open ends with the statement behind it
        ("stream|from(\nvar x = 5\nstream|from()\n", [(2, 1, "parser: unexpected var")]),
        (
            "var x = \nvar y == 4\n\nstream\n    |from(,)\nx\n    |log()",
            [(2, 1, "parser: unexpected var"), (2, 7, "parser: unexpected =="), (5, 11, "parser: unexpected ,")],
        ),
        # a quote that is missing takes the next text with it, and no more
        (
            "var a = 'x\nvar b = 'y'\nvar c = 1\ndbrp 5\n",
            [(2, 11, "parser: unexpected unterminated string"), (4, 6, "parser: unexpected number")],
        ),
        # characters of several bytes, before and in the line
        (
            "var é = = 'é'\nvar 𝄞 = 1\nvar é = 'é' ++ 1\n",
            [
                (1, 10, "parser: unexpected unknown state, last char: '='"),
                (2, 5, "parser: unexpected unknown state, last char: '𝄞'"),
                (3, 16, "parser: unexpected unknown state, last char: '+'"),
            ],
        ),
        # where no statement begins a line nothing is told apart
        ("stream|from(\n    .where(,)\n    x|from(,)\n", [(2, 5, "parser: unexpected .")]),
    ],
)
def test_each_statement_is_told_of_its_first_mistake(text: str, expected: list[tuple[int, int, str]]) -> None:
    assert found(text) == expected


def test_there_is_an_end_to_it() -> None:
    assert len(found("var = 5\n" * 100)) == MOST


def test_what_has_no_place_has_nothing_behind_it() -> None:
    assert not list(errors_behind("var = 5\n", TickscriptError("parser: the script is too long")))
