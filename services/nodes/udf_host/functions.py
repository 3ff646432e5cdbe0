"""The functions that the configuration declares, each with what it tells of itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping

from schemas.config import UdfFunction
from services.nodes.udf_host.connection import ask_info
from services.pipeline.functions import FunctionSpec
from services.pipeline.spec import Edge
from services.process import log as logs
from services.process.pools import Pool
from tickbus.udf.protocol import BATCH, VALUE_TYPES

log = logs.get("udf")

_WAIT = 3.0  # seconds; how long a start is held up by functions that do not answer
_RETRY = 5.0


class UdfFunctions(Mapping[str, FunctionSpec]):
    """By name. One that does not answer is there too, with its `problem`, and is asked again until it answers.

    async with UdfFunctions(config.udf.functions) as functions:
        registry(handlers, functions)
    """

    def __init__(self, settings: Mapping[str, UdfFunction]) -> None:
        self._settings = settings
        self._known = {name: FunctionSpec(name, problem="it has not answered yet") for name in settings}
        self._threads = Pool("udf", max(len(settings), 1))
        self._asking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> UdfFunctions:
        """All are asked at the same time; this returns when they have answered, or after a few seconds."""
        if self._settings:
            first = asyncio.Event()
            self._asking = asyncio.create_task(self._ask_all(first))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_WAIT):
                    await first.wait()
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    def __getitem__(self, name: str) -> FunctionSpec:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    async def _ask(self) -> None:
        names = [name for name, function in self._known.items() if function.problem]
        for function in await asyncio.gather(*(self._threads.run(ask, name, self._settings[name]) for name in names)):
            if function.problem and function.problem != self._known[function.name].problem:
                log.error("failed to load process info", udf=function.name, err=function.problem)
            elif not function.problem:
                log.info("loaded UDF info", udf=function.name)
            self._known[function.name] = function

    async def _ask_all(self, first: asyncio.Event) -> None:
        await self._ask()
        first.set()
        while any(function.problem for function in self._known.values()):
            await asyncio.sleep(_RETRY)
            await self._ask()


def ask(name: str, settings: UdfFunction) -> FunctionSpec:
    """What a function tells of itself, or why it does not. Takes up to a few times its timeout."""
    try:
        info = ask_info(settings)
    except OSError as error:
        return FunctionSpec(name, problem=str(error))
    options = {
        option: tuple(VALUE_TYPES[t] if t < len(VALUE_TYPES) else str(t) for t in about.valueTypes)
        for option, about in info.options.items()
    }
    return FunctionSpec(name, _edge(info.wants), _edge(info.provides), options, settings)


def _edge(edge: int) -> Edge:
    return Edge.BATCH if edge == BATCH else Edge.STREAM
