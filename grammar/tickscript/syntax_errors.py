"""Says what is wrong with a script, as Kapacitor does.

Its parser looks one token ahead and stops at the first one that fits nowhere, naming what it would have taken. This
walks over the tokens by the same rules, and is used only where `tickscript.tx` did not match.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from grammar.regex import compile_regex
from grammar.tickscript.ast import TickscriptError
from grammar.tickscript.literals import parse_duration, parse_number, parse_regex
from grammar.tickscript.scanner import BINARY_OPERATORS, DIVIDE, EOF, ERROR, LITERALS, MULTIPLY, Token


def raise_syntax_error(text: str, tokens: list[Token], only_lambda: bool = False) -> NoReturn:
    """Raises the TickscriptError for a script, or for the text of a lambda, that cannot be read."""
    try:
        reader = _Lookahead(text, tokens)
        reader.operation() if only_lambda else reader.script()
        reader.expect(EOF)
    except RecursionError:
        raise TickscriptError("parser: expressions are nested too deeply") from None
    raise TickscriptError("parser: the script cannot be read")


class _Lookahead:
    def __init__(self, text: str, tokens: list[Token]) -> None:
        self._text = text.encode()
        self._tokens = tokens
        self._at = 0

    def script(self) -> None:
        while self._kind() != EOF:
            if self._kind() == "var":
                self._declaration()
            elif self._kind() == "dbrp":
                self._at += 1
                self.expect("reference")
                self.expect(".")
                self.expect("reference")
            else:
                self._expression()

    def operation(self) -> None:
        self._operand()
        self._operators()

    def expect(self, kind: str) -> None:
        if self._kind() != kind:
            self._unexpected(kind)
        self._at += 1

    def _declaration(self) -> None:
        self._at += 1
        self.expect("identifier")
        if self._kind() == "=":
            self._at += 1
            self._expression()
        else:
            self.expect("identifier")

    def _expression(self) -> None:
        if self._kind() == "lambda":
            self._at += 1
            self.operation()
        elif self._kind() == "[":
            self._list()
        elif self._kind() != "identifier":
            self.operation()
        else:
            self._at += 1
            if self._kind() == "(":
                self._arguments(self._expression)
            if self._kind() in _LINKS:
                self._links()
            else:
                self._operators()

    def _links(self) -> None:
        while self._kind() in _LINKS:
            operator = self._kind()
            self._at += 1
            self.expect("identifier")
            if operator == "|" or self._kind() == "(":
                self._arguments(self._expression)

    def _arguments(self, argument: Callable[[], None]) -> None:
        self.expect("(")
        while self._kind() != ")":
            argument()
            if self._kind() != ",":
                break
            self._at += 1
        self.expect(")")

    def _list(self) -> None:
        self._at += 1
        while self._kind() != "]":
            if self._kind() not in _ITEMS:
                self._unexpected(*_ITEMS)
            self._at += 1
            if self._kind() != ",":
                break
            self._at += 1
        self.expect("]")

    def _operators(self) -> None:
        while self._kind() in BINARY_OPERATORS:
            self._at += 1
            self._operand()

    def _operand(self) -> None:
        kind = self._kind()
        if kind in LITERALS:
            self._literal()
        elif kind == "identifier":
            self._at += 1
            if self._kind() == "(":
                self._arguments(self.operation)
        elif kind in ("-", "!"):
            self._at += 1
            self._operand()
        elif kind == "(":
            self._at += 1
            self.operation()
            self.expect(")")
        else:
            self._unexpected(*_OPERANDS)

    def _literal(self) -> None:
        token = self._tokens[self._at]
        try:
            if token.kind == "number":
                parse_number(token.text)
            elif token.kind == "duration":
                parse_duration(token.text)
            elif token.kind == "regex":
                compile_regex(parse_regex(token.text))
        except ValueError as error:
            raise TickscriptError(f"parser: {error}", token.position) from None
        self._at += 1

    def _kind(self) -> str:
        return self._tokens[self._at].kind

    def _unexpected(self, *expected: str) -> NoReturn:
        token = self._tokens[self._at]
        found = token.text if token.kind == ERROR else _WRITTEN.get(token.kind, token.kind)
        wanted = ",".join(f'"{kind}"' for kind in expected)
        around = self._around(token.position.offset)
        message = f'parser: unexpected {found} {token.position} in "{around}". expected: {wanted}'
        raise TickscriptError(message, token.position)

    def _around(self, offset: int) -> str:
        """Ten bytes to either side, of the same line. Each byte of a character cut in two shows as one U+FFFD."""
        before = self._text[max(offset - 10, 0) : offset].rpartition(b"\n")[2]
        behind = self._text[offset : offset + 10].partition(b"\n")[0]
        text = (before + behind).decode(errors="surrogateescape")
        return "".join("\ufffd" if "\udc80" <= c <= "\udcff" else c for c in text)


_WRITTEN = {MULTIPLY: "*", DIVIDE: "/"}
_LINKS = frozenset({".", "|", "@"})
_ITEMS = ("identifier", "string", "*")
_OPERANDS = ("number", "string", "duration", "identifier", "TRUE", "FALSE", "==", "(", "-", "!")
