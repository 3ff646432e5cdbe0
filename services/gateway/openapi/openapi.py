"""The OpenAPI document of the HTTP API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from quart import Quart

from schemas.api.operations import ErrorSchema
from services.gateway.http.over_http import DESCRIBED
from services.gateway.openapi.shapes import JSON, Document, Shapes
from services.gateway.operations.operation import Description, Operation, Route, Shape

_NAME = re.compile(r"<(?:\w+:)?(\w+)>")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_ABOUT = (
    "Kapacitor's API, served by tickbus. Where authentication is on, a 401 answers requests without good credentials, "
    "a 403 those that their user may not make. A 503 with Retry-After answers what cannot be done at present. Unknown "
    "keys and parameters are ignored; null counts as left out."
)

_CREDENTIALS: Mapping[str, Document] = {
    "password": {"type": "http", "scheme": "basic"},
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}


def make_openapi(title: str, version: str, routes: Iterable[Route]) -> Document:
    """The document, as JSON holds it."""
    ways: list[Document] = [{name: []} for name in _CREDENTIALS]
    shapes = Shapes(title, version, info={"description": _ABOUT}, security=[*ways, {}])
    for name, scheme in _CREDENTIALS.items():
        shapes.spec.components.security_scheme(name, scheme)
    for method, path, description in routes:
        shapes.spec.path(path, operations={method.lower(): _operation(shapes, path, method, description)})
    return shapes.document()


def routes_of(app: Quart) -> Iterator[Route]:
    """The app's routes, in the order of their paths. Raises AttributeError for one that is not described."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        description: Description = getattr(app.view_functions[rule.endpoint], DESCRIBED)
        for method in sorted(set(_METHODS) & (rule.methods or set())):
            yield method, _NAME.sub(r"{\1}", rule.rule), description


def _operation(shapes: Shapes, path: str, method: str, description: Description) -> Document:
    found: Document = {
        "summary": description.about,
        "parameters": [*map(_in_path, re.findall(r"{(\w+)}", path)), *_in_query(shapes, description)],
        "responses": {
            str(status): _answer(shapes, status, shape, description) for status, shape in description.answers.items()
        }
        | {str(status): _error(shapes, status) for status in (*description.errors, 503)},
    }
    if isinstance(description, Operation):
        found["operationId"] = f"{description.kind}.{description.verb}"
        found["tags"] = [description.kind]
    if description.body is not None:
        bare = isinstance(description, Operation) and description.bare
        found["requestBody"] = {"required": not bare, "content": _content(shapes, description.body)}
    return found


def _in_path(name: str) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _in_query(shapes: Shapes, description: Description) -> list[Document]:
    return shapes.parameters(description.parameters) if description.parameters else []


def _answer(shapes: Shapes, status: int, shape: Shape, description: Description) -> Document:
    answer: Document = {"description": HTTPStatus(status).phrase}
    if shape is not None:
        answer["content"] = _content(shapes, shape)
    if status == 200 and description.also:
        answer["content"] |= _content(shapes, description.also)
    if description.events:
        # OpenAPI 3.1 has no word for what a stream of events holds
        answer["x-events"] = {name: shapes.ref(schema) for name, schema in description.events.items()}
    return answer


def _content(shapes: Shapes, shape: Any) -> Document:
    if isinstance(shape, tuple):
        return {kind: {"schema": {} if kind == JSON else {"type": "string"}} for kind in shape}
    return {JSON: {"schema": shapes.ref(shape)}}


def _error(shapes: Shapes, status: int) -> Document:
    return {"description": HTTPStatus(status).phrase, "content": {JSON: {"schema": shapes.ref(ErrorSchema)}}}
