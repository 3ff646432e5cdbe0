"""What the resources over HTTP share: reading bodies, parameters and ids."""

from __future__ import annotations

from typing import Any

import orjson
from quart import request

from services.gateway.commands.refusal import Refusal, invalid_json


async def json_body() -> Any:
    """The request's body. Raises Refusal where it is no JSON."""
    try:
        return orjson.loads(await request.get_data())
    except orjson.JSONDecodeError as error:
        raise invalid_json() from error


def list_parameters() -> dict[str, Any]:
    """The query's parameters; `fields` may be repeated, of the others the first counts."""
    parameters: dict[str, Any] = request.args.to_dict()
    if "fields" in parameters:
        parameters["fields"] = request.args.getlist("fields")
    return parameters


def id_of(path: str, kind: str) -> str:
    """The id that a path ends with. Raises Refusal where it is empty."""
    if not path:
        raise Refusal(400, f"must specify {kind} id on path")
    return path
