"""Makes the syntax tree from what textX has read.

textX gives the structure; the tokens, walked through beside it in the same order, give names, literals, places and
comments: what textX has read may stand for other scripts of the same structure, with names and literals of their own.
Comments stay where Kapacitor keeps them: it drops those before a bracket, a comma or a sign.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from grammar.regex import MAX_SIZE, compile_regex
from grammar.tickscript.ast import (
    Binary,
    Bool,
    Call,
    Chain,
    Dbrp,
    Declaration,
    DurationLit,
    Expression,
    ExpressionStatement,
    Identifier,
    Lambda,
    Link,
    List,
    Number,
    Reference,
    Regex,
    Script,
    Star,
    Statement,
    String,
    TypeDeclaration,
    Unary,
)
from grammar.tickscript.limits import check_depth, too_large_together
from grammar.tickscript.literals import parse_duration, parse_number, parse_reference, parse_regex, parse_string
from grammar.tickscript.scanner import DIVIDE, MULTIPLY, Token

Comment = tuple[str, ...]


class Builder:
    """Builds one script. A literal without a value is a ValueError."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._comments = {i: token.comment for i, token in enumerate(tokens) if token.comment}
        self._at = 0
        self._regexes = 0

    def script(self, models: list[Any]) -> Script:
        statements = tuple(self._statement(model) for model in models)
        ends = [self._comment(i) for i in (self._at - 1, self._at)]
        trailing = (*ends[0], "\n", *ends[1]) if all(ends) else (*ends[0], *ends[1])
        return Script(statements, trailing, position=self._tokens[0].position)

    def _statement(self, model: Any) -> Statement:
        statement = self._unchecked(model)
        check_depth(statement)
        return statement

    def _unchecked(self, model: Any) -> Statement:
        kind = type(model).__name__
        if kind not in ("Declaration", "Dbrp"):
            expression = self._expression(model)
            return ExpressionStatement(expression, position=expression.position)
        start = self._take()
        comment, position = self._comment(start), self._tokens[start].position
        if kind == "Dbrp":
            database, retention_policy = self._take(), self._take(skip=1)
            for i in (database, retention_policy):
                self._comment(i)
            return Dbrp(
                parse_reference(self._tokens[database].text),
                parse_reference(self._tokens[retention_policy].text),
                position=position,
                comment=comment,
            )
        name = self._identifier()
        if model.value is None:
            return TypeDeclaration(name, self._identifier(), position=position, comment=comment)
        self._at += 1
        return Declaration(name, self._expression(model.value), position=position, comment=comment)

    def _expression(self, model: Any) -> Expression:
        kind = type(model).__name__
        if kind == "Named":
            return self._named(model)
        if kind == "Operation":
            return self._operation(model)
        start = self._take()
        comment, position = self._comment(start), self._tokens[start].position
        if kind == "Lambda":
            return Lambda(self._operation(model.body), position=position, comment=comment)
        items = []
        for i in range(len(model.items)):
            self._at += i > 0
            items.append(self._item())
        self._close()
        return List(tuple(items), position=position, comment=comment)

    def _item(self) -> Expression:
        return self._identifier() if self._tokens[self._at].kind == "identifier" else self._literal()

    def _named(self, model: Any) -> Expression:
        start = self._at
        head: Expression
        if not model.called:
            head = self._identifier()
        else:
            self._at += 1
            _, name, position, _ = self._tokens[start]
            comment = self._comment(start)
            arguments = self._arguments(model.arguments, self._expression)
            multiline = _spreads(position.line, arguments)
            head = Call(name, arguments, multiline, position=position, comment=comment)
        if model.operators:
            return self._climb(head, model.operators, model.operands)
        if not model.links:
            return head
        links = []
        for link in model.links:
            operator = self._tokens[self._at]
            links.append(self._link(link, operator.kind))
        return Chain(head, tuple(links), position=operator.position)

    def _link(self, model: Any, operator: str) -> Link:
        start, second = self._take(), self._take()
        comment = self._comment(start) + self._comment(second)
        _, name, position, _ = self._tokens[second]
        if not model.called:
            return Link(operator, name, (), False, position=self._tokens[start].position, comment=comment)
        arguments = self._arguments(model.arguments, self._expression)
        multiline = _spreads(position.line, arguments)
        return Link(operator, name, arguments, True, multiline, position=position, comment=comment)

    def _arguments(self, models: list[Any], build: Any) -> tuple[Expression, ...]:
        arguments = []
        for model in models:
            self._at += 1
            arguments.append(build(model))
        if not models:
            self._at += 1
        self._close()
        return tuple(arguments)

    def _operation(self, model: Any) -> Expression:
        return self._climb(self._operand(model.operands[0]), model.operators, model.operands[1:])

    def _climb(self, left: Expression, operators: list[str], operands: list[Any]) -> Expression:
        """Precedence climbing over a flat row. All operators associate to the left."""
        if not operators:
            return left
        values = [left]
        waiting: list[tuple[int, int]] = []
        for operator, operand in zip(operators, operands, strict=True):
            strength = _PRECEDENCE[operator]
            while waiting and waiting[-1][0] > strength:
                self._join(values, waiting)
            waiting.append((strength, self._take()))
            values.append(self._operand(operand))
        while waiting:
            self._join(values, waiting)
        return values[0]

    def _join(self, values: list[Expression], waiting: list[tuple[int, int]]) -> None:
        """Joins the last operands with the operators of the last one's strength that wait."""
        strength, count = waiting[-1][0], 0
        while count < len(waiting) and waiting[-1 - count][0] == strength:
            count += 1
        operators = [operator for _, operator in waiting[-count:]]
        operands = values[-count - 1 :]
        del waiting[-count:], values[-count - 1 :]
        before = [operands[0].position.line, *(self._tokens[o].position.line for o in operators)]
        spread = [operands[i + 1].position.line > before[i] for i in range(count)]
        if strength <= _MAX_ASSOCIATIVE and count > _LONG:
            values.append(self._balanced(operands, operators, spread))
            return
        left = operands[0]
        for operator, right, multiline in zip(operators, operands[1:], spread, strict=True):
            left = self._binary(operator, left, right, multiline)
        values.append(left)

    def _balanced(self, operands: list[Expression], operators: list[int], spread: list[bool]) -> Expression:
        """A long row of AND or of OR. However it is bracketed, what is evaluated, and in which order, is the same."""
        if not operators:
            return operands[0]
        half = len(operators) // 2
        left = self._balanced(operands[: half + 1], operators[:half], spread[:half])
        right = self._balanced(operands[half + 1 :], operators[half + 1 :], spread[half + 1 :])
        return self._binary(operators[half], left, right, spread[half])

    def _binary(self, operator: int, left: Expression, right: Expression, multiline: bool) -> Binary:
        token = self._tokens[operator]
        return Binary(
            _WRITTEN.get(token.kind, token.kind),
            left,
            right,
            multiline=multiline,
            position=token.position,
            comment=self._comment(operator),
        )

    def _operand(self, model: Any) -> Expression:
        if isinstance(model, str):
            return self._literal()
        kind = type(model).__name__
        if kind == "Function":
            if not model.called:
                return self._identifier()
            _, name, position, _ = self._tokens[self._take()]
            arguments = self._arguments(model.arguments, self._operation)
            return Call(name, arguments, _spreads(position.line, arguments), position=position)
        start = self._take()
        if kind == "Parentheses":
            comment = self._comment(start)
            inner = self._operation(model.operation)
            self._at += 1
            if isinstance(inner, Binary):
                return replace(inner, parens=True, comment=comment)
            return replace(inner, comment=comment)
        operand = self._operand(model.operand)
        # What stands before a closing bracket here, Kapacitor moves in front of the sign.
        comment = self._comment(self._at - 1)
        return Unary(model.operator, operand, position=self._tokens[start].position, comment=comment)

    def _literal(self) -> Expression:
        i = self._take()
        kind, text, position, _ = self._tokens[i]
        comment = self._comment(i)
        match kind:
            case "string":
                value, triple = parse_string(text)
                return String(value, triple, position=position, comment=comment)
            case "reference":
                return Reference(parse_reference(text), position=position, comment=comment)
            case "number":
                number, base = parse_number(text)
                return Number(number, base, position=position, comment=comment)
            case "duration":
                return DurationLit(parse_duration(text), text, position=position, comment=comment)
            case "TRUE" | "FALSE":
                return Bool(kind == "TRUE", position=position, comment=comment)
            case "regex":
                pattern = parse_regex(text)
                self._regexes += compile_regex(pattern).size
                if self._regexes > MAX_SIZE:
                    raise too_large_together(position)
                return Regex(pattern, position=position, comment=comment)
        return Star(position=position, comment=comment)

    def _identifier(self) -> Identifier:
        i = self._take()
        token = self._tokens[i]
        return Identifier(token.text, position=token.position, comment=self._comment(i))

    def _take(self, skip: int = 0) -> int:
        """The number of the next token, which is used up with this."""
        i = self._at + skip
        self._at = i + 1
        return i

    def _close(self) -> None:
        """Goes past a closing bracket, and past a comma before it."""
        self._at += 2 if self._tokens[self._at].kind == "," else 1

    def _comment(self, i: int) -> Comment:
        """The comment before a token, which goes to one node only."""
        return self._comments.pop(i, ())


def _spreads(line: int, arguments: tuple[Expression, ...]) -> bool:
    return bool(arguments) and arguments[-1].position.line > line


_WRITTEN = {MULTIPLY: "*", DIVIDE: "/"}
_PRECEDENCE = {
    operator: strength
    for strength, operators in enumerate(
        (
            ("OR",),
            ("AND",),
            ("==", "!=", "=~", "!~"),
            (">", ">=", "<", "<="),
            ("+", "-"),
            (MULTIPLY, DIVIDE, "%"),
        )
    )
    for operator in operators
}
_MAX_ASSOCIATIVE = _PRECEDENCE["AND"]
_LONG = 50  # operators in a row: a tree that leans to one side is as deep as it is long
