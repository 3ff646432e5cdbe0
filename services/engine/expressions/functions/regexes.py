"""regexReplace."""

from __future__ import annotations

from grammar.regex import Regex
from services.engine.expressions.operations import Function, Operation
from services.engine.expressions.types import ValueType

FUNCTIONS = (
    Function(
        "regexReplace",
        "The text with every match of a pattern replaced; $1 or ${name} in the replacement stand for groups.",
        {(ValueType.REGEX, ValueType.STRING, ValueType.STRING): Operation(ValueType.STRING, Regex.replace)},
    ),
)
