"""Templates in the options of handlers: what they see of an event, whether they are any, and what they give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, TypeVar

from grammar.golang.errors import CallError
from grammar.gotemplate import Duration, Struct, TemplateError, Time
from grammar.gotemplate import parse as parse_template
from services.alerting.declarations.options import Records, changed, options_of
from services.alerting.errors import Rejected
from services.alerting.topics.alert_event import AlertEvent
from services.alertlog.info import LEVELS

T = TypeVar("T")
K = TypeVar("K")

Compiled = Callable[[Struct], T]
"""Gives what a value with templates in it becomes for what they see."""

_MOST_COMPILED = 1024


class EventData(Struct, go="alert.TemplateData"):
    """What the templates of handlers see of an event."""

    ID: str
    Message: str
    Level: str
    Time: Time
    Duration: Duration
    Details: str
    Name: str
    TaskName: str
    Group: str
    Tags: dict[str, str]
    Fields: dict[str, object]


def data_of(event: AlertEvent) -> EventData:
    """An event as templates of handlers see it."""
    return EventData(
        event.id,
        event.message,
        LEVELS[event.level],
        Time(event.time),
        Duration(event.duration),
        event.details,
        event.name,
        event.task,
        event.group,
        dict(event.tags),
        dict(event.fields),
    )


def check_templates(options: Any) -> None:
    """ValueError where a text among the options that is to be a template is none."""
    try:
        _compiled(options)
    except TemplateError as error:
        raise ValueError(str(error)) from None


def rendered(options: T, event: AlertEvent) -> T:
    """The options with what their templates give for an event, which they see as `EventData`. Rejected where one fails
    with it."""
    return options if _compiled_once(options) is None else rendered_with(options, data_of(event))


def rendered_with(options: T, data: Struct) -> T:
    """The same where templates see something else."""
    try:
        compiled = _compiled_once(options)
        return options if compiled is None else compiled(data)
    except (TemplateError, CallError) as error:
        raise Rejected(str(error)) from error


def _compiled_once(options: T) -> Compiled[T] | None:
    """As `_compiled`, at once for options that were compiled before: they are the same for all events of a handler."""
    known = _COMPILED.get(id(options))
    if known is None:
        if len(_COMPILED) >= _MOST_COMPILED:
            _COMPILED.clear()
        known = _COMPILED[id(options)] = options, _compiled(options)
    return known[1]


_COMPILED: dict[int, tuple[Any, Compiled[Any] | None]] = {}
"""By the id of options, which are kept beside what they were compiled to: so the id is not another's meanwhile."""


def _compiled(options: T) -> Compiled[T] | None:
    """What renders the options, or a record in them; None where no text in them depends on the event. Raises
    TemplateError."""
    parts = _compiled_values((name, getattr(options, name), called) for name, called in _templates(type(options)))
    if not parts:
        return None
    return lambda data: changed(options, {attribute: part(data) for attribute, part in parts.items()})


def _templates(options: type[Any]) -> Iterator[tuple[str, str]]:
    """The options that are templates, or records with such in them, each with how errors call it."""
    for one in options_of(options).values():
        if one.template or issubclass(one.kind, Records):
            yield one.attribute, one.template_name


def _compiled_value(value: Any, name: str) -> Compiled[Any] | None:
    if isinstance(value, str):
        return _compiled_text(value, name)
    if isinstance(value, tuple):
        by_place = _compiled_values((place, one, name) for place, one in enumerate(value))
        if not by_place:
            return None
        return lambda data: tuple(by_place[i](data) if i in by_place else one for i, one in enumerate(value))
    if isinstance(value, Mapping):
        by_key = _compiled_values((key, one, key) for key, one in value.items() if isinstance(one, str))
        return (lambda data: {**value, **{key: part(data) for key, part in by_key.items()}}) if by_key else None
    return _compiled(value) if is_dataclass(value) else None


def _compiled_values(values: Iterable[tuple[K, Any, str]]) -> dict[K, Compiled[Any]]:
    """Of some values, each with how errors call it: those that depend on the event, by their keys."""
    compiled = ((key, _compiled_value(value, name)) for key, value, name in values)
    return {key: part for key, part in compiled if part is not None}


def _compiled_text(text: str, name: str) -> Compiled[str] | None:
    if "{{" not in text:
        return None
    parse_template(text, name)
    # not kept here: `parse_template` keeps what it has parsed, and few of what is long
    return lambda data: parse_template(text, name).execute(data)
