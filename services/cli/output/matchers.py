"""Matchers of silences and mutes as they are written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def matchers_text(matchers: Iterable[dict[str, Any]]) -> str:
    """All of them in a line."""
    return " ".join(map(_text, matchers))


def _text(matcher: dict[str, Any]) -> str:
    operator = ("=~" if matcher["is-equal"] else "!~") if matcher["is-regex"] else "=" if matcher["is-equal"] else "!="
    value = matcher["value"]
    return f"{matcher['name']}{operator}{value if value and ' ' not in value else json.dumps(value)}"
