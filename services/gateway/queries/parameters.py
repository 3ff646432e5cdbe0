"""What resources share: reading their parameters."""

from __future__ import annotations

from grammar.regex import Regex
from schemas.api.inspections.tags import parse_tags
from services.gateway.operations.operation import OperationRequest
from services.gateway.operations.operation_error import OperationError
from services.gateway.queries.glob import compile_glob

_MALFORMED = compile_glob("[")


def pattern(request: OperationRequest, wrong: str = "invalid pattern") -> Regex | None:
    """What ids must fit, None where all do. Raises OperationError for a malformed one, which is `wrong`."""
    given = text(request, "pattern")
    if not given:
        return None
    compiled = compile_glob(given)
    if compiled is _MALFORMED:
        raise OperationError(400, f"{wrong}: syntax error in pattern")
    return compiled


def text(request: OperationRequest, name: str) -> str:
    """A parameter, "" where it is not given. Raises OperationError for what is no string."""
    given = request.parameters.get(name, "")
    if not isinstance(given, str):
        raise OperationError(400, f"invalid {name} parameter: must be a string")
    return given


def tags_of(group: str) -> dict[str, str]:
    """The parameter `group`, as host=a,cpu=0: values by tags. Raises OperationError for what is none."""
    try:
        return parse_tags(group)
    except ValueError as error:
        raise OperationError(400, f"group: {str(error)!r} is no tag with its value as host=a") from error
