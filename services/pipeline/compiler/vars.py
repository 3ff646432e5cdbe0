"""Vars of tasks and templates as the API has them: {"type", "value", "description"}.

A Var's value is plain JSON data: int, float, bool, str (for a lambda or regex its text as given), a duration's ns, a
list of Vars, None.
"""

from __future__ import annotations

import contextlib
import enum
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from grammar.regex import MAX_SIZE, compile_regex
from grammar.tickscript.ast import NOWHERE, Bool, Lambda, Regex, Star, TickscriptError
from grammar.tickscript.formatter import format_expression
from grammar.tickscript.limits import too_large_together
from grammar.tickscript.literals import parse_duration
from grammar.tickscript.parser import parse_lambda
from services.pipeline.compiler.values import Value, type_of
from services.pipeline.spec import Duration, LambdaValue


class VarType(enum.Enum):
    """A var's type. The values are the API's words, and those of a script's `var x TYPE`."""

    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    STRING = "string"
    REGEX = "regex"
    DURATION = "duration"
    LAMBDA = "lambda"
    LIST = "list"
    STAR = "star"

    @property
    def word(self) -> str:
        """What a script's errors call the type."""
        return "boolean" if self is VarType.BOOL else self.value


@dataclass(frozen=True, slots=True)
class Var:
    """One var. `value` is None where a template has none for it."""

    type: VarType
    value: Any
    description: str = ""


class VarsError(ValueError):
    """Vars that cannot be taken. str() is the whole text that the API answers."""


MOST_VALUES = 20_000
"""Of the vars of one request, items of lists among them."""
MOST_CHARACTERS = 1 << 18
"""Of the texts in them."""


def check_bounds(data: object) -> None:
    """Raises VarsError for vars of a request that are more than any task may have."""
    values = characters = 0
    for var in data.values() if isinstance(data, dict) else ():
        values += 1
        for part in var.values() if isinstance(var, dict) else ():
            items = [item.get("value") for item in part if isinstance(item, dict)] if isinstance(part, list) else ()
            values += len(items)
            characters += sum(len(text) for text in (part, *items) if isinstance(text, str))
    if values > MOST_VALUES:
        raise VarsError(f"the vars and the items of their lists are more than {MOST_VALUES}")
    if characters > MOST_CHARACTERS:
        raise VarsError(f"the texts of the vars have more than {MOST_CHARACTERS} characters")


def parse_vars(data: object) -> dict[str, Var]:
    """Vars from the JSON of a request. Raises VarsError: `invalid JSON`, or `invalid var NAME: …`."""
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise VarsError("invalid JSON")
    shaped = {name: _shape(var) for name, var in data.items()}
    found = {}
    for name, (word, value, description) in shaped.items():
        try:
            found[name] = _var(word, value, description)
        except ValueError as e:
            raise VarsError(f"invalid var {name}: {e}") from None
    return found


def vars_json(found: Mapping[str, Var]) -> dict[str, dict[str, Any]]:
    """Vars as the API shows them."""
    return {name: _json(var) for name, var in found.items()}


def values_of(vars: Mapping[str, Var]) -> dict[str, Value]:
    """Vars given from outside, as a script works with them. TickscriptError where a lambda or regex cannot be read."""
    given: dict[str, Value] = {}
    size = 0
    for name, var in vars.items():
        try:
            for pattern in _patterns(var):
                size += compile_regex(pattern).size
                if size > MAX_SIZE:
                    raise too_large_together(NOWHERE)
            given[name] = _value(var)
        except (TickscriptError, ValueError) as e:
            raise TickscriptError(f"invalid var {name}: {e}") from None
    return given


def _patterns(var: Var) -> Iterator[str]:
    """The regexes in a var, as far as they can be read."""
    for one in var.value if var.type is VarType.LIST else (var,):
        if one.type is VarType.REGEX:
            with contextlib.suppress(ValueError):
                compile_regex(one.value)
                yield one.value


def zero_of(type_: VarType) -> Value:
    """What stands in a template for a var without value, so that the rest of the script can be checked."""
    return [] if type_ is VarType.LIST else _ZERO[type_]


def var_of(value: Value, description: str = "") -> Var | None:
    """A script's own value as a var; None for nodes and the like, which are no vars."""
    type_ = _TYPE_OF.get(type_of(value))
    return None if type_ is None else Var(type_, _plain(value), description)


def _shape(var: object) -> tuple[str, Any, str]:
    """What makes the whole request `invalid JSON`: shapes, numbers, unknown types, durations."""
    if var is None:
        var = {}
    if not isinstance(var, dict):
        raise VarsError("invalid JSON")
    given = {key.casefold(): value for key, value in var.items()}
    word, value, description = given.get("type") or "", given.get("value"), given.get("description") or ""
    if not isinstance(word, str) or not isinstance(description, str) or (word and word not in _WORDS):
        raise VarsError("invalid JSON")
    if value is not None and word in _READ:
        try:
            value = _READ[word](value)
        except ValueError:
            raise VarsError("invalid JSON") from None
    return word, value, description


def _read_int(value: object) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise ValueError
    return value


def _read_float(value: object) -> float:
    if type(value) not in (int, float):
        raise ValueError
    return float(value)  # type: ignore[arg-type]


def _read_duration(value: object) -> int:
    return parse_duration(value) if isinstance(value, str) else _read_int(value)


def _read_list(value: object) -> list[tuple[str, Any, str]]:
    if not isinstance(value, list):
        raise ValueError
    items = []
    for item in value:
        if not isinstance(item, dict) or item.get("type") not in _WORDS or "value" not in item:
            raise ValueError
        items.append((item["type"], item["value"], ""))
    return items


_READ: dict[str, Callable[[object], Any]] = {
    "int": _read_int,
    "float": _read_float,
    "duration": _read_duration,
    "list": _read_list,
}


def _var(word: str, value: Any, description: str) -> Var:
    """What makes one var invalid: a value of another type."""
    if not word:
        raise ValueError("a type must be given")
    type_ = VarType(word)
    if type_ is VarType.STAR:
        return Var(type_, None, description)
    if value is None:
        raise ValueError("a value must be given")
    if type_ is VarType.LIST:
        return Var(type_, [_item(*item) for item in value], description)
    if type_ is VarType.BOOL and isinstance(value, str):
        raise ValueError("unexpected var type bool, value is a string")
    if not isinstance(value, _HOLDS[type_]) or isinstance(value, bool) is not (type_ is VarType.BOOL):
        raise ValueError(f"mismatched type and value: {json.dumps(value)} is no {word}")
    return Var(type_, value, description)


def _item(word: str, value: Any, description: str) -> Var:
    if word in ("int", "float", "duration", "list"):
        raise ValueError(f"a list cannot hold {word} vars")
    return _var(word, value, description)


_WORDS = frozenset(t.value for t in VarType)
_HOLDS: dict[VarType, type | tuple[type, ...]] = {
    VarType.BOOL: bool,
    VarType.INT: int,
    VarType.FLOAT: float,
    VarType.DURATION: int,
    VarType.STRING: str,
    VarType.REGEX: str,
    VarType.LAMBDA: str,
}


def _json(var: Var) -> dict[str, Any]:
    value = var.value
    if var.type is VarType.LIST and value is not None:
        value = [_json(item) for item in value]
    return {"type": var.type.value, "value": value, "description": var.description}


def _value(var: Var) -> Value:
    if var.type is VarType.STAR:
        return Star()
    if var.type is VarType.LIST:
        return [_value(item) for item in var.value]
    if var.type is VarType.DURATION:
        return Duration(var.value)
    if var.type is VarType.REGEX:
        try:
            compile_regex(var.value)
        except ValueError as e:
            raise ValueError(f"invalid regex pattern: {e}") from None
        return Regex(var.value)
    if var.type is VarType.LAMBDA:
        try:
            expression = parse_lambda(var.value)
        except TickscriptError as e:
            raise ValueError(f"invalid lambda expression: {e}") from None
        return LambdaValue(expression, Lambda(expression))
    return var.value


_TRUE = Bool(True)
_ZERO: dict[VarType, Value] = {
    VarType.BOOL: False,
    VarType.INT: 0,
    VarType.FLOAT: 0.0,
    VarType.STRING: "",
    VarType.REGEX: Regex(""),
    VarType.DURATION: Duration(0),
    VarType.LAMBDA: LambdaValue(_TRUE, Lambda(_TRUE)),
    VarType.STAR: Star(),
}

_TYPE_OF = {t.word: t for t in VarType}


def _plain(value: Value) -> Any:
    if isinstance(value, Duration):
        return int(value)
    if isinstance(value, Regex):
        return value.pattern
    if isinstance(value, LambdaValue):
        return format_expression(value.expression)
    if isinstance(value, Star):
        return {"typeOf": "star"}
    if isinstance(value, list):
        return [item for v in value if (item := var_of(v)) is not None]
    return value
