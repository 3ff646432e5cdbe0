"""Lines of a log: logfmt, read, and written as JSON, an object a line with the same keys."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

PAIR = re.compile(r'([^\s="]+)=(?:"((?:[^"\\]|\\.)*+)"|(\S*))')
_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")


def parse(line: str) -> dict[str, str]:
    """The keys and values of a line of logfmt."""
    return {key: plain if not quoted else unescaped(quoted) for key, quoted, plain in PAIR.findall(line)}


def unescaped(text: str) -> str:
    """What stands between quotes, or a key, as it was before it was written."""
    return _ESCAPE.sub(_character, text)


def json_line(pairs: Mapping[str, Any], hidden: Callable[[str], str]) -> str:
    """Keys and values as JSON. Numbers and truth values stay what they are, all else is text, with its secrets
    ``hidden``."""
    return _object({key: value if _is_json(value) else hidden(str(value)) for key, value in pairs.items()})


def json_of(line: str) -> str:
    """A line of logfmt, in which secrets are hidden, as JSON. What is a whole number in it is one."""
    return _object({key: int(text) if _WHOLE.fullmatch(text) else text for key, text in parse(line).items()})


def _character(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return _ESCAPED.get(match[2], match[2])


def _is_json(value: Any) -> bool:
    finite = not isinstance(value, float) or value - value == 0
    return value is None or (type(value) in (bool, int, float) and finite)


def _object(pairs: Mapping[str, Any]) -> str:
    return json.dumps(pairs, ensure_ascii=False)
