"""Compiling scripts without holding up an event loop: what is small at once, what takes long in a helper process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Concatenate, ParamSpec, TypeVar

import orjson

from grammar.tickscript import codec
from grammar.tickscript.ast import Script, TickscriptError
from grammar.tickscript.formatter import format_script
from grammar.tickscript.limits import MAX_CHARACTERS
from grammar.tickscript.parser import parse
from services.pipeline.compiler.compile import Compiled, compile_script, dbrps_of
from services.pipeline.compiler.vars import parse_vars
from services.pipeline.functions import FunctionSpec
from services.pipeline.graph import Graph
from services.pipeline.registry import Registry
from services.pipeline.spec import HandlerSpec
from services.process.helper import Helper, HelperFailed
from services.process.paced_lock import PacedLock
from services.runtime.building.script_cache import ParsedScripts

SECONDS = 30.0
"""How long a script may take; those at the bounds of grammar.tickscript.limits take a few."""

_AT_ONCE = 16  # graphs that wait for the helper process; others wait for them and are not refused
_SMALL = 4096  # characters of script and vars: about 20 ms
_FEW_CALLS = 200  # in so little text: of very short words there may be many
# What repeats what is large: a class of Unicode's is some hundred parts of a program.
_LARGE_REGEX = re.compile(r"\\[pP]|\{\d+,?\d*\}")

P = ParamSpec("P")
T = TypeVar("T")

Handlers = Callable[[], Mapping[str, HandlerSpec]]
RegistryOf = Callable[[Mapping[str, HandlerSpec], Mapping[str, FunctionSpec]], Registry]


@dataclass(frozen=True, slots=True)
class CompilationResult:
    """What a script comes to. error: why it cannot be compiled, `compiled` is None then.

    dbrps: of its `dbrp` statements. formatted: in the standard layout. Both are empty where it cannot even be parsed.
    """

    compiled: Compiled | None
    error: TickscriptError | None
    parsed: bool
    dbrps: tuple[tuple[str, str], ...] = ()
    formatted: str = ""

    def result(self) -> Compiled:
        """Raises TickscriptError where there is none."""
        if self.compiled is None:
            assert self.error is not None
            raise self.error
        return self.compiled


class Compiling:
    """A process's compiler. Use as an async context manager. loop_lock: for what tasks have done on the event loop."""

    def __init__(
        self, parsed: ParsedScripts, registry: RegistryOf, handlers: Handlers, functions: Mapping[str, FunctionSpec]
    ) -> None:
        """registry: puts together what scripts may use. handlers: gives the alert handlers that they may use.

        Both are functions of modules, which a helper process can import.
        """
        self._parsed, self._functions = parsed, functions
        self._registry_of, self._handlers = registry, handlers
        self.registry = registry(handlers(), functions)
        """All that scripts may use."""
        self._helper = Helper("compiling", __name__, registry.__module__, handlers.__module__)
        self._graphs = asyncio.Semaphore(_AT_ONCE)
        self.loop_lock = PacedLock()

    async def __aenter__(self) -> Compiling:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._helper.close()

    def here(self, text: str, vars: bytes, template: bool = False) -> CompilationResult:
        """What a script comes to with these vars (JSON), worked out here and now."""
        return _outcome(self.registry, lambda: self._parsed.parsed(text), vars, template)

    async def aside(self, text: str, vars: bytes, template: bool = False) -> CompilationResult:
        """The same, worked out by a helper process. Raises HelperFailed."""
        found, tree = await self._helper.run(
            SECONDS,
            _beside,
            self._registry_of,
            self._handlers,
            dict(self._functions),
            text,
            self._parsed.kept(text),
            vars,
            template,
        )
        if tree:
            self._parsed.keep(text, tree)
        return found

    async def beside(self, work: Callable[Concatenate[Registry, P], T], *args: P.args, **keys: P.kwargs) -> T:
        """What a function of a module makes of what scripts may use, worked out by the helper process.

        Raises what it raises, and HelperFailed.
        """
        functions = dict(self._functions)
        return await self._helper.run(
            SECONDS, _with_registry, work, self._registry_of, self._handlers, functions, args, keys
        )

    async def graph(self, text: str, vars: Mapping[str, Any]) -> Graph:
        """The graph of a script with these vars (as JSON has them), wherever that is worked out.

        Raises TickscriptError, FunctionUnavailable among them.
        """
        packed = orjson.dumps(vars)
        if not takes_long(text, packed):
            async with self.loop_lock.turn():
                return compile_script(self._parsed.parsed(text), self.registry, parse_vars(vars)).graph
        try:
            async with self._graphs:
                found = await self.aside(text, packed)
        except HelperFailed as problem:
            raise TickscriptError(f"the script cannot be compiled: {problem}") from None
        return found.result().graph


def takes_long(text: str, vars: bytes) -> bool:
    """Whether a script is to be compiled by a helper process."""
    if len(text) > MAX_CHARACTERS:
        return False  # it is refused at once
    if len(text) + len(vars) > _SMALL or text.count("(") > _FEW_CALLS:
        return True
    return bool(_LARGE_REGEX.search(text)) or bool(_LARGE_REGEX_JSON.search(vars))


_LARGE_REGEX_JSON = re.compile(_LARGE_REGEX.pattern.replace(r"\\", r"\\\\").encode())


def _outcome(known: Registry, tree: Callable[[], Script], vars: bytes, template: bool) -> CompilationResult:
    try:
        script = tree()
    except TickscriptError as error:
        return CompilationResult(None, error.with_traceback(None), False)
    dbrps, formatted = dbrps_of(script), format_script(script)
    try:
        compiled = compile_script(script, known, parse_vars(orjson.loads(vars)), template=template)
    except TickscriptError as error:
        return CompilationResult(None, error.with_traceback(None), True, dbrps, formatted)
    return CompilationResult(compiled, None, True, dbrps, formatted)


def _with_registry(
    work: Callable[..., T],
    registry: RegistryOf,
    handlers: Handlers,
    functions: Mapping[str, FunctionSpec],
    args: tuple[Any, ...],
    keys: Mapping[str, Any],
) -> T:
    """In the helper process."""
    return work(registry(handlers(), functions), *args, **keys)


def _beside(
    registry: RegistryOf,
    handlers: Handlers,
    functions: Mapping[str, FunctionSpec],
    text: str,
    tree: bytes | None,
    vars: bytes,
    template: bool,
) -> tuple[CompilationResult, bytes]:
    """In the helper process: what the script comes to, and its tree where that was not known."""
    found = _outcome(registry(handlers(), functions), lambda: _tree(text, tree), vars, template)
    return found, codec.dump(_tree(text, tree)) if tree is None and found.parsed else b""


@lru_cache(4)
def _tree(text: str, tree: bytes | None) -> Script:
    """Many tasks may be of one template, which changes."""
    if tree is not None:
        try:
            return codec.load(tree)
        except ValueError:
            pass  # of another version
    return parse(text)
