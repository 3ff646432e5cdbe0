"""The alert handlers: one file each, found by looking into this folder. Nothing else lists them."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any, cast

from marshmallow import ValidationError

from grammar.gotemplate.strconv import quote
from services.alerting.handler import Collector, Handler
from services.pipeline.spec import HandlerSpec, HandlerUse


@functools.cache
def kinds() -> Mapping[str, Handler | Collector]:
    """Every handler in this folder, by the name that scripts and the API use."""
    modules = (importlib.import_module(m.name) for m in pkgutil.iter_modules(__path__, f"{__name__}."))
    found = [cast(Handler, module) for module in modules]
    return {handler.SPEC.kind: handler for handler in found}


def specs() -> Mapping[str, HandlerSpec]:
    """What scripts may write of them, by the name there: for the registry that scripts are compiled with."""
    return {handler.SPEC.name: handler.SPEC for handler in kinds().values() if handler.SPEC.in_scripts}


def options_of(kind: str) -> Mapping[str, str]:
    """What each option of a topic's handler is, by the name that the API has for it."""
    fields = kinds()[kind].OPTIONS.fields
    return {field.data_key or name: field.metadata.get("doc", "") for name, field in fields.items()}


def configured(properties: Any, sections: Mapping[str, Any]) -> None:
    """Give an alert's properties what the configuration says of every alert: the handlers whose section has `global`,
    where the script has none of the kind, and with `state-changes-only` beside it that only changes are sent."""
    used = {use.kind for use in properties.handlers}
    for kind, handler in kinds().items():
        everywhere = getattr(handler, "everywhere", None)
        if everywhere is None:
            continue
        is_global, changes_only = everywhere(sections)
        if is_global and kind not in used:
            properties.handlers.append(HandlerUse(kind, handler.SPEC.properties()))
        if changes_only and properties.state_changes_only is None:
            properties.state_changes_only = 0


def to_json(use: HandlerUse) -> dict[str, Any]:
    """A handler as a script uses it: {"kind", "options"}, the options being those of the handler's API."""
    return {"kind": use.kind, "options": kinds()[use.kind].SPEC.options(use.properties)}


def from_json(kind: str, options: Any) -> tuple[Handler | Collector, Any]:
    """The handler and its options, ready to be used. ValueError for an unknown kind or options it does not take.

    An option that is null counts as left out. Case and dashes in the names of options do not matter.
    """
    handler = kinds().get(kind)
    if handler is None:
        raise ValueError(f"unsupported action kind {quote(kind)}")
    try:
        if isinstance(options, dict):
            options = _spelled(handler, {key: value for key, value in options.items() if value is not None})
        return handler, handler.OPTIONS.load({} if options is None else options)
    except ValidationError as error:
        problems = error.messages_dict.items() if isinstance(error.messages, dict) else [("options", error.messages)]
        text = "; ".join(f"{key}: {_flat(problem)}" for key, problem in problems)
        raise ValueError(f"invalid options of {kind}: {text}") from None


def _spelled(handler: Handler | Collector, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options under the names that the schema has for them, as far as it has."""
    names = [field.data_key or name for name, field in handler.OPTIONS.fields.items()]
    plain = {_plain(name): name for name in names}
    return {key if key in names else plain.get(_plain(key), key): value for key, value in options.items()}


def _plain(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()


def check_json(kind: str, options: Any, sections: Mapping[str, Any]) -> None:
    """ValueError, in the reference's words, where a topic cannot have a handler like this."""
    handler, loaded = from_json(kind, options)
    handler.check(loaded, sections)


def _flat(problem: Any) -> str:
    if isinstance(problem, dict):
        return " ".join(f"{key}: {_flat(inner)}" for key, inner in problem.items())
    return " ".join(map(str, problem)) if isinstance(problem, list) else str(problem)


def check(use: HandlerUse, sections: Mapping[str, Any]) -> None:
    """ValueError, in the reference's words, where a task that uses the handler so cannot start."""
    spec = kinds()[use.kind].SPEC
    spec.check(spec.options(use.properties), sections)
