"""Operations as HTTP routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import orjson
from quart import Blueprint, Response, request

from services.gateway.answers import answer, refusal_answer
from services.gateway.commands.refusal import Refusal, invalid_json
from services.gateway.operation import Description, Operation, Question
from services.gateway.query import read_query

View = Callable[..., Awaitable[Response]]

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
    routes.register_error_handler(Refusal, refusal_answer)
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
    parts = [f"<{part[1:-1]}>" if part.startswith("{") else part for part in first]
    return "/".join([*parts, f"<rest:{last[1:-1]}>" if last.startswith("{") else last])


def parameters() -> dict[str, Any]:
    """The query's parameters; `fields` may be repeated, of the others the first counts."""
    given = read_query(request.query_string)
    return {name: values if name == "fields" else values[0] for name, values in given.items()}


def _view(operation: Operation) -> View:
    last = operation.names[-1] if operation.names else ""

    async def view(**names: str) -> Response:
        if operation.noun and not names[last]:
            raise Refusal(400, f"must specify {operation.noun} id on path")
        body = await _json() if operation.body else None
        return answer(*await operation.run(Question(names, parameters(), body, _requested())))

    return described(operation)(view)


async def _json() -> Any:
    try:
        return orjson.loads(await request.get_data())
    except orjson.JSONDecodeError as error:
        raise invalid_json() from error


def _requested() -> str:
    """Path and query as they were asked for, under the usual base."""
    query = request.query_string.decode("latin-1")
    return request.path + (f"?{query}" if query else "")
