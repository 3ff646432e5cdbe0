"""What scripts may write of a handler, made of its options, and what they have written as options."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from marshmallow import fields

from schemas.config.fields import Texts
from services.alerting.declarations.options import (
    Option,
    Records,
    ScriptProperty,
    StringMap,
    Strings,
    as_json,
    options_of,
)
from services.pipeline.spec import Properties, Type, appending, argument, flag, prop, putting, several

_ARGUMENT = "argument_"  # what the argument is in the properties where there is a property of the same option, too


def properties_of(name: str, options: type[Any], check: Callable[[Any], None]) -> type[Properties]:
    """The properties of a handler. check: what raises ValueError where they do not go together."""
    declared = [one for option in options_of(options).values() for one in _declared(option)]
    made = [(attribute, Any, field) for attribute, field in declared]
    return dataclasses.make_dataclass(name, made, bases=(Properties,), namespace={"check": lambda self: check(self)})


def options_from(options: type[Any], properties: Properties) -> dict[str, Any]:
    """A script's properties as options in JSON. What is left out, or empty, is the option's default."""
    every = options_of(options).values()
    return {one.key: as_json(_value(one, one.script, properties) or one.default) for one in every if one.script}


def _declared(option: Option) -> Iterator[tuple[str, Any]]:
    """The properties of one option, by their attributes."""
    script, doc = option.script, option.documentation
    if script is None:
        return
    if script.argument:
        many = script.variadic or issubclass(option.kind, Strings | Texts)
        yield script.argument, argument(_type(option), variadic=many, doc=doc)
    if not script.argument or script.repeated:
        yield option.attribute, _property(option, script, doc)
    if script.alias:
        yield script.alias, prop(_type(option), default="", method=True, doc=doc)


def _property(option: Option, script: ScriptProperty, doc: str) -> Any:
    name = script.name
    if issubclass(option.kind, Records):
        types = [Type.STRING] * len(options_of(option.kind.record))
        return appending(*types, name=name, variadic=script.variadic, doc=doc)
    if script.repeated:
        return appending(_type(option), name=name, variadic=True, doc=doc)
    if issubclass(option.kind, fields.Dict):
        return putting(_type(option), name=name, doc=doc)
    if issubclass(option.kind, Strings | Texts):
        return several(_type(option), name=name, doc=doc)
    if issubclass(option.kind, fields.Boolean) and script.type is None:
        return flag(name=name, doc=doc)
    default = script.default
    if default is None:
        default = _NONE[_type(option)]
    return prop(_type(option), name=name, default=default, method=script.method, doc=doc)


def _type(option: Option) -> Type:
    """The type of one value in scripts."""
    if option.script is not None and option.script.type is not None:
        return option.script.type
    return next(type for kind, type in _TYPES if issubclass(option.kind, kind))


_TYPES: tuple[tuple[type[fields.Field[Any]], Type], ...] = (
    (fields.Boolean, Type.BOOL),
    (fields.Integer, Type.INT),
    (StringMap, Type.STRING),
    (fields.Dict, Type.ANY),
    (fields.Field, Type.STRING),
)

_NONE: Mapping[Type, Any] = {Type.STRING: "", Type.INT: 0, Type.DURATION: 0, Type.BOOL: False}


def _value(option: Option, script: ScriptProperty, properties: Properties) -> Any:
    """What a script has given."""
    given = getattr(properties, script.argument or option.attribute)
    if issubclass(option.kind, Records):
        names = options_of(option.kind.record)
        keys = [one.key for one in names.values()]
        return [dict(zip(keys, _filled(call, names), strict=True)) for call in given]
    if script.repeated:
        first = given if script.argument else ()
        calls = getattr(properties, option.attribute)
        return [*first, *(one for call in calls for one in call)]
    if script.alias:
        return given or getattr(properties, script.alias)
    if script.argument and script.variadic and not issubclass(option.kind, Strings | Texts):
        return given[0] if given else None
    return given


def _filled(call: tuple[str, ...], names: Mapping[str, Option]) -> list[str]:
    return [*call, *(one.default for one in list(names.values())[len(call) :])]
