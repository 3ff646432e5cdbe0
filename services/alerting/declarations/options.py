"""An option of an alert handler, stated once.

A handler's options are a frozen dataclass of keywords, each attribute made by `option`. What follows from it:

- the schema of the options in the API, which is `schemas.config.section.schema_of` the class
- the properties that scripts set, and what these are as options: script.py
- the setting of the configuration that counts where an alert leaves it out: `configured`, `with_configured`
- what a test of the service is given: `Of`
- which texts are templates: templates.py
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from marshmallow import fields

from schemas.config.fields import Text, Texts
from schemas.config.section import Check, schema_of, setting
from services.pipeline.spec import Type

T = TypeVar("T")

_UNSET: Any = object()


@dataclass(frozen=True, slots=True)
class ScriptProperty:
    """How scripts give an option. The property has the attribute's name in camelCase unless `name` says another one.

    type: of one value, where that does not follow from the option's kind.
    default: what stands for it where the script leaves it out, where that is not the option's own default.
    argument: it is given as the handler's argument of this name; with `repeated` by the property, too.
    variadic: of an argument, or of a record's texts, any number may come; of an option with one value the first counts.
    repeated: it may be called again and again, each call adding what it is given.
    method: the reference has it as a method, not as a field, which its error texts tell.
    alias: a further property, by its attribute, that gives the same.
    """

    name: str = ""
    type: Type | None = None
    default: Any = None
    argument: str = ""
    variadic: bool = False
    repeated: bool = False
    method: bool = False
    alias: str = ""


USUAL = ScriptProperty()


@dataclass(frozen=True, slots=True)
class Option:
    """What is said of an option, as `option` takes it. key: its name in the API.

    doc: its own sentence; documentation: all of it, with what follows from the rest.
    template: whether its texts are templates; template_name: how errors call these.
    """

    attribute: str
    key: str
    kind: type[fields.Field[Any]]
    default: Any
    doc: str
    documentation: str
    configured: str
    template: bool
    template_name: str
    test: Any
    script: ScriptProperty | None


def option(
    doc: str,
    kind: type[fields.Field[Any]] = Text,
    default: Any = _UNSET,
    *,
    key: str = "",
    unless: str = "",
    configured: str = "",
    template: bool = False,
    template_name: str = "",
    check: Check | None = None,
    test: Any = "",
    script: ScriptProperty | None = USUAL,
) -> Any:
    """One option of a handler, as a dataclass field.

    doc: what it is, without the full stop; the rest of the sentence follows from what else is said here.
    kind: of its value in JSON. default: its value in Python; the kind's empty one unless given.
    key: its name in the API; the attribute's with dashes unless given. check: a marshmallow validator.
    unless: what counts where it is left out, in words. configured: that is what the section of the configuration
    says, unless the alert names this ("one", "somebody"); a switch is on where one of both has it on.
    template: whether its texts are templates. template_name: how errors call these; the attribute's name unless given.
    test: what a test of the service is given for it, or `CONFIGURED`. script: how scripts give it; None: they do not.
    Returns Any, so that the attribute's annotation is what counts.
    """
    if configured and issubclass(kind, fields.Boolean):
        unless = "as the configuration says"
    elif configured:
        unless = f"{'those' if issubclass(kind, Texts) else 'that'} of the configuration"
    further = [_templates(kind)] * bool(template) + [f"{unless} unless set"] * bool(unless)
    documentation = f"{doc}; {', '.join(further)}." if further else f"{doc}."
    default = empty(kind) if default is _UNSET else default
    declared = Option(
        attribute="",  # known once the class is there, as is what follows from it: see _named
        key=key,
        kind=kind,
        default=default,
        doc=doc,
        documentation=documentation,
        configured=configured,
        template=template,
        template_name=template_name,
        test=test,
        script=script,
    )
    return _field(setting(default, kind, documentation, key=key, check=check), option=declared)


def configured(
    options: type[Any],
    attribute: str,
    default: Any = _UNSET,
    *,
    secret: bool = False,
    webhook: bool = False,
    later: bool = False,
) -> Any:
    """The setting of a section that counts where an alert leaves an option out, as a dataclass field.

    default: the setting's; the kind's empty value unless given. See `schemas.config.section.setting`.
    """
    one = options_of(options)[attribute]
    switch = issubclass(one.kind, fields.Boolean)
    otherwise = "whatever the alert says" if switch else f"unless the alert names {one.configured}"
    doc = f"{one.doc}, {otherwise}."
    key = one.key if one.key != attribute.replace("_", "-") else ""
    default = empty(one.kind) if default is _UNSET else default
    # mistakes in the configuration are told in words of its own, whatever the API's are
    kind = Text if one.kind is fields.String else one.kind
    return _field(
        setting(default, kind, doc, key=key, secret=secret, webhook=webhook, later=later), configures=attribute
    )


def options_of(options: type[Any]) -> Mapping[str, Option]:
    """The options that a class declares, by their attributes, in order of declaration."""
    known = _OPTIONS.get(options)
    if known is None:
        declared = [field for field in dataclasses.fields(options) if "option" in field.metadata]
        known = {field.name: _named(field.metadata["option"], field.name) for field in declared}
        _OPTIONS[options] = known
    return known


_OPTIONS: dict[type[Any], Mapping[str, Option]] = {}


def with_configured(options: T, section: Any) -> T:
    """The options, with what the section says for those that are left out (that are empty)."""
    given, settings = vars(options), vars(section)
    left_out = {option: settings[name] for name, option in _configures(type(section)).items() if not given[option]}
    return changed(options, left_out)


def changed(options: T, changes: Mapping[str, Any]) -> T:
    """The options with some values in the place of others. As `dataclasses.replace`, for each event: in a fraction of
    its time."""
    if not changes:
        return options
    made = object.__new__(type(options))
    values = vars(made)
    values.update(vars(options))
    values.update(changes)
    return made


CONFIGURED: Any = object()
"""As `test` of an option: a test is given what the configuration says."""


@dataclass(frozen=True, slots=True)
class Of:
    """Among what a test of a service is given: what stands there is this option."""

    attribute: str


def given_by_default(declared: Mapping[str, Any], options: type[Any], section: Any) -> dict[str, Any]:
    """What a test is given where nothing is said, as JSON. declared: by its names there; see `Of`."""
    every = options_of(options)
    settings = {} if section is None else {option: name for name, option in _configures(type(section)).items()}

    def value(one: Any) -> Any:
        if not isinstance(one, Of):
            return one
        test = every[one.attribute].test
        found = getattr(section, settings.get(one.attribute, one.attribute)) if test is CONFIGURED else test
        return as_json(found)

    return {name: value(one) for name, one in declared.items()}


def options_tested(declared: Mapping[str, Any], options: type[T], given: Mapping[str, Any]) -> T:
    """The options that a test was given, the others as they are where nothing is said."""
    named = {one.attribute: given[name] for name, one in declared.items() if isinstance(one, Of)}
    every = options_of(options)
    values = {name: every[name].default if value is None else value for name, value in named.items()}
    return options(**{name: tuple(one) if isinstance(one, list) else one for name, one in values.items()})


def as_json(value: Any) -> Any:
    """An option's value in Python as JSON has it."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def empty(kind: type[fields.Field[Any]]) -> Any:
    """What a value of this kind is where nothing is said."""
    for base, value in _EMPTY:
        if issubclass(kind, base):
            return value
    raise TypeError(f"an option of kind {kind.__name__} needs a default")


_EMPTY: tuple[tuple[type[fields.Field[Any]], Any], ...] = (
    (fields.Boolean, False),
    (fields.Integer, 0),
    (fields.String, ""),
    (fields.Dict, MappingProxyType({})),
    (fields.List, ()),
    (Texts, ()),
)


def _templates(kind: type[fields.Field[Any]]) -> str:
    if issubclass(kind, fields.Dict):
        return "those that are strings are templates"
    return "templates" if issubclass(kind, Texts | fields.List) else "a template"


def _field(base: Any, **more: Any) -> Any:
    return dataclasses.field(default_factory=base.default_factory, metadata={**base.metadata, **more})


def _named(declared: Option, attribute: str) -> Option:
    key = declared.key or attribute.replace("_", "-")
    name = declared.template_name or attribute
    return dataclasses.replace(declared, attribute=attribute, key=key, template_name=name)


def _configures(section: type[Any]) -> Mapping[str, str]:
    """The settings that stand for options: the option's attribute by the setting's."""
    known = _CONFIGURES.get(section)
    if known is None:
        fields = dataclasses.fields(section)
        known = {field.name: field.metadata["configures"] for field in fields if "configures" in field.metadata}
        _CONFIGURES[section] = known
    return known


_CONFIGURES: dict[type[Any], Mapping[str, str]] = {}


# kinds that only handlers' options have


class Integer(fields.Integer):
    """An integer; a float is none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strict=True, **kwargs)


class Switch(fields.Boolean):
    """true or false, and nothing that only looks like it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(truthy={True}, falsy={False}, **kwargs)


class Strings(fields.List[str]):
    """A list of strings; in Python a tuple."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(fields.String(), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return tuple(super()._deserialize(value, attr, data, **kwargs))


class StringMap(fields.Dict):
    """An object of strings."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(fields.String(), fields.String(), **kwargs)


class Records(fields.List[Any]):
    """A list of objects, each with options of its own, which are all texts; in Python a tuple of `record`."""

    record: type[Any]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(fields.Nested(schema_of(self.record)), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return tuple(super()._deserialize(value, attr, data, **kwargs))


def records(record: type[Any]) -> type[Records]:
    """The kind of an option that is a list of these: dataclasses whose attributes are made by `option`."""
    return type(f"{record.__name__}s", (Records,), {"record": record})
