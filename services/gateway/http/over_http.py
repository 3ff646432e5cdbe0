"""Operations as HTTP routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from quart import Blueprint, Response, request

from services.gateway.http.answers import error_answer
from services.gateway.http.list_response import respond
from services.gateway.http.query import read_query
from services.gateway.http.request_body import read_json
from services.gateway.operations.operation import Description, Operation, OperationRequest
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.paths import SLASH, with_slashes

View = Callable[..., Awaitable[Response]]

_REPEATED = ("fields", "match")

DESCRIBED = "description"
"""The attribute of a view that holds its Description."""


def blueprint(name: str, operations: Iterable[Operation]) -> Blueprint:
    """The routes of a resource's operations."""
    routes = new_blueprint(name)
    for operation in operations:
        if not operation.method:
            continue
        endpoint = f"{operation.kind}_{operation.verb}"
        routes.add_url_rule(rule(operation), endpoint, _view(operation), methods=[operation.method])
    return routes


def new_blueprint(name: str, prefix: str | None = None) -> Blueprint:
    """A blueprint whose refusals are answered as such. prefix: where it is not /kapacitor/v1."""
    routes = Blueprint(name, __name__, url_prefix=prefix)
    routes.register_error_handler(OperationError, error_answer)
    return routes


def described(description: Description) -> Callable[[View], View]:
    """For a view that is no operation, since its body is no JSON: what the documents say of it."""

    def mark(view: View) -> View:
        setattr(view, DESCRIBED, description)
        return view

    return mark


def rule(operation: Operation) -> str:
    """The path as the app's routing knows it."""
    *first, last = operation.path.split("/")
    rest = "{" + operation.names[-1] + "}" if operation.slashes else None
    parts = [
        f"<rest:{part[1:-1]}>" if part == rest else f"<{part[1:-1]}>" if part.startswith("{") else part
        for part in first
    ]
    return "/".join([*parts, f"<rest:{last[1:-1]}>" if last.startswith("{") else last])


def parameters() -> dict[str, Any]:
    """The query's parameters; `fields` and `match` may be repeated, of the others the first counts."""
    given = read_query(request.query_string)
    return {name: values if name in _REPEATED else values[0] for name, values in given.items()}


def _view(operation: Operation) -> View:
    last = operation.names[-1] if operation.names else ""

    async def view(**names: str) -> Response:
        if operation.noun and not names[last]:
            raise OperationError(400, f"must specify {operation.noun} id on path")
        beyond = ""
        if operation.segment:
            names[last], _, beyond = names[last].partition("/")
        names = {name: with_slashes(given) for name, given in names.items()}
        body = await read_json(operation.bare) if operation.body else None
        accept = request.headers.get("Accept", "")
        asked = OperationRequest(names, parameters(), body, _requested(), accept, beyond)
        return await respond(*await operation.run(asked))

    return described(operation)(view)


def _requested() -> str:
    """Path and query as they were asked for, under the usual base."""
    query = request.query_string.decode("latin-1")
    return request.path.replace(SLASH, "%2F") + (f"?{query}" if query else "")
