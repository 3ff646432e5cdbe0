"""The alert handlers: one file each, found by looking into this folder. Nothing else lists them.

What a handler is stands in services/alerting/handler_base.py; how it says what it takes, in declarations/.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

import orjson
from marshmallow import ValidationError

from grammar.golang.quoting import quote
from services.alerting.handler_base import Aggregator, AlertHandler, Observer
from services.pipeline.spec import HandlerSpec, HandlerUse
from services.process.loading import loading
from services.process.permissions import OPEN, Guard

AnyHandler = AlertHandler[Any] | Aggregator[Any] | Observer[Any]


@functools.cache
def kinds() -> Mapping[str, AnyHandler]:
    """Every handler in this folder, by the name that the API has for it."""
    with loading():
        names = (module.name for module in pkgutil.iter_modules(__path__, f"{__name__}."))
        modules = [importlib.import_module(name) for name in names]
    return {module.HANDLER.kind: module.HANDLER for module in modules}


def specs() -> Mapping[str, HandlerSpec]:
    """What scripts may write of them, by the name there: for the registry that scripts are compiled with."""
    return {handler.spec.name: handler.spec for handler in kinds().values() if handler.spec.in_scripts}


def options_of(kind: str) -> Mapping[str, str]:
    """What each option of a topic's handler is, by the name that the API has for it."""
    fields = kinds()[kind].schema.fields
    return {field.data_key or name: field.metadata.get("doc", "") for name, field in fields.items()}


def configured(properties: Any, sections: Mapping[str, Any], guard: Guard = OPEN) -> None:
    """Give an alert's properties what the configuration says of every alert: the handlers whose section has `global`,
    where the script has none of the kind, and with `state-changes-only` beside it that only changes are sent. Not those
    that nobody may use."""
    used = {use.kind for use in properties.handlers}
    for kind, handler in _perhaps_everywhere().items():
        if guard.disables(kind):
            continue
        is_global, changes_only = handler.everywhere(sections)
        if is_global and kind not in used:
            properties.handlers.append(HandlerUse(kind, handler.spec.properties()))
        if changes_only and properties.state_changes_only is None:
            properties.state_changes_only = 0


@functools.cache
def _perhaps_everywhere() -> Mapping[str, AnyHandler]:
    """Those whose section may say that every alert uses them: each alert of each task that starts asks."""
    return {kind: handler for kind, handler in kinds().items() if handler.perhaps_everywhere}


def to_json(use: HandlerUse) -> dict[str, Any]:
    """A handler as a script uses it: {"kind", "options"}, the options being those of the handler's API."""
    return {"kind": use.kind, "options": kinds()[use.kind].spec.options(use.properties)}


def from_json(kind: str, options: Any) -> tuple[AnyHandler, Any]:
    """The handler and its options, ready to be used. ValueError for an unknown kind or options it does not take.

    An option that is null counts as left out. Case and dashes in the names of options do not matter.
    """
    handler = kinds().get(kind)
    if handler is None:
        raise ValueError(f"unsupported action kind {quote(kind)}")
    try:
        if isinstance(options, dict):
            options = _spelled(handler, {key: value for key, value in options.items() if value is not None})
        return handler, handler.schema.load({} if options is None else options)
    except ValidationError as error:
        problems = error.messages_dict.items() if isinstance(error.messages, dict) else [("options", error.messages)]
        text = "; ".join(f"{key}: {_flat(problem)}" for key, problem in problems)
        raise ValueError(f"invalid options of {kind}: {text}") from None


def read_again(kind: str, options: Any) -> tuple[AnyHandler, Any]:
    """As `from_json`, for options that come again and again, with each event: read once, they are the same object."""
    try:
        said = orjson.dumps(options)
    except TypeError:  # a number that is too large for it
        return from_json(kind, options)
    return _read(kind, said)


@functools.lru_cache(maxsize=4096)
def _read(kind: str, options: bytes) -> tuple[AnyHandler, Any]:
    return from_json(kind, orjson.loads(options))


def _spelled(handler: AnyHandler, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options under the names that the schema has for them, as far as it has."""
    names = [field.data_key or name for name, field in handler.schema.fields.items()]
    plain = {_plain(name): name for name in names}
    return {key if key in names else plain.get(_plain(key), key): value for key, value in options.items()}


def _plain(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()


def check_json(kind: str, options: Any, sections: Mapping[str, Any], guard: Guard = OPEN) -> None:
    """ValueError, in the reference's words, where a topic cannot have a handler like this; NotPermitted where nobody
    may."""
    handler, loaded = from_json(kind, options)
    handler.check(loaded, sections)
    _check_permitted(handler, loaded, sections, guard)


def check_permitted(use: HandlerUse, sections: Mapping[str, Any], guard: Guard) -> None:
    """NotPermitted where nobody may use the handler so, ValueError for options that it does not take."""
    handler, options = from_json(use.kind, kinds()[use.kind].spec.options(use.properties))
    _check_permitted(handler, options, sections, guard)


def _check_permitted(handler: AnyHandler, options: Any, sections: Mapping[str, Any], guard: Guard) -> None:
    guard.handler(handler.spec.kind)
    handler.permitted(options, sections, guard)


def _flat(problem: Any) -> str:
    if isinstance(problem, dict):
        return " ".join(f"{key}: {_flat(inner)}" for key, inner in problem.items())
    return " ".join(map(str, problem)) if isinstance(problem, list) else str(problem)


def check(use: HandlerUse, sections: Mapping[str, Any], guard: Guard = OPEN) -> None:
    """ValueError, in the reference's words, where a task that uses the handler so cannot start; NotPermitted where
    nobody may use it so."""
    spec = kinds()[use.kind].spec
    spec.check(spec.options(use.properties), sections)
    check_permitted(use, sections, guard)
