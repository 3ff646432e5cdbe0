"""JSON as Go's encoding/json reads it into values of any kind: every number is a float of 64 bits."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


def parse_json(data: bytes) -> Any:
    """The document: dicts, lists, strings, floats that are finite, booleans, None.

    Bytes that are no UTF-8, and halves of surrogate pairs, become U+FFFD; of a key that stands twice the last counts.
    Raises ValueError.
    """
    text = data.decode("utf-8", "replace")
    try:
        found = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_no_constant)
        return _whole(found) if "\\u" in text else found
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"cannot unmarshal number {text} into Go value of type float64")
    return value


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"invalid character {word[0]!r} looking for beginning of value")


def _whole(value: Any) -> Any:
    """The value with no half of a surrogate pair left in it, which an escape may have written."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(one) for key, one in value.items()}
    return value
