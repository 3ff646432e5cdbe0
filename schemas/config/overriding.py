"""Overriding settings of the configuration while everything runs: which may be, and what comes of it.

What may be overridden are the sections that alert handlers bring along and [[influxdb]], [[kubernetes]], [[swarm]]
and [[ec2]]. An override is of one element: of a section that stands once, or of one in a list, named by its key.

An element that is added has nothing but what it is given: text is empty, a number 0. Only of those that are not
handlers' it has the defaults too, but is not enabled. So it is with Kapacitor 1.5.7.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from marshmallow import Schema, ValidationError, fields

from schemas.config import kept
from schemas.config.among import element_key, rules_of
from schemas.config.fields import Duration
from schemas.config.load import own_lists, own_sections
from schemas.config.section import keys_of
from schemas.config.settings import Config

FILES = frozenset({"alert-template-file", "row-template-file", "ssl-ca", "ssl-cert", "ssl-key", "ca-path"})
"""The settings that name files which are read."""

Element = dict[str, Any]
"""An element's settings, as in the file."""


class OverrideError(Exception):
    """An override cannot be applied, and why, in the reference's words."""


class OverrideConflict(OverrideError):
    """It can be, but then the elements of its section do not agree with each other."""


@dataclass(frozen=True, slots=True)
class Override:
    """What is set of one element. element: its name, "" of a section that stands once. create: it is not in the file.

    options: as JSON. Where a section that stands repeatedly has no element without a name, "" means all of its elements
    that are in the file.
    """

    section: str
    element: str
    create: bool
    options: Mapping[str, Any]

    @property
    def place(self) -> str:
        """Where it applies, in error texts."""
        return f"{self.section}/{'' if self.create else self.element}"


class Overridable:
    """A configuration read from a file, and the sections of it that may be overridden."""

    def __init__(
        self,
        base: Config,
        extra: Mapping[str, Schema] = MappingProxyType({}),
        defaults: Mapping[str, Sequence[Any]] = MappingProxyType({}),
        readable: Callable[[str], object] = lambda path: path,
    ) -> None:
        """extra: the schemas that `base` was loaded with, by section. defaults: the elements that such a list section
        has where the file has none; one with the settings' defaults unless it is said here. readable: raises ValueError
        for a file that an override must not name.
        """
        self.base = base
        self._readable = readable
        self._defaults = defaults
        self._own = frozenset(own_lists())
        self._schemas = {**own_lists(), **extra}

    @property
    def names(self) -> list[str]:
        """The sections, in the order of their names."""
        return sorted(self._schemas)

    def secrets(self, config: Config) -> set[str]:
        """The texts in a configuration that nobody should read in a log."""
        found: set[str] = set()
        for name, schema in {**own_sections(), **self._schemas}.items():
            attribute = name.replace("-", "_")
            value = getattr(config, attribute) if hasattr(config, attribute) else config.sections.get(name)
            for one in (value or ()) if schema.many else [value]:
                if one is not None:
                    found |= kept.secrets_of(schema, _plain(schema, one))
        return found - {""}

    def element_key(self, section: str) -> str | None:
        """The setting that elements of a section are named by, "" where it stands once; None: no such section."""
        schema = self._schemas.get(section)
        return None if schema is None else element_key(schema)

    def check(self, section: str, overrides: Iterable[Override], changed: Override | None, asked: str = "") -> None:
        """Raises OverrideError where `changed`, one of them, cannot be applied, OverrideConflict where elements do not
        agree, which is said of `asked`, the element that the request is about."""
        if changed is not None and section not in self._schemas:
            raise OverrideError(_failed(changed, _unknown(changed, sorted(changed.options))))
        elements = self._elements(section, overrides, [], changed)
        mistake = self._mistake(section, self._loaded(section, elements))
        if mistake:
            raise OverrideConflict(f"failed to update configuration {section}/{asked}: {mistake}")

    def check_kept(
        self, section: str, before: Iterable[Override], after: Iterable[Override], given: Mapping[str, Any], asked: str
    ) -> None:
        """Raises OverrideError where a change points a secret that is kept at another place than it is for.

        before, after: all overrides. given: what the change sets; asked: of which element.
        """
        schema, key = self._schemas[section], self.element_key(section)

        def named(elements: Iterable[Element]) -> dict[str, Element]:
            return {element.get(key, "") if key else "": element for element in elements}

        where = f"failed to override configuration {section}/{asked}"
        for name, value in given.items():
            if kept.HIDDEN in str(value):
                raise OverrideError(f"{where}: cannot set option {name}: {kept.HIDDEN} stands for what is not shown")
        base, old = named(self._base(section)), named(self._elements(section, before, []))
        for name, element in named(self._elements(section, after, [])).items():
            reason = kept.misdirected(schema, base.get(name, {}), old.get(name, {}), element, given)
            if reason:
                raise OverrideError(f"{where}: {reason}")

    def effective(self, overrides: Iterable[Override]) -> tuple[Config, list[str]]:
        """The configuration with overrides, and what was left out of them because it does not fit any more."""
        given, problems = list(overrides), list[str]()
        own: dict[str, Any] = {}
        sections = dict(self.base.sections)
        for section in sorted({o.section for o in given}):
            if section not in self._schemas:
                problems.append(f"there is no section {section}")
                continue
            loaded = self._loaded(section, self._elements(section, given, problems))
            mistake = self._mistake(section, loaded)
            loaded = self._settled(section, loaded)
            if mistake:
                problems.append(f"{section}: {mistake}")
            elif section in self._own:
                own[section] = loaded
            else:
                sections[section] = loaded if self._schemas[section].many else loaded[0]
        return replace(self.base, **own, sections=MappingProxyType(sections)), problems

    def shown(self, section: str, overrides: Iterable[Override]) -> list[tuple[str, Element, list[str]]]:
        """Each element by its name: the name, the settings, and those that only say whether they are set.

        A list or a table that nobody has given is None.
        """
        given = [o for o in overrides if o.section == section]
        set_by = {o.element: frozenset(o.options) for o in given}
        key, schema = self.element_key(section), self._schemas[section]
        shown = []
        for element in self._elements(section, given, []):
            name = element.get(key, "") if key else ""
            set_here = set_by.get(name, frozenset()) | set_by.get("", frozenset())
            shown.append((name, *_redacted(schema, element, set_here)))
        return sorted(shown, key=lambda one: one[0])

    def _elements(
        self, section: str, overrides: Iterable[Override], problems: list[str], must: Override | None = None
    ) -> list[Element]:
        """A section's elements with overrides. must: the one that it is an error not to be able to apply."""
        elements = self._base(section)
        for override in sorted((o for o in overrides if o.section == section), key=lambda o: o.element):
            try:
                elements = self._applied(section, elements, override)
            except OverrideError as error:
                if override is must:
                    raise
                problems.append(str(error))
        return elements

    def _base(self, section: str) -> list[Element]:
        schema = self._schemas[section]
        own = section in self._own
        value: Any = getattr(self.base, section) if own else self.base.sections.get(section)
        if not schema.many:
            return [_plain(schema, value if value is not None else schema.load({}, many=False))]
        if not value and not own:
            value = self._defaults.get(section) or (schema.load({}, many=False),)
        return [_plain(schema, one) for one in value or ()]

    def _applied(self, section: str, elements: list[Element], override: Override) -> list[Element]:
        schema, key = self._schemas[section], self.element_key(section)
        names = [element.get(key, "") if key else "" for element in elements]
        if override.create:
            if override.element in names:
                raise OverrideError(f'section "{section}" has duplicate elements: "{override.element}"')
            if key not in override.options:
                raise OverrideError(_failed(override, f'element key "{key}" not present in options'))
            new = self._changed(schema, {"enabled": False} if section in self._own else _empty(schema), override)
            return [*elements, new]
        if key and key in override.options and (override.element in names or (names and not override.element)):
            raise OverrideError(_failed(override, f"cannot override element key {key}"))
        meant = {override.element} if override.element or "" in names else set(names)
        if not meant & set(names):
            if override.options:
                raise OverrideError(_failed(override, _unknown(override, sorted(override.options))))
            return elements
        named = zip(names, elements, strict=True)
        after = [self._changed(schema, element, override) if name in meant else element for name, element in named]
        if key and not override.element:
            # The reference holds the element without a name, which comes first, to the rules of the file.
            for mistake in rules_of(schema).in_file(self._loaded(section, after)):
                raise OverrideError(_failed(override, f"failed validation: {mistake}"))
        return after

    def _changed(self, schema: Schema, element: Element, override: Override) -> Element:
        changed = _changed(schema, element, override)
        for name in FILES & override.options.keys():
            if changed[name] and changed[name] != element.get(name):
                try:
                    self._readable(changed[name])
                except ValueError as error:
                    raise OverrideError(_failed(override, f"cannot set option {name}: {error}")) from None
        return changed

    def _loaded(self, section: str, elements: list[Element]) -> tuple[Any, ...]:
        return tuple(self._schemas[section].load(element, many=False) for element in elements)

    def _settled(self, section: str, loaded: tuple[Any, ...]) -> tuple[Any, ...]:
        schema = self._schemas[section]
        if not schema.many:
            return loaded
        return tuple(rules_of(schema).overridden(self._loaded(section, self._base(section)), loaded))

    def _mistake(self, section: str, loaded: Sequence[Any]) -> str:
        """What is wrong with elements that are each right by themselves, "" for nothing."""
        schema = self._schemas[section]
        return next(iter(rules_of(schema).live(loaded)), "") if schema.many else ""


def _changed(schema: Schema, element: Element, override: Override) -> Element:
    """An element with what an override sets. Raises OverrideError."""
    known = keys_of(schema)
    unknown = sorted(name for name in override.options if name not in known)
    changed = dict(element)
    for name, value in override.options.items():
        if name in known:
            changed[name] = _converted(known[name], value)
            _check_value(override, name, known[name], changed[name])
    if unknown:
        raise OverrideError(_failed(override, _unknown(override, unknown)))
    try:
        schema.load(changed, many=False)
    except ValidationError as error:
        raise OverrideError(_failed(override, f"failed validation: {_text(error.messages)}")) from None
    return changed


def _check_value(override: Override, name: str, field: fields.Field[Any], value: Any) -> None:
    """Stricter than the file: a duration is a text, and null is no value."""
    try:
        if value is None:
            raise ValidationError("must not be null: delete it, and it is as in the file")
        if isinstance(field, Duration) and not isinstance(value, str):
            raise ValidationError('must be a duration such as "10s"')
        field.deserialize(value)
    except ValidationError as error:
        raise OverrideError(_failed(override, f"cannot set option {name}: {_text(error.messages)}")) from None


def _converted(field: fields.Field[Any], value: Any) -> Any:
    """Numbers may be given as text, and whole ones as JSON writes what may have a fraction."""
    if isinstance(field, fields.Integer):
        if isinstance(value, str) and value.removeprefix("-").isascii() and value.removeprefix("-").isdigit():
            return int(value)
        if isinstance(value, float) and value.is_integer():
            return int(value)
    return value


def _redacted(schema: Schema, element: Element, given: frozenset[str]) -> tuple[Element, list[str]]:
    settings = {**dict.fromkeys(keys_of(schema)), **_plain(schema, schema.load(element, many=False))}
    known = keys_of(schema)
    for name, field in known.items():
        if field.metadata.get("later") and settings[name] in (None, _json(field.load_default)):
            del settings[name]
    secrets = [name for name, field in known.items() if field.metadata.get("secret") and name in settings]
    shown: Element = {}
    for name, value in settings.items():
        if name in secrets:
            shown[name] = any(value.values()) if isinstance(value, dict) else bool(value)
        else:
            shown[name] = None if value in ([], {}) and name not in given else kept.shown(name, known[name], value)
    return shown, secrets


def _plain(schema: Schema, loaded: Any) -> Element:
    """Settings as in the file; those without a value are left out."""
    dumped = schema.dump(loaded, many=False)
    return {name: _json(value) for name, value in dumped.items() if value is not None}


def _json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _empty(schema: Schema) -> Element:
    """An element whose settings are empty, as far as they may be."""
    zeros = ((Duration, "0s"), (fields.Boolean, False), (fields.Integer, 0), (fields.String, ""))
    element: Element = {}
    for name, field in keys_of(schema).items():
        zero = next((zero for kind, zero in zeros if isinstance(field, kind)), None)
        with contextlib.suppress(ValidationError):
            if zero is not None:
                field.deserialize(zero)
                element[name] = zero
    return element


def _unknown(override: Override, names: list[str]) -> str:
    if not names:
        return f"unknown section {override.section}"
    return f"unknown options [{' '.join(names)}] in section {override.section}"


def _failed(override: Override, why: str) -> str:
    return f"failed to override configuration {override.place}: {why}"


def _text(messages: Any) -> str:
    """Marshmallow's messages in one line."""
    if isinstance(messages, dict):
        return "; ".join(
            _text(inner) if name == "_schema" else f"{name}: {_text(inner)}" for name, inner in messages.items()
        )
    return " ".join(str(one).rstrip(".") for one in messages) if isinstance(messages, list) else str(messages)
