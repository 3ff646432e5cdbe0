"""Scripts compiled and laid out, each only once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import orjson

from grammar.tickscript.ast import Script, TickscriptError
from grammar.tickscript.formatter import format_script
from services.pipeline.compile import Compiled, compile_script
from services.pipeline.dot import to_dot
from services.pipeline.spec import Registry
from services.pipeline.vars import parse_vars

_KEPT = 2048


class Scripts:
    """What the gateway does with scripts. What it gives is shared: it must not be changed."""

    def __init__(self, registry: Registry, parse: Callable[[str], Script]) -> None:
        """parse: gives the tree of a script, or raises TickscriptError."""
        self._registry = registry
        self.parse = lru_cache(_KEPT)(parse)
        self.formatted = lru_cache(_KEPT)(self._formatted)
        self.template = lru_cache(_KEPT)(self._template)
        self._compiled = lru_cache(_KEPT)(self._compile)

    def compile(self, script: str, vars: Mapping[str, Any]) -> Compiled:
        """The graph of a script with these vars (as JSON). Raises TickscriptError."""
        return self._compiled(script, orjson.dumps(vars, option=orjson.OPT_SORT_KEYS))

    def problem(self, definition: Mapping[str, Any]) -> str:
        """Why a task's definition cannot run as it stands; empty where nothing is wrong with it."""
        try:
            self.compile(definition["script"], definition["vars"])
        except TickscriptError as error:
            return str(error)
        return ""

    def dot(
        self, id: str, definition: Mapping[str, Any], stats: Mapping[str, Any] | None = None, view: str = "attributes"
    ) -> str:
        """A task's graph in DOT; stats as the API shows them, None for a task that does not run."""
        graph = self.compile(definition["script"], definition["vars"]).graph
        if not stats:
            return to_dot(id, graph)
        return to_dot(id, graph, stats["node-stats"], view, stats["task-stats"].get("throughput", 0.0))

    def _formatted(self, text: str) -> str:
        """The script in the standard layout; as it is where it cannot be read any more."""
        try:
            return format_script(self.parse(text))
        except TickscriptError:
            return text

    def _template(self, text: str) -> Compiled:
        """The graph of a template's script, whose vars may lack values. Raises TickscriptError."""
        return compile_script(self.parse(text), self._registry, template=True)

    def _compile(self, text: str, vars: bytes) -> Compiled:
        return compile_script(self.parse(text), self._registry, parse_vars(orjson.loads(vars)))
