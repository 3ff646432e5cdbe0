"""All that scripts may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from grammar.tickscript.ast import Expression
from services.pipeline.composite import Builder
from services.pipeline.functions import FunctionSpec
from services.pipeline.graph import GraphNode
from services.pipeline.spec import HandlerSpec, NodeSpec


@dataclass(frozen=True, slots=True)
class Registry:
    """All nodes, handlers and user defined functions that scripts may use: maps by name. Tests make their own.

    `constant` works out an expression without vars to a bool, int, float, str or Duration, and raises ValueError,
    in the reference's words, where there is no value. Without it no var can be computed. `everywhere` builds on the
    source of every script what the script does not say.
    """

    nodes: Mapping[str, NodeSpec]
    handlers: Mapping[str, HandlerSpec] = field(default_factory=dict)
    constant: Callable[[Expression], Any] | None = None
    functions: Mapping[str, FunctionSpec] = field(default_factory=dict)
    everywhere: Callable[[Builder, GraphNode], object] | None = None
