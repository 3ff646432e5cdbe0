"""Putting values in the place of vars in an expression."""

from __future__ import annotations

from dataclasses import replace

from grammar.tickscript.ast import Binary, Call, Expression, Identifier, Lambda, List, TickscriptError, Unary
from services.pipeline.compiler.scope import Scope
from services.pipeline.compiler.values import Unsupported, bracketed, literal_of


def substituted(e: Expression, scope: Scope) -> Expression:
    """The expression with every var in it replaced by its value; the same object where there is none.

    A lambda's expression takes its var's place in brackets. TickscriptError for names that are not declared, or that
    stand for nodes.
    """
    if isinstance(e, Identifier):
        try:
            return literal_of(scope[e.name], e.position)
        except Unsupported as error:
            raise TickscriptError(str(error), e.position) from None
    if isinstance(e, Binary):
        left, right = _inner(e.left, scope), _inner(e.right, scope)
        return e if left is e.left and right is e.right else replace(e, left=left, right=right)
    if isinstance(e, Unary):
        operand = _inner(e.operand, scope)
        return e if operand is e.operand else replace(e, operand=operand)
    if isinstance(e, Call):
        arguments = tuple(substituted(a, scope) for a in e.arguments)
        same = all(a is b for a, b in zip(arguments, e.arguments, strict=True))
        return e if same else replace(e, arguments=arguments)
    if isinstance(e, Lambda):
        return substituted(e.expression, scope)
    if isinstance(e, List):
        items = tuple(substituted(item, scope) for item in e.items)
        return e if items == e.items else replace(e, items=items)
    return e


def _inner(e: Expression, scope: Scope) -> Expression:
    inner = substituted(e, scope)
    return bracketed(inner) if inner is not e and isinstance(e, Identifier) else inner
