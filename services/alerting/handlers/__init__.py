"""The alert handlers: one file each, found by looking into this folder. Nothing else lists them."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any, cast

from marshmallow import ValidationError

from services.alerting.handler import Handler
from services.pipeline.spec import HandlerSpec, HandlerUse


@functools.cache
def kinds() -> Mapping[str, Handler]:
    """Every handler in this folder, by the name that scripts use."""
    modules = (importlib.import_module(m.name) for m in pkgutil.iter_modules(__path__, f"{__name__}."))
    found = [cast(Handler, module) for module in modules]
    return {handler.SPEC.kind: handler for handler in found}


def specs() -> Mapping[str, HandlerSpec]:
    """What scripts may write of them, by kind: for the registry that scripts are compiled with."""
    return {kind: handler.SPEC for kind, handler in kinds().items()}


def to_json(use: HandlerUse) -> dict[str, Any]:
    """A handler as a script uses it: {"kind", "options"}, the options being those of the handler's API."""
    return {"kind": use.kind, "options": kinds()[use.kind].SPEC.options(use.properties)}


def from_json(kind: str, options: Any) -> tuple[Handler, Any]:
    """The handler and its options, ready for `handle`. ValueError for an unknown kind or options it does not take."""
    handler = kinds().get(kind)
    if handler is None:
        raise ValueError(f'unsupported action kind "{kind}"')
    try:
        return handler, handler.OPTIONS.load(options)
    except ValidationError as error:
        problems = error.messages_dict.items() if isinstance(error.messages, dict) else [("options", error.messages)]
        text = "; ".join(f"{key}: {_flat(problem)}" for key, problem in problems)
        raise ValueError(f"invalid options of {kind}: {text}") from None


def _flat(problem: Any) -> str:
    return " ".join(map(str, problem)) if isinstance(problem, list) else str(problem)


def check(use: HandlerUse, sections: Mapping[str, Any]) -> None:
    """ValueError, in the reference's words, where a task that uses the handler so cannot start."""
    spec = kinds()[use.kind].SPEC
    spec.check(spec.options(use.properties), sections)
