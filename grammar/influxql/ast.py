"""What a SELECT is made of, as far as batch queries need it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """A field, a tag or `time`."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """kind: the reference's name of its type, IntegerLiteral. value: int, float, str or bool; a duration as text."""

    kind: str
    value: int | float | str | bool


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*`"""


@dataclass(frozen=True, slots=True)
class Regex:
    """`/…/`"""

    pattern: str


@dataclass(frozen=True, slots=True)
class Distinct:
    """`DISTINCT name`, without parentheses."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function; `texts` are its arguments as they were written."""

    name: str
    arguments: tuple[Expression, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Paren:
    """Something in parentheses."""

    inner: Expression


Expression = Reference | Literal | Wildcard | Regex | Distinct | Call | Binary | Paren


@dataclass(frozen=True, slots=True)
class Select:
    """One SELECT: what has to be known of it, and the rest as it was written.

    head: SELECT … FROM …. condition: what follows WHERE, or "". fill: `fill(…)`, or "". tail: ORDER BY, LIMIT and so
    on, or "". sources: database and retention policy ("" where not given) of each. measurements: the name or the
    regular expression of each. names: what each field is called by `AS`, "" where it is by itself. descending: whether
    it is ordered so.
    """

    fields: tuple[Expression, ...]
    sources: tuple[tuple[str, str], ...]
    dimensions: tuple[Expression, ...]
    where: Expression | None
    limit: int
    head: str
    condition: str
    fill: str
    tail: str
    measurements: tuple[str | Regex, ...] = ()
    names: tuple[str, ...] = ()
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Other:
    """Another statement, as text."""

    text: str


def walk(e: Expression) -> Iterator[Expression]:
    """An expression and all below it."""
    waiting = [e]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(reversed(_parts(part)))


def too_deep(e: Expression, most: int) -> bool:
    """Whether more than so many expressions stand below each other."""
    level: list[Expression] = [e]
    for _ in range(most):
        level = [below for part in level for below in _parts(part)]
    return bool(level)


def _parts(e: Expression) -> tuple[Expression, ...]:
    if isinstance(e, Binary):
        return e.left, e.right
    if isinstance(e, Paren):
        return (e.inner,)
    return e.arguments if isinstance(e, Call) else ()
