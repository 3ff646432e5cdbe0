"""Filling properties from what a script gives: how many arguments, of which types, and where they go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from grammar.tickscript.ast import Reference, Regex, Star
from services.pipeline.compiler.values import PartOf, Value, go_type, joined, type_of
from services.pipeline.graph import GraphNode
from services.pipeline.spec import (
    STAR,
    Duration,
    LambdaValue,
    Mode,
    Properties,
    PropertySpec,
    TimeDimension,
    Type,
)


class ArgumentError(ValueError):
    """Arguments that do not fit. `bare`: the text says it all, and names neither the call nor its place."""

    def __init__(self, message: str, bare: bool = False) -> None:
        super().__init__(message)
        self.bare = bare


class DoubleQuotes(ArgumentError):
    """A name in double quotes where a string is to stand."""


def fill_arguments(properties: Properties, values: Sequence[Value]) -> None:
    """The arguments of a node or part itself. Raises ArgumentError."""
    specs = properties.arguments()
    most = None if any(s.variadic for s in specs) else len(specs)
    least = sum(s.least if s.variadic else not s.optional for s in specs)
    _check_count(len(values), least, most)
    rest = list(values)
    for at, spec in enumerate(specs):
        if spec.variadic:
            count = len(rest) - sum(not s.variadic and not s.optional for s in specs[at + 1 :])
            taken, rest = rest[:count], rest[count:]
            setattr(properties, spec.attribute, [_convert(spec.types[-1], v) for v in taken])
        elif rest:
            setattr(properties, spec.attribute, _convert(spec.types[0], rest.pop(0)))


def fill_property(properties: Properties, spec: PropertySpec, values: Sequence[Value]) -> None:
    """One call of a property that is not a part. Raises ArgumentError."""
    types = spec.types
    if spec.variadic:
        fixed = len(types) - 1
        _check_count(len(values), fixed + spec.least, None)
        types = types[:fixed] + (types[-1],) * (len(values) - fixed)
    else:
        _check_count(len(values), 0 if spec.optional else len(types), len(types))
    filled = tuple(map(_convert, types, values))
    _FILLERS[spec.mode](properties, spec, filled)


def _check_count(count: int, least: int, most: int | None) -> None:
    if most is not None and count > most:
        raise ArgumentError(f"too many arguments: got {count}, takes {most}")
    if count < least:
        raise ArgumentError(f"too few arguments: got {count}, takes {'' if most == least else 'at least '}{least}")


def _set(properties: Properties, spec: PropertySpec, values: tuple[Any, ...]) -> None:
    if len(spec.types) > 1:
        setattr(properties, spec.attribute, values)
    else:
        setattr(properties, spec.attribute, values[0] if values else _ZERO.get(spec.types[0]))


def _flag(properties: Properties, spec: PropertySpec, values: tuple[Any, ...]) -> None:
    setattr(properties, spec.attribute, True)


def _list(properties: Properties, spec: PropertySpec, values: tuple[Any, ...]) -> None:
    setattr(properties, spec.attribute, list(values))


def _append(properties: Properties, spec: PropertySpec, values: tuple[Any, ...]) -> None:
    single = len(spec.types) == 1 and not spec.variadic
    getattr(properties, spec.attribute).append(values[0] if single else values)


def _put(properties: Properties, spec: PropertySpec, values: tuple[Any, ...]) -> None:
    getattr(properties, spec.attribute)[values[0]] = values[1]


def _and(properties: Properties, spec: PropertySpec, values: tuple[Any, ...]) -> None:
    setattr(properties, spec.attribute, joined(getattr(properties, spec.attribute), values[0]))


_FILLERS: dict[Mode, Callable[[Properties, PropertySpec, tuple[Any, ...]], None]] = {
    Mode.SET: _set,
    Mode.FLAG: _flag,
    Mode.LIST: _list,
    Mode.APPEND: _append,
    Mode.PUT: _put,
    Mode.AND: _and,
}

_ZERO: dict[Type, Any] = {
    Type.STRING: "",
    Type.INT: 0,
    Type.FLOAT: 0.0,
    Type.NUMBER: 0,
    Type.BOOL: False,
    Type.DURATION: 0,
}


def _convert(wanted: Type, value: Value) -> Any:
    accepted = _ACCEPTED[wanted]
    if type(value) in accepted:
        convert = _CONVERT.get(wanted)
        return value if convert is None else convert(value)
    if wanted in (Type.STRING_OR_STAR, Type.DIMENSION):
        raise ArgumentError(f"invalid dimension object of type {go_type(value)}", bare=True)
    if isinstance(value, Reference) and str in accepted:
        raise DoubleQuotes(
            "cannot assign *ast.ReferenceNode to type string, did you use double quotes instead of single quotes?"
        )
    if wanted is Type.RATE:
        raise ArgumentError("must pass int64 or duration to new sample node")
    name = type_of(value)
    raise ArgumentError(f"expected {wanted.value}, got {go_type(value) if name == 'invalid type' else name}")


def _dimension(value: Value) -> Any:
    return STAR if isinstance(value, Star) else value


_PLAIN: tuple[type, ...] = (str, int, float, bool, Duration, Regex, LambdaValue, Star, list)
_ACCEPTED: dict[Type, tuple[type, ...]] = {
    Type.STRING: (str,),
    Type.INT: (int,),
    Type.FLOAT: (float,),
    Type.BOOL: (bool,),
    Type.DURATION: (Duration,),
    Type.LAMBDA: (LambdaValue,),
    Type.REGEX: (Regex,),
    Type.STRING_OR_REGEX: (str, Regex),
    Type.STRING_OR_STAR: (str, Star),
    Type.DIMENSION: (*_PLAIN, TimeDimension),
    Type.NODE: (GraphNode, PartOf),
    Type.ANY: _PLAIN,
    Type.NUMBER: (int, float),
    Type.RATE: (int, Duration),
}
_CONVERT: dict[Type, Callable[[Value], Any]] = {
    Type.DURATION: int,
    Type.STRING_OR_STAR: _dimension,
    Type.DIMENSION: _dimension,
    Type.NODE: lambda value: value.node if isinstance(value, PartOf) else value,
}
