"""Reading what an operation is asked with, where what is wrong is said with its key."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError

from services.gateway.operations.operation_error import OperationError, invalid_json


def read_strictly(schema: Schema, body: Any) -> dict[str, Any]:
    """A request; what is wrong with it is said with the key. Raises OperationError (400)."""
    if not isinstance(body, dict):
        raise invalid_json()
    try:
        data: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        raise OperationError(400, first_problem(error)) from error
    return data


def first_problem(error: ValidationError) -> str:
    """The first of what is wrong: `key: why`, with the way to the key where it lies deeper."""
    path, found = list[str](), error.messages
    while isinstance(found, dict):
        key, found = next(iter(found.items()))
        # of a dict's entries marshmallow says whether the key or the value is meant; of a whole, `_schema`
        if key not in ("_schema", "value") or not path:
            path.append(str(key))
    why = str(found[0] if isinstance(found, list) else found)
    text = f"{why[:1].lower()}{why[1:].rstrip('.')}"
    return f"{'.'.join(path)}: {text}" if path != ["_schema"] else text
