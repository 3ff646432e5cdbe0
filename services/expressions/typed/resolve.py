"""From an expression and the types of its references to a term: Kapacitor's typing.

What has no type at all (an unknown function, arguments of the wrong types, arithmetic of the wrong types) fails the
whole row, even on the right of a short circuit. A comparison or a logical operator is always a boolean, so that what
is wrong with its operands only matters where it is evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grammar.golang.quoting import quote
from grammar.regex import RegexError, compile_regex
from grammar.tickscript.ast import Binary, Call, Expression, Lambda, Reference, Regex, Unary
from services.expressions.functions import CLOCK, FUNCTIONS
from services.expressions.syntax import describe, literal_type
from services.expressions.typed.operators import COMPARISONS, LOGICAL, binary, mismatch, unary
from services.expressions.typed.signatures import Function, StatefulOperation
from services.expressions.typed.terms import (
    Apply,
    Clock,
    Constant,
    Fails,
    Logic,
    Lookup,
    Missing,
    Remember,
    Term,
)
from services.expressions.typed.types import KIND_OF_TYPE, EvaluationFailed, ValueType, unexpected

BOOL, MISSING = ValueType.BOOL, ValueType.MISSING


def resolve(expression: Expression, types: Mapping[str, ValueType]) -> Term:
    """The term of a whole lambda, a Fails where rows of these types cannot be evaluated. `types`: by reference."""
    for name, type_ in types.items():
        if type_ is ValueType.COLLISION:
            return Fails(BOOL, f"cannot have field and tags with same name {quote(name)}")
    try:
        term = _Resolver(types).term(expression)
    except EvaluationFailed as failure:
        return Fails(BOOL, str(failure))
    if isinstance(term, Missing):
        return Fails(BOOL, f'missing value: "{term.name}"')
    if term.type not in KIND_OF_TYPE:
        return Fails(BOOL, f"expression returned unexpected type {term.type.value}")
    return term


class _Resolver:
    """Methods give a term, or raise EvaluationFailed where the expression has no type."""

    def __init__(self, types: Mapping[str, ValueType]) -> None:
        self._types = types
        self._index = {name: i for i, name in enumerate(types)}

    def term(self, expression: Expression) -> Term:
        match expression:
            case Reference(name=name):
                type_ = self._types[name]
                return Missing(name) if type_ is MISSING else Lookup(type_, self._index[name])
            case Regex(pattern=pattern):
                return self._regex(pattern)
            case Unary(operator="!", operand=operand):
                return self._not(operand)
            case Unary(operand=operand):
                return self._minus(operand)
            case Binary(operator=symbol, left=left, right=right):
                if symbol in LOGICAL or symbol in COMPARISONS:
                    return self._boolean(symbol, left, right)
                return self._arithmetic(symbol, left, right)
            case Call():
                return self._call(expression)
            case Lambda(expression=inner):
                return self.term(inner)
        literal = literal_type(expression)
        if literal is None:
            raise EvaluationFailed(
                f"Given node type is not valid evaluation node: *ast.{type(expression).__name__}Node"
            )
        node: Any = expression
        return Constant(literal, node.ns if literal is ValueType.DURATION else node.value)

    def _regex(self, pattern: str) -> Term:
        try:
            return Constant(ValueType.REGEX, compile_regex(pattern))
        except RegexError as error:
            raise EvaluationFailed(str(error)) from None

    def _not(self, expression: Expression) -> Term:
        try:
            operand = self.term(expression)
        except EvaluationFailed as failure:
            return Fails(BOOL, str(failure))
        if isinstance(operand, Missing):
            return Fails(BOOL, f'reference "{operand.name}" is missing value')
        operation = unary("!", operand.type)
        if operation is None:
            return Fails(BOOL, unexpected(operand.type.value, BOOL))
        return _folded(Apply(BOOL, operation, (operand,)))

    def _minus(self, expression: Expression) -> Term:
        operand = self.term(expression)
        if isinstance(operand, Missing):
            return operand
        operation = unary("-", operand.type)
        if operation is None:
            return Fails(operand.type, unexpected("invalid type", operand.type))
        return _folded(Apply(operand.type, operation, (operand,)))

    def _boolean(self, symbol: str, left: Expression, right: Expression) -> Term:
        try:
            a, b = self.term(left), self.term(right)
        except EvaluationFailed as failure:
            return Fails(BOOL, str(failure))
        if symbol in LOGICAL and a.type is b.type is BOOL:
            return _shortened(Logic(symbol == "AND", a, b))
        operation = None if symbol in LOGICAL else binary(symbol, a.type, b.type)
        if operation is not None:
            return _folded(Apply(BOOL, operation, (a, b)))
        for side, operand in (("left", a), ("right", b)):
            if isinstance(operand, Missing):
                return Fails(BOOL, f'{side} reference value "{operand.name}" is missing value')
        return Fails(BOOL, mismatch(symbol, a.type, b.type))

    def _arithmetic(self, symbol: str, left: Expression, right: Expression) -> Term:
        a, b = self.term(left), self.term(right)
        operation = binary(symbol, a.type, b.type)
        if operation is None:
            raise EvaluationFailed(mismatch(symbol, a.type, b.type))
        return _folded(Apply(operation.result, operation, (a, b)))

    def _call(self, call: Call) -> Term:
        function = FUNCTIONS.get(call.name)
        if function is None and call.name != CLOCK:
            raise EvaluationFailed(f"undefined function: {quote(call.name)}")
        operands = [self._argument(number, argument) for number, argument in enumerate(call.arguments, 1)]
        types = tuple(operand.type for operand in operands)
        if function is None:
            if operands:
                raise EvaluationFailed(_wrong_arguments(call, types, [()]))
            return Clock()
        operation = function.signatures.get(types)
        if operation is None:
            raise EvaluationFailed(self._refusal(call, function, operands, types))
        if isinstance(operation, StatefulOperation):
            return Remember(operation.result, operation, tuple(operands), call.name)
        if MISSING in types:
            return Constant(operation.result, operation.scalar(None))
        return _folded(Apply(operation.result, operation, tuple(operands), call.name))

    def _argument(self, number: int, argument: Expression) -> Term:
        try:
            return self.term(argument)
        except EvaluationFailed as failure:
            raise EvaluationFailed(f"Failed to handle {number} argument: {failure}") from None

    def _refusal(self, call: Call, function: Function, operands: Sequence[Term], types: tuple[ValueType, ...]) -> str:
        missing = [describe(a) for a, term in zip(call.arguments, operands, strict=True) if isinstance(term, Missing)]
        if not missing:
            return _wrong_arguments(call, types, list(function.signatures))
        scope = ", ".join(text for name in self._types if (text := f'"{name}"') not in missing)
        verb = "argument %s is" if len(missing) == 1 else "arguments %s are"
        return f'Cannot call function "{call.name}" {verb % ", ".join(missing)} missing, values in scope are [{scope}]'


def _wrong_arguments(call: Call, types: Sequence[ValueType], signatures: Sequence[Sequence[ValueType]]) -> str:
    given = ",".join(f"{describe(a)}: {t.value}" for a, t in zip(call.arguments, types, strict=True))
    known = ", ".join(f"({','.join(t.value for t in signature)})" for signature in signatures)
    return f'Cannot call function "{call.name}" with args ({given}), available signatures are [{known}].'


def _folded(apply: Apply) -> Term:
    """The operation itself where its operands are constant."""
    if not all(isinstance(operand, Constant) for operand in apply.operands):
        return apply
    try:
        value = apply.operation.scalar(*(operand.value for operand in apply.operands if isinstance(operand, Constant)))
    except EvaluationFailed as failure:
        return Fails(apply.type, called(apply.function, failure))
    return Constant(apply.type, value)


def _shortened(logic: Logic) -> Term:
    """The right side, or the constant, where a constant left side decides."""
    if not isinstance(logic.left, Constant):
        return logic
    return logic.right if logic.left.value == logic.conjunction else logic.left


def called(function: str, failure: EvaluationFailed) -> str:
    """The text of an operation's failure, as a function call reports it."""
    return f"error calling {quote(function)}: {failure}" if function else str(failure)
