"""Scripts compiled and laid out, each only once as far as there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from grammar.tickscript.ast import TickscriptError
from services.gateway.operations.operation_error import OperationError
from services.gateway.readmodels.scripts.bounded_cache import BoundedCache
from services.gateway.readmodels.scripts.kept_sketches import KeptSketches
from services.gateway.readmodels.scripts.sketch import Sketch
from services.pipeline.compiler.compile import Compiled
from services.pipeline.dot import to_dot
from services.pipeline.graph import Graph
from services.pipeline.outline import outline
from services.pipeline.splitting import Splitting, splitting
from services.process.helper import HelperFailed
from services.runtime.building.compiling import CompilationResult, Compiling, takes_long
from services.store.folds.definition import TaskDefinition

_MOST_KEPT = 2048
_MOST_CHARACTERS = 3 << 20  # of all scripts that are kept; a compiled one takes about a hundred times its text
_SHOWN_BYTES = 64 << 20
_A_SKETCH = 1024

_Key = tuple[str, bytes, bool]


class Scripts:
    """What the gateway does with scripts. What it gives is shared: it must not be changed.

    What takes long is to be made `ready` before it is asked for.
    """

    def __init__(
        self,
        compiling: Compiling,
        permitted: Callable[[Graph], None] = lambda graph: None,
        sketches: KeptSketches | None = None,
    ) -> None:
        """permitted: ValueError where a task must not do what its graph does on this machine, or a handler cannot.
        sketches: those of before the start.
        """
        self.compiling = compiling
        self._kept_sketches = sketches
        self.permitted = permitted
        self._kept: OrderedDict[_Key, CompilationResult] = OrderedDict()
        self._by_text: dict[str, _Key] = {}
        self._characters = 0
        self._layouts: BoundedCache[str, str] = BoundedCache(_SHOWN_BYTES)
        self._sketches: BoundedCache[_Key, Sketch] = BoundedCache(_SHOWN_BYTES)

    async def ready(self, script: str, vars: Mapping[str, Any] | None, template: bool = False) -> None:
        """Have at hand what is compiled of a script, without holding up others. Raises OperationError, 503."""
        key = _key(script, vars, template)
        if key in self._kept or not takes_long(script, key[1]):
            return
        try:
            outcome = await self.compiling.aside(*key)
        except HelperFailed as problem:
            if problem.for_now:
                raise OperationError(503, f"scripts that are large: {problem}") from problem
            outcome = CompilationResult(None, TickscriptError(f"the script cannot be compiled: {problem}"), False)
        self._keep(key, outcome)

    async def ready_task(self, definition: TaskDefinition) -> None:
        """Have at hand what a task's script is compiled to."""
        await self.ready(definition.script, definition.vars)

    async def ready_any(self, script: str) -> None:
        """Have at hand what does not depend on vars."""
        if self._by_text.get(script) not in self._kept:
            await self.ready(script, None, template=True)

    async def ready_to_show(self, definition: TaskDefinition) -> None:
        """Have at hand what is shown of a task's definition, for longer than what it is compiled to."""
        script, vars = definition.script, definition.vars
        key = _key(script, vars, False)
        if key in self._sketches and script in self._layouts:
            return
        kept = None if self._kept_sketches is None else self._kept_sketches.get(script, key[1])
        if kept is not None:
            self._show(key, *kept)
            return
        await self.ready(script, vars)
        sketch, formatted = self.sketch(definition), self.formatted(script)
        if self._kept_sketches is not None:
            self._kept_sketches.keep(script, key[1], sketch, formatted)

    def compile(self, script: str, vars: Mapping[str, Any]) -> Compiled:
        """The graph of a script with these vars (as JSON). Raises TickscriptError."""
        return self._outcome(_key(script, vars, False)).result()

    def template(self, script: str) -> Compiled:
        """The graph of a template's script, whose vars may lack values. Raises TickscriptError."""
        return self._outcome(_key(script, None, True)).result()

    def dbrps(self, script: str) -> tuple[tuple[str, str], ...]:
        """What a script's `dbrp` statements say. Raises TickscriptError where it cannot be parsed."""
        outcome = self._any_outcome(script)
        if not outcome.parsed and outcome.error is not None:
            raise outcome.error
        return outcome.dbrps

    def problem(self, definition: TaskDefinition) -> str:
        """Why a task's definition cannot run as it stands; empty where nothing is wrong with it."""
        return self.sketch(definition).problem

    def splitting(self, definition: TaskDefinition) -> Splitting:
        """By what a task can be split, or what is in the way."""
        return self.sketch(definition).splitting

    def sketch(self, definition: TaskDefinition) -> Sketch:
        """What is shown of a task's definition beside its script."""
        key = _key(definition.script, definition.vars, False)

        def make() -> Sketch:
            try:
                graph = self._outcome(key).result().graph
                return Sketch("", outline(graph), splitting(graph))
            except TickscriptError as error:
                return Sketch(str(error), None, Splitting(reason=str(error)))

        return self._sketches.get(key, make, lambda made: _sketch_size(key, made))

    def refusal(self, definition: TaskDefinition) -> str:
        """Why a task must not run as it is defined, or cannot; empty where nothing is wrong with it."""
        try:
            self.permitted(self.compile(definition.script, definition.vars).graph)
        except (TickscriptError, ValueError) as error:
            return str(error)
        return ""

    def dot(
        self, id: str, definition: TaskDefinition, stats: Mapping[str, Any] | None = None, view: str = "attributes"
    ) -> str:
        """A task's graph in DOT; stats as the API shows them, None for a task that does not run.

        Empty where the definition cannot run.
        """
        graph = self.sketch(definition).outline
        if graph is None:
            return ""
        if not stats:
            return to_dot(id, graph)
        return to_dot(id, graph, stats["node-stats"], view, stats["task-stats"].get("throughput", 0.0))

    def formatted(self, script: str) -> str:
        """The script in the standard layout; as it is where it cannot be read any more."""
        return self._layouts.get(script, lambda: self._formatted(script), lambda made: 2 * len(script) + len(made))

    def _show(self, key: _Key, sketch: Sketch, formatted: str) -> None:
        self._sketches.get(key, lambda: sketch, lambda made: _sketch_size(key, made))
        self._layouts.get(key[0], lambda: formatted, lambda made: 2 * len(key[0]) + len(made))

    def _formatted(self, script: str) -> str:
        outcome = self._any_outcome(script)
        made = outcome.formatted if outcome.parsed else script
        return script if made == script else made

    def _outcome(self, key: _Key) -> CompilationResult:
        outcome = self._kept.get(key)
        if outcome is None:
            outcome = self.compiling.here(*key)
            self._keep(key, outcome)
        self._kept.move_to_end(key)
        self._by_text[key[0]] = key
        return outcome

    def _any_outcome(self, script: str) -> CompilationResult:
        """For what does not depend on vars."""
        key = self._by_text.get(script)
        return self._outcome(_key(script, None, True) if key is None else key)

    def _keep(self, key: _Key, outcome: CompilationResult) -> None:
        if key in self._kept:
            return
        self._kept[key] = outcome
        self._by_text[key[0]] = key
        self._characters += _characters(key)
        while len(self._kept) > 1 and (self._characters > _MOST_CHARACTERS or len(self._kept) > _MOST_KEPT):
            oldest, _ = self._kept.popitem(last=False)
            self._characters -= _characters(oldest)
            if self._by_text.get(oldest[0]) == oldest:
                del self._by_text[oldest[0]]


def _key(script: str, vars: Mapping[str, Any] | None, template: bool) -> _Key:
    return script, orjson.dumps(vars or {}, option=orjson.OPT_SORT_KEYS), template


def _sketch_size(key: _Key, sketch: Sketch) -> int:
    return _A_SKETCH + _characters(key) + len(sketch.problem)


def _characters(key: _Key) -> int:
    return len(key[0]) + len(key[1])
