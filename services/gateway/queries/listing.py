"""What lists of every kind share: reading their parameters, and choosing by pattern, offset and limit."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from marshmallow import Schema, ValidationError

from grammar.golang.numbers import parse_int
from services.gateway.operations.operation_error import OperationError
from services.gateway.queries.glob import compile_glob

_DEFAULT_LIMIT = 100


def load(schema: Schema, parameters: Any) -> dict[str, Any]:
    """A query's parameters. Raises OperationError."""
    try:
        loaded: dict[str, Any] = schema.load(parameters)
    except ValidationError as error:
        raise OperationError(400, f"invalid parameters: {error}") from error
    return loaded


def raw_script(given: dict[str, Any]) -> bool:
    """Whether scripts are to be shown as they were given. Raises OperationError."""
    script_format: str = given["script_format"]
    if script_format not in ("", "formatted", "raw"):
        raise OperationError(400, f'invalid script-format parameter "{script_format}"')
    return script_format == "raw"


class Page:
    """Which part of a list is asked for. Raises OperationError where a parameter is wrong."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._pattern: str = given["pattern"]
        self._offset = max(_integer("offset", given["offset"], 0), 0)
        self._limit = _integer("limit", given["limit"], _DEFAULT_LIMIT)

    def of(self, ids: Iterable[str]) -> list[str]:
        """The ids of that part. A malformed pattern matches none; a negative limit is none."""
        if self._pattern:
            glob = compile_glob(self._pattern)
            ids = (id for id in ids if glob.matches(id))
        found = list(ids)[self._offset :]
        return found if self._limit < 0 else found[: self._limit]


def check_fields(fields: Iterable[str], known: Collection[str]) -> None:
    """Raises OperationError for a field that does not exist."""
    for field in fields:
        if field not in known:
            raise OperationError(400, f'unsupported field "{field}"')


def number(name: str, text: str, default: int) -> int:
    """A parameter that is 0 or more. Raises OperationError."""
    given = _integer(name, text, default)
    if given < 0:
        raise OperationError(400, f'invalid {name} parameter "{text}" must not be negative')
    return given


def _integer(name: str, text: str, default: int) -> int:
    if not text:
        return default
    try:
        return parse_int(text)
    except ValueError:
        raise OperationError(400, f'invalid {name} parameter "{text}" must be an integer') from None
