"""TICKscript text to syntax tree.

The grammar is `tickscript.tx`. Where it does not match, `raise_syntax_error` tells why, in Kapacitor's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from textx import metamodel_from_file
from textx.exceptions import TextXSyntaxError

from grammar.tickscript.ast import Expression, ExpressionStatement, Lambda, Script, TickscriptError
from grammar.tickscript.builder import Builder
from grammar.tickscript.limits import MAX_CHARACTERS, MAX_WORDS
from grammar.tickscript.scanner import DIVIDE, ERROR, MULTIPLY, Token, scan
from grammar.tickscript.syntax_errors import raise_syntax_error


def parse(text: str) -> Script:
    """The syntax tree of a script.

    TickscriptError where it cannot be read; it does not look at whether names exist or arguments fit.
    """
    text, tokens = _scanned(text)
    script = _read(tokens, tokens)
    return script if script is not None else raise_syntax_error(text, tokens)


def parse_lambda(text: str) -> Expression:
    """The expression of a lambda that is given as text, without `lambda:` before it.

    TickscriptError where it cannot be read.
    """
    text, tokens = _scanned(text)
    start = tokens[0]._replace(kind="lambda", text="lambda:", comment=())
    script = _read(tokens, [start, *tokens])
    if script is not None and len(script.statements) == 1:
        statement = script.statements[0]
        if isinstance(statement, ExpressionStatement) and isinstance(statement.expression, Lambda):
            return statement.expression.expression
    return raise_syntax_error(text, tokens, only_lambda=True)


def _scanned(text: str) -> tuple[str, list[Token]]:
    if len(text) > MAX_CHARACTERS:
        raise TickscriptError(f"parser: the script is longer than {MAX_CHARACTERS} characters")
    text = _LONE_SURROGATE.sub("\ufffd", text)
    tokens = scan(text, MAX_WORDS + 1)
    if len(tokens) > MAX_WORDS + 1:
        raise TickscriptError(f"parser: the script has more than {MAX_WORDS} words", tokens[-1].position)
    return text, tokens


def _read(scanned: list[Token], tokens: list[Token]) -> Script | None:
    if scanned[-1].kind == ERROR:
        return None
    try:
        return Builder(tokens).script([statement for part in _parts(tokens) for statement in _statements_of(part)])
    except RecursionError:
        raise TickscriptError("parser: expressions are nested too deeply") from None
    except (TextXSyntaxError, ValueError):
        return None


def _parts(tokens: list[Token]) -> Iterator[str]:
    """The structure of a script, as text, cut before each `var` and `dbrp`, where one statement ends in any case."""
    words: list[str] = []
    for kind, text, _, _ in tokens[:-1]:
        if kind in _BEGINS_STATEMENT and words:
            yield " ".join(words)
            words = []
        words.append(_STANDS_FOR.get(kind, text))
    if words:  # textX makes no object of an empty text
        yield " ".join(words)


def _statements_of(part: str) -> list[Any]:
    """What textX makes of it. It takes ten times as long as all else, and many scripts are made after one pattern."""
    return _small(part) if len(part) <= _SMALL else _read_part(part)


def _read_part(part: str) -> list[Any]:
    # in a text without a line break textX seeks the first for every node
    model = _metamodel().model_from_str(part + "\n")
    model._tx_parser = None  # a hundred times as large as all else, and not needed any more
    statements: list[Any] = model.statements
    return statements


_SMALL = 1024  # characters: 70 KB as textX has it
_small = lru_cache(128)(_read_part)


@cache
def _metamodel() -> Any:
    return metamodel_from_file(str(Path(__file__).with_name("tickscript.tx")), autokwd=True)


# Of names and literals, that they are there is all that the grammar asks of them.
_STANDS_FOR = {
    "identifier": "n",
    "string": "''",
    "reference": '""',
    "regex": "//",
    "number": "1",
    "duration": "1s",
    MULTIPLY: MULTIPLY,
    DIVIDE: DIVIDE,
}
_BEGINS_STATEMENT = frozenset({"var", "dbrp"})
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
