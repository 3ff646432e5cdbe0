"""TICKscript text to syntax tree.

The grammar is `tickscript.tx`. Where it does not match, `diagnose` tells why, in Kapacitor's words.
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
from grammar.tickscript.diagnose import diagnose
from grammar.tickscript.scanner import DIVIDE, ERROR, MULTIPLY, Token, scan


def parse(text: str) -> Script:
    """The syntax tree of a script.

    TickscriptError where it cannot be read; it does not look at whether names exist or arguments fit.
    """
    text = _LONE_SURROGATE.sub("\ufffd", text)
    tokens = scan(text)
    script = _read(tokens, tokens)
    return script if script is not None else diagnose(text, tokens)


def parse_lambda(text: str) -> Expression:
    """The expression of a lambda that is given as text, without `lambda:` before it.

    TickscriptError where it cannot be read.
    """
    text = _LONE_SURROGATE.sub("\ufffd", text)
    tokens = scan(text)
    start = tokens[0]._replace(kind="lambda", text="lambda:", comment=())
    script = _read(tokens, [start, *tokens])
    if script is not None and len(script.statements) == 1:
        statement = script.statements[0]
        if isinstance(statement, ExpressionStatement) and isinstance(statement.expression, Lambda):
            return statement.expression.expression
    return diagnose(text, tokens, only_lambda=True)


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
