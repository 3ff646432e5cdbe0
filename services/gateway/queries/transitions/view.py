"""A change of an alert's level as the API shows it."""

from __future__ import annotations

from typing import Any

from grammar.golang.durations import format_go_duration
from grammar.golang.times import format_rfc3339
from schemas.requests.alerting import LEVELS


def show_transition(one: dict[str, Any]) -> dict[str, Any]:
    """What alerting says of one (schemas.requests.alerting.TransitionSchema) as a schemas.api TransitionSchema."""
    return {
        **{key: one[key] for key in ("topic", "id", "task", "name", "tags")},
        "level": LEVELS[one["level"]],
        "previousLevel": LEVELS[one["previous"]],
        "time": format_rfc3339(one["time"]),
        "stored": format_rfc3339(one["stored"]),
        "duration": format_go_duration(one["duration"]),
        "message": one["message"],
        **{why: one[why] for why in ("silenced", "muted", "flapping")},
    }
