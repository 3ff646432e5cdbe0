"""Graphs as pictures."""

from __future__ import annotations

from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.text_body import TextBody
from services.pipeline.drawing.svg import CONTENT_TYPE, to_svg
from services.pipeline.outline import Outline
from services.process.pools import Busy, Pool

_SMALL = 60  # nodes, which are drawn in less than 20 ms
_threads = Pool("pictures", 1, most_waiting=100)

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


def wants_picture(view: str) -> bool:
    """Whether the parameter `view` asks for one. Raises OperationError."""
    if view not in ("", "svg"):
        raise OperationError(400, f'invalid view parameter "{view}"')
    return view == "svg"


async def picture(name: str, graph: Outline | None, problem: str) -> TextBody:
    """The graph of the task or template `name`. Raises OperationError: 400 with the problem where there is none, 503
    where too many are being drawn."""
    if graph is None:
        raise OperationError(400, f"there is no graph: {problem}")
    try:
        large = len(graph.nodes) > _SMALL
        drawn = await _threads.run(to_svg, name, graph) if large else to_svg(name, graph)
    except Busy as error:
        raise OperationError(503, f"too many graphs are being drawn: {error}") from error
    return TextBody(CONTENT_TYPE, drawn, _HEADERS)
