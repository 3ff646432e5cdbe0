"""The nodes: one file each, found by looking into this folder. Nothing else lists them."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, replace

from schemas.config import Deadman
from services.expressions.constant import constant
from services.pipeline.functions import FunctionSpec
from services.pipeline.registry import Registry
from services.pipeline.spec import HandlerSpec
from services.runtime.node import Node


@functools.cache
def classes() -> Mapping[str, type[Node]]:
    """Every node class in this folder, by the name that scripts use."""
    found: dict[str, type[Node]] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, Node) and "spec" in vars(value):
                found[value.spec.name] = value
    return found


@dataclass(frozen=True, slots=True)
class ConfiguredNodes:
    """`registry`, where nodes are as the configuration has them."""

    deadman: Deadman

    def __call__(self, handlers: Mapping[str, HandlerSpec], functions: Mapping[str, FunctionSpec]) -> Registry:
        from services.nodes.deadman import everywhere, spec_with

        spec = spec_with(self.deadman)
        found = registry(handlers, functions)
        nodes = {**found.nodes, spec.name: spec}
        return replace(found, nodes=nodes, everywhere=everywhere(self.deadman))


def registry(
    handlers: Mapping[str, HandlerSpec] | None = None, functions: Mapping[str, FunctionSpec] | None = None
) -> Registry:
    """What scripts may use: the nodes of this folder, the alert handlers and the user defined functions given."""
    nodes = {name: cls.spec for name, cls in classes().items()}
    return Registry(nodes, dict(handlers or {}), constant, {} if functions is None else functions)
