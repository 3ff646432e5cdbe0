"""Plain values as tests write them: YAML on one line."""

from __future__ import annotations

import json
import re
from typing import Any

from grammar.golang.times import parse_rfc3339
from grammar.golang.yaml_reader import resolve
from schemas.rule_tests.fields import EXACT
from services.testing.input.times import format_time
from services.testing.matching.values import ANYTHING, LITERAL

_PLAIN = re.compile(r"[A-Za-z0-9_./=][A-Za-z0-9_./%=+()'°-]*(?: [A-Za-z0-9_./%=+()'°-]+)*")
_UNPRINTABLE = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")  # as YAML sees them
_SHOWN = {
    "alerts": ("id", "level", "message", "time"),
    "posts": ("url", "body"),
    "influxdb": ("db", "rp", "name", "tags", "fields", "time"),
    "loopbacks": ("db", "rp", "name", "tags", "fields", "time"),
}


def yaml_text(value: Any) -> str:
    """A value in flow style; read again, it is the same."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(str(key))}: {yaml_text(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(yaml_text, value)) + "]"
    if isinstance(value, str):
        return _scalar(value)
    return json.dumps(value, default=str)


def expected_text(value: Any) -> str:
    """A value that came as what is expected: it matches nothing but itself."""
    return yaml_text(_literal(value))


def item_of(kind: str, item: dict[str, Any], start: int, mode: str = "") -> dict[str, Any]:
    """Of one thing that came, what a test would say of it, its times as tests write them."""
    keys = [key for key in _SHOWN.get(kind, item) if key in item and key != "group"]
    if mode == EXACT:
        keys = list(item)
    empty: tuple[Any, ...] = (None, "", {}, [])
    kept = [key for key in keys if mode == EXACT or key == "barrier" or item[key] not in empty]
    return {key: _timed(key, item[key], start) for key in kept}


def _timed(key: str, value: Any, start: int) -> Any:
    if isinstance(value, dict):
        return {name: _timed(name, one, start) for name, one in value.items()}
    if isinstance(value, list):
        return [_timed("", one, start) for one in value]
    return time_text(value, start) if key == "time" else value


def time_text(value: Any, start: int) -> Any:
    """A time of RFC 3339 as tests write it; anything else as it is."""
    try:
        return format_time(parse_rfc3339(value), start) if isinstance(value, str) else value
    except ValueError:
        return value


def _literal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _literal(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_literal(one) for one in value]
    if not isinstance(value, str):
        return value
    pattern = len(value) > 1 and value[0] == value[-1] == "/"
    return LITERAL + value if pattern or value == ANYTHING or value.startswith(("~", LITERAL)) else value


def _scalar(text: str) -> str:
    plain = _PLAIN.fullmatch(text) is not None and resolve(text) == text and not text.startswith("= ")
    if plain and text not in ("<<", "="):
        return text
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))
