"""Lines of a log as sessions show them in JSON: what Chronograf's log panel reads."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from grammar.golang.numbers import float_of
from services.process.log_lines import PAIR, unescaped

_INTEGER = re.compile(r"-?[0-9]+")
_TOO_LONG = 21  # for an integer of 64 bits: it is a float, written without an exponent
_GROUPED = ("tag", "field")
_OF_POINTS = frozenset({"point", "begin batch", "batch point", "end batch"})
_WORDS = {"true": True, "false": False, "null": None}


def session_object(line: str, pairs: Mapping[str, str]) -> Mapping[str, Any]:
    """What the JSON of a line in a log session holds: its keys and values, of a point tags and
    fields as an object each.

    Fields have the types that the node `log` has given them: what is quoted is a text.
    """
    if pairs.get("msg") not in _OF_POINTS or pairs.get("service") != "kapacitor":
        return pairs
    found: dict[str, Any] = {}
    for match in PAIR.finditer(line):
        key = match[1]
        kind, _, name = key.partition("_")
        if not name or kind not in _GROUPED:
            found[key] = pairs[key]
        else:
            value = _typed(match[3]) if kind == "field" and match[2] is None else pairs[key]
            found.setdefault(kind, {})[unescaped(name)] = value
    for kind in _GROUPED if pairs["msg"].endswith("point") else _GROUPED[:1]:
        found.setdefault(kind, {})
    return found


def _typed(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) and len(text) < _TOO_LONG:
        return int(text)
    number = float_of(text)
    return text if number is None or not math.isfinite(number) else number
