"""TICKscript's syntax tree: what the parser gives, the formatter takes, and the pipeline and expressions walk.

Plain frozen data. Two trees are equal where they mean the same text; positions and comments do not count.

Positions are those that Kapacitor names in its errors: a binary expression stands at its operator, a chain at the
operator of its last link, a link at its name (at its operator where it only reads a property), anything else where it
begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Position:
    """Where a node begins in the script: byte offset from 0, line from 1, character in bytes from 1."""

    offset: int
    line: int
    char: int

    def __str__(self) -> str:
        return f"line {self.line} char {self.char}"


NOWHERE = Position(0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Base of all tree nodes.

    `comment` holds the lines that stand before it, without `//` and one space. Where an empty line parts two blocks the
    tuple holds a line that is just a line break, so that joined by line breaks they give a var's description.
    """

    position: Position = field(default=NOWHERE, compare=False)
    comment: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Number(Node):
    """An int or float literal. `value` is int for `10`, float for `10.0`; octal keeps base 8 for the formatter.

    An int never equals a float: TICKscript keeps the two apart.
    """

    value: int | float
    base: int = 10

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Number):
            return NotImplemented
        return type(self.value) is type(other.value) and self.value == other.value

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@dataclass(frozen=True, slots=True)
class DurationLit(Node):
    """`10s`: nanoseconds, and the literal as written."""

    ns: int
    literal: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class String(Node):
    """A string with its escapes resolved. `triple` tells how it was quoted."""

    value: str
    triple: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Bool(Node):
    value: bool


@dataclass(frozen=True, slots=True)
class Regex(Node):
    """`/…/` with `\\/` resolved, in Go's RE2 syntax."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Star(Node):
    """`*` as an argument."""


@dataclass(frozen=True, slots=True)
class Identifier(Node):
    """A bare name: a var, or `stream`, `batch`."""

    name: str


@dataclass(frozen=True, slots=True)
class Reference(Node):
    """`"name"`: a field or tag of the point, in a lambda."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`-x` or `!x`."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`left op right`; op is one of + - * / % == != < <= > >= =~ !~ AND OR. `parens`: written in round brackets."""

    operator: str
    left: Expression
    right: Expression
    parens: bool = field(default=False, compare=False)
    multiline: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function call `name(args)` inside a lambda, as a var's value or at the head of a chain."""

    name: str
    arguments: tuple[Expression, ...]
    multiline: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Lambda(Node):
    """`lambda: expression`."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class List(Node):
    """`['a', 'b', *]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Link(Node):
    """One step of a chain: `|name(args)` (a new node), `.name(args)` (a property) or `@name(args)` (a UDF node).

    `called` is False for `.name` and `@name` without brackets, which read a property of what stands before.
    """

    operator: str
    name: str
    arguments: tuple[Expression, ...] = ()
    called: bool = True
    multiline: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """`head|link.link…`; head is an Identifier or a Call."""

    head: Expression
    links: tuple[Link, ...]


Expression = (
    Number
    | DurationLit
    | String
    | Bool
    | Regex
    | Star
    | Identifier
    | Reference
    | Unary
    | Binary
    | Call
    | Lambda
    | List
    | Chain
)


@dataclass(frozen=True, slots=True)
class Declaration(Node):
    """`var name = value`."""

    name: Identifier
    value: Expression


@dataclass(frozen=True, slots=True)
class TypeDeclaration(Node):
    """`var name type`: a var that must be given from outside; `type_name` is int, float, string, …, list, lambda."""

    name: Identifier
    type_name: Identifier


@dataclass(frozen=True, slots=True)
class Dbrp(Node):
    """`dbrp "db"."rp"`."""

    database: str
    retention_policy: str


@dataclass(frozen=True, slots=True)
class ExpressionStatement(Node):
    """A chain (or a bare expression) that stands alone."""

    expression: Expression


Statement = Declaration | TypeDeclaration | Dbrp | ExpressionStatement


@dataclass(frozen=True, slots=True)
class Script(Node):
    """A whole script; `trailing` are the comment lines after its last statement."""

    statements: tuple[Statement, ...]
    trailing: tuple[str, ...] = field(default=(), compare=False)


class TickscriptError(Exception):
    """A script that cannot be read. str() is the reference's wording, without the `invalid TICKscript: ` before it."""

    def __init__(self, message: str, position: Position = NOWHERE) -> None:
        super().__init__(message)
        self.position = position


def walk(node: Any) -> Iterator[Node]:
    """The node and all tree nodes below it, in source order."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, tuple):
            waiting.extend(reversed(part))
        elif isinstance(part, Node):
            yield part
            waiting.extend([getattr(part, name) for name in reversed(part_names(part))])


def part_names(node: Node) -> tuple[str, ...]:
    """The fields in which what is below a node stands, in source order; other values among them."""
    kind: Any = type(node)
    return _part_names(kind)


@cache
def _part_names(kind: Any) -> tuple[str, ...]:
    return tuple(name for name in kind.__dataclass_fields__ if name not in ("position", "comment"))
