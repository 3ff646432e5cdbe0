"""TICKscript text to syntax tree.

The grammar is `tickscript.tx`. Where it does not match, `raise_syntax_error` tells why, in Kapacitor's words.
"""

from __future__ import annotations

import re
from functools import cache
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
    words = [token.kind if token.kind in _REWRITTEN else token.text for token in tokens[:-1]]
    try:
        # textX makes no object of an empty text; and in one without a line break it seeks the first for every node.
        return Builder(tokens).script(_metamodel().model_from_str(" ".join(words) + "\n").statements if words else [])
    except RecursionError:
        raise TickscriptError("parser: expressions are nested too deeply") from None
    except (TextXSyntaxError, ValueError):
        return None


@cache
def _metamodel() -> Any:
    return metamodel_from_file(str(Path(__file__).with_name("tickscript.tx")), autokwd=True)


_REWRITTEN = frozenset({MULTIPLY, DIVIDE})
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
