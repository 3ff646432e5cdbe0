"""What a run without side effects would have done, a line for each thing, for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from services.cli.output.printing import safe

Effect = Mapping[str, Any]
"""As schemas.api.effect.EffectSchema has it."""

_KIND, _NODE = 10, 16  # places


def effect_line(effect: Effect) -> str:
    """Time, kind and node of it, and what it is by its kind."""
    text = _TEXTS.get(effect["kind"], _others)(effect)
    at = effect.get("time", "")
    return safe(f"{at:30} {effect['kind']:{_KIND}} {effect.get('node', ''):{_NODE}} {text}".rstrip())


def _alert(effect: Effect) -> str:
    was = "" if effect["previousLevel"] == effect["level"] else f" (was {effect['previousLevel']})"
    return f"{effect['level']}{was} {effect['id']}: {effect['message']}"


def _inhibition(effect: Effect) -> str:
    return f"{effect['category']} {_tags(effect['tags'])} {'begins' if effect['on'] else 'ends'}"


def _post(effect: Effect) -> str:
    return f"{effect['url']} {_json(effect['body'])}"


def _influxdb(effect: Effect) -> str:
    if "command" in effect:
        return str(effect["command"])
    return f"{effect['database']}.{effect['retention-policy']} {'; '.join(effect['lines'])}"


def _loopback(effect: Effect) -> str:
    return f"{effect['database']}.{effect['retention-policy']} {'; '.join(effect['lines'])}"


def _log(effect: Effect) -> str:
    what = effect["fields"] if "fields" in effect else effect["points"]
    name = effect.get("point") or effect.get("batch") or ""
    parts = (effect["level"], effect["prefix"], name, _tags(effect["tags"]), _json(what))
    return " ".join(part for part in parts if part)


def _scale(effect: Effect) -> str:
    return f"{effect['resource']} from {effect['old']} to {effect['new']}"


def _error(effect: Effect) -> str:
    return str(effect["error"])


def _others(effect: Effect) -> str:
    return _json({key: value for key, value in effect.items() if key not in ("kind", "node", "time")})


def _tags(tags: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in tags.items())


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_TEXTS: Mapping[str, Callable[[Effect], str]] = {
    "alert": _alert,
    "inhibition": _inhibition,
    "post": _post,
    "influxdb": _influxdb,
    "loopback": _loopback,
    "log": _log,
    "scale": _scale,
    "failure": _error,
    "error": _error,
}
