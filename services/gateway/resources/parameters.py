"""What the resources of alerts share: reading the parameters of their lists."""

from __future__ import annotations

from grammar.regex import Regex
from services.gateway.commands.refusal import Refusal
from services.gateway.glob import compile_glob
from services.gateway.operation import Question

_MALFORMED = compile_glob("[")


def pattern(asked: Question, wrong: str = "invalid pattern") -> Regex | None:
    """What ids must fit, None where all do. Raises Refusal for a malformed one, which is `wrong`."""
    given = text(asked, "pattern")
    if not given:
        return None
    compiled = compile_glob(given)
    if compiled is _MALFORMED:
        raise Refusal(400, f"{wrong}: syntax error in pattern")
    return compiled


def text(asked: Question, name: str) -> str:
    """A parameter, "" where it is not given. Raises Refusal for what is no string."""
    given = asked.parameters.get(name, "")
    if not isinstance(given, str):
        raise Refusal(400, f"invalid {name} parameter: must be a string")
    return given
