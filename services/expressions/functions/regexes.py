"""regexReplace."""

from __future__ import annotations

from grammar.regex import Regex
from services.expressions.typed.signatures import Function, TypedOperation
from services.expressions.typed.types import ValueType

FUNCTIONS = (
    Function(
        "regexReplace",
        "The text with every match of a pattern replaced; $1 or ${name} in the replacement stand for groups.",
        {(ValueType.REGEX, ValueType.STRING, ValueType.STRING): TypedOperation(ValueType.STRING, Regex.replace)},
    ),
)
