"""What scripts may use, as it is declared, and what is to be said of a script."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from schemas.api.scripts.reference import LintSchema
from services.expressions.functions import CLOCK, FUNCTIONS
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.reading import read_strictly
from services.linting.documents import plain
from services.linting.linter import lint
from services.pipeline.docs import argument_head, handler_head, node_ends, node_head, property_head
from services.pipeline.functions import FunctionSpec
from services.pipeline.registry import Registry
from services.pipeline.spec import HandlerSpec, NodeSpec, Properties, PropertySpec
from services.process.helper import HelperFailed
from services.runtime.building.compiling import Compiling

_CLOCK = {"name": CLOCK, "heads": [f"{CLOCK}() time"], "doc": "The time at which the point is looked at."}

View = dict[str, Any]


class Reference:
    """Answers in the shapes of schemas.api.scripts.reference."""

    def __init__(self, compiling: Compiling) -> None:
        self._compiling = compiling

    def all(self) -> View:
        """All nodes, handlers and functions, by name."""
        return self._all

    async def findings(self, body: Any) -> View:
        """What is to be said of a script, worked out beside this process. Raises OperationError."""
        script = read_strictly(LintSchema(), body)["script"]
        try:
            return {"findings": await self._compiling.beside(_findings, script)}
        except HelperFailed as problem:
            raise OperationError(503 if problem.for_now else 400, f"script: {problem}") from problem

    @cached_property
    def _all(self) -> View:
        known = self._compiling.registry
        return {
            "nodes": [_node(spec) for _, spec in sorted(known.nodes.items())],
            "handlers": [_handler(spec) for _, spec in sorted(known.handlers.items()) if spec.in_scripts],
            "functions": sorted([*map(_function, FUNCTIONS), _CLOCK], key=lambda one: one["name"]),
            "udfs": [_own(spec) for _, spec in sorted(known.functions.items())],
        }


def _findings(known: Registry, script: str) -> list[View]:
    """In the helper process. What watches every task is not the script's."""
    return [
        {key: value for key, value in plain(one).items() if key != "file"}
        for one in lint(script, "", replace(known, everywhere=None))
    ]


def _node(spec: NodeSpec) -> View:
    about = {"name": spec.name, "head": node_head(spec), "ends": node_ends(spec), "doc": inspect.cleandoc(spec.doc)}
    return {**about, **_parts(spec.properties), "handlers": spec.takes_handlers}


def _handler(spec: HandlerSpec) -> View:
    about = {"name": spec.name, "head": handler_head(spec), "ends": "", "doc": inspect.cleandoc(spec.doc)}
    return {**about, **_parts(spec.properties), "handlers": False}


def _parts(properties: type[Properties]) -> View:
    arguments = [_part(one, argument_head(one)) for one in properties.arguments()]
    return {"arguments": arguments, "properties": _properties(properties.by_name())}


def _properties(by_name: Mapping[str, PropertySpec]) -> list[View]:
    return [
        _part(one, property_head(one), () if one.part is None else _properties(one.part.by_name()))
        for one in by_name.values()
    ]


def _part(spec: PropertySpec, head: str, properties: Iterable[View] = ()) -> View:
    return {"name": spec.name, "head": head, "doc": spec.doc, "properties": list(properties)}


def _function(name: str) -> View:
    function = FUNCTIONS[name]
    heads = {
        f"{name}({', '.join(one.value for one in types)}) {signature.result.value}"
        for types, signature in function.signatures.items()
    }
    return {"name": name, "heads": sorted(heads), "doc": inspect.cleandoc(function.doc)}


def _own(spec: FunctionSpec) -> View:
    heads = [f"@{spec.name}()", *(f".{name}({', '.join(types).lower()})" for name, types in spec.options.items())]
    about = f"Takes {spec.wants.value}. Gives {spec.provides.value}."
    return {"name": spec.name, "heads": heads, "doc": spec.problem or about}
