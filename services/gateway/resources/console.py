"""The console: / for browsers, and /ui/."""

from __future__ import annotations

from quart import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from services.gateway.console.files import HEADERS, StaticFile, static_file
from services.gateway.http.over_http import described, new_blueprint
from services.gateway.http.resource import Resource
from services.gateway.operations.operation import Description

_HTML = "text/html"
_PAGE = "index.html"
_KINDS = (_HTML, "text/css", "text/javascript", "image/svg+xml", "application/json", "text/plain")


def resource() -> Resource:
    """The routes."""
    return Resource("console", routes=_routes())


def _routes() -> Blueprint:
    routes = new_blueprint("console", "/")

    @routes.get("/")
    @described(
        Description(
            about="Leads browsers to the console; nothing is here for whoever does not ask for text/html.",
            answers={200: (_HTML,)},
            errors=(404,),
        )
    )
    async def root() -> Response:
        return _to_console()

    @routes.get("/ui")
    @described(Description(about="Leads browsers to the console.", answers={200: (_HTML,)}, errors=(404,)))
    async def bare() -> Response:
        return _to_console()

    @routes.get("/ui/<rest:file>")
    @described(
        Description(
            about="The console's page, and what it is made of; without a name, the page.",
            answers={200: _KINDS},
            errors=(404,),
        )
    )
    async def file(file: str) -> Response:
        found = static_file(file or _PAGE)
        if found is None:
            raise NotFound
        return _sent(found)

    return routes


def _to_console() -> Response:
    """A relative place, so that it holds behind a proxy that serves the gateway under a path of its own."""
    if _HTML not in request.headers.get("Accept", ""):
        raise NotFound
    return Response(b"", 302, {"Location": "ui/", "Vary": "Accept"})


def _sent(found: StaticFile) -> Response:
    headers = {**HEADERS, "ETag": found.tag}
    if found.tag in request.headers.get("If-None-Match", ""):
        return Response(b"", 304, headers)
    body = found.body
    if "gzip" in request.headers.get("Accept-Encoding", "") and found.zipped is not body:
        body = found.zipped
        headers["Content-Encoding"] = "gzip"
    return Response(body, 200, headers, content_type=found.content_type)
