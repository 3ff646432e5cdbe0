"""What questions about changes of alerts' levels share: reading their parameters."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from schemas.api.inspections.inspection import Moment
from schemas.api.oncall.silence import MatcherSchema
from services.alertlog.matchers import matcher
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.reading import first_problem
from services.gateway.queries.listing import number

_MATCHER = MatcherSchema()


def as_texts(parameters: Any) -> Any:
    """The parameters as over HTTP: over the bus `match` may be one text, and numbers numbers."""
    if not isinstance(parameters, dict):
        return parameters
    given = {key: str(value) if isinstance(value, int) else value for key, value in parameters.items()}
    return {**given, "match": [given["match"]]} if isinstance(given.get("match"), str) else given


def wants_csv(format: str, accept: str) -> bool:
    """Whether the answer is to be CSV: by the parameter, else by the header `Accept`. Raises OperationError."""
    if format not in ("", "json", "csv"):
        raise OperationError(400, "invalid format parameter: must be json or csv")
    wished = [one.partition(";")[0].strip() for one in accept.split(",")]
    return format == "csv" or (not format and "text/csv" in wished and "application/json" not in wished)


def matcher_of(text: str) -> dict[str, Any]:
    """The parts of a matcher. Raises OperationError."""
    try:
        read: dict[str, Any] = _MATCHER.load(text)  # type: ignore[arg-type]  # it takes texts as well
        matcher(**read)
        return read
    except ValidationError as error:
        raise OperationError(400, f"invalid match parameter: {first_problem(error)}") from error
    except ValueError as error:
        raise OperationError(400, f"invalid match parameter: {error}") from error


def limit_of(text: str, usual: int, most: int) -> int:
    """How many rows are asked for. Raises OperationError."""
    limit = number("limit", text, usual)
    if not 1 <= limit <= most:
        raise OperationError(400, f"invalid limit parameter: must be 1 to {most}")
    return limit


def time_of(name: str, text: str, otherwise: int) -> int:
    """A time in ns, none before 1970. Raises OperationError."""
    if not text:
        return otherwise
    try:
        at: int = Moment().deserialize(text)
    except ValidationError as error:
        raise OperationError(400, f"invalid {name} parameter: {error.messages[0]}") from error
    return max(0, at)
