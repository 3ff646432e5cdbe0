"""What a task's sideload nodes look values up in, read before the task is built."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from services.connectors.sideload import SOURCES, SideloadError, Sources, address_of
from services.pipeline.graph import Graph
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed


@contextlib.asynccontextmanager
async def sideloaded(graph: Graph, environment: TaskEnvironment, sources: Sources = SOURCES) -> AsyncIterator[None]:
    """What the graph's nodes are going to take is there within. Raises TaskFailed where it cannot be read."""
    nodes = [node for node in graph.nodes if node.spec.name == "sideload"]
    if not nodes:
        yield
        return
    places = [address_of(node.properties.source, environment.post_endpoints) for node in nodes]  # type: ignore[attr-defined]
    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(sources.prepared(places, environment.guard))
        except SideloadError as error:
            raise TaskFailed(str(error)) from None
        yield
