"""The Quart app: one blueprint a resource, errors as the API words them."""

from __future__ import annotations

from collections.abc import Iterable

from quart import Blueprint, Quart, Response
from werkzeug.exceptions import HTTPException, NotFound, RequestEntityTooLarge
from werkzeug.routing import BaseConverter

from services.gateway.http.answers import JSON, NOT_FOUND, error_body
from services.gateway.operations.paths import BASE
from services.process import log as logs

_log = logs.get("http")


def make_app(blueprints: Iterable[Blueprint], max_body: int) -> Quart:
    """The app with these resources, under /kapacitor/v1 where they name no other place."""
    app = Quart("tickbus", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = max_body
    app.config["BODY_TIMEOUT"] = None
    app.url_map.converters["rest"] = _Rest
    app.url_map.merge_slashes = False
    for blueprint in blueprints:
        app.register_blueprint(blueprint, url_prefix=blueprint.url_prefix or BASE)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)
    return app


class _Rest(BaseConverter):
    """All that is left of a path, slashes and line ends included; may be empty."""

    regex = r"(?s:.*)"
    part_isolating = False
    weight = 200  # what names the further segments is tried first


async def _http_error(error: HTTPException) -> Response:
    if isinstance(error, NotFound) or error.code == 405:
        return Response(NOT_FOUND, 404, content_type=JSON.decode())
    text = "body too large" if isinstance(error, RequestEntityTooLarge) else error.description or error.name
    return Response(error_body(text), error.code or 500, content_type=JSON.decode())


async def _unexpected(error: Exception) -> Response:
    _log.exception("request failed", error)
    return Response(error_body("internal error, see the log"), 500, content_type=JSON.decode())
